"""Initials, finals and pieces of words as syllables and words: hypotheses, networks, transcripts."""

import numpy as np
import pytest

from ctc_decode import ConfusionNetwork, GreedyDecoder
from ramospeech import stages
from ramospeech.composition import composed, composed_network
from ramospeech.recogniser import CtcRecogniser
from ramospeech.text import Vocabulary
from ramospeech.text.units import UNITS, units_of_model
from ramospeech.translate import Translation

PARTS = UNITS["initials_finals"].inventory().units
MIXED = ("<blank>", "<UNK>", "da3", "kai1", "ta3", "ba", "▁a", "##pp", "▁ok", "##s")


def posteriors(units, path, others=()):
    """Log-posteriors (T', V) of one frame per token of `path`, blank frames between; others: (frame, unit, p)."""
    rows = np.full((2 * len(path) + 1, len(units)), 1e-4)
    rows[:, 0] = 1.0
    for number, token in enumerate(path):
        rows[2 * number + 1] = 1e-4
        rows[2 * number + 1, units.index(token)] = 0.9
    for frame, unit, probability in others:
        rows[frame, units.index(unit)] = probability
    return np.log(rows / rows.sum(1, keepdims=True)).astype(np.float32)


class Model:
    def __init__(self, kind, units):
        self.units, self.vocabulary = units_of_model(kind, tuple(units)), Vocabulary(units)
        self.reduction, self.seconds_per_frame, self.min_samples = 8, 0.08, 1


def recognised(kind, units, rows):
    model = Model(kind, units)
    return CtcRecogniser(model, lambda w, n: (w, n), GreedyDecoder(units)).read(rows)


def test_syllables_have_the_frames_and_the_lowest_confidence_of_their_parts():
    result = recognised("initials_finals", PARTS, posteriors(PARTS, ["n", "i3", "h", "ao3", "a5"], [(3, "i3", 0.4)]))
    [best] = result.hypotheses
    assert best.tokens == ("ni3", "hao3", "a")
    assert best.start_frames == (1, 5, 9) and best.end_frames == (4, 8, 10)
    assert best.confidences[0] < best.confidences[1] and len(best.ids) == 3


def test_syllables_compete_with_what_the_alternatives_of_their_parts_make():
    rows = posteriors(PARTS, ["zh", "ang1"], [(1, "ch", 0.3), (3, "an1", 0.2)])
    [slot] = recognised("initials_finals", PARTS, rows).network.slots
    found = dict(slot.alternatives)
    assert next(iter(found)) == "zhang1" and {"chang1", "zhan1", "chan1"} <= set(found)
    assert found["zhang1"] > found["chang1"] > found["zhan1"] > found["chan1"]
    assert sum(found.values()) == pytest.approx(1.0) and (slot.start_frame, slot.end_frame) == (1, 4)
    assert all(name.endswith("1") for name in found if found[name] > 0.01)


def test_words_are_one_slot_and_what_is_between_their_pieces_is_left_out():
    rows = posteriors(MIXED, ["da3", "▁a", "##pp", "ba"], [(1, "ta3", 0.3), (4, "ba", 0.3), (7, "##s", 0.2)])
    result = recognised("mixed", MIXED, rows)
    assert result.hypotheses[0].tokens == ("da3", "▁app", "ba")
    slots = [dict(slot.alternatives) for slot in result.network.slots]
    assert [max(slot, key=slot.get) for slot in slots] == ["da3", "▁app", "ba"]
    assert "ta3" in slots[0] and slots[1] == {"▁app": 1.0} and "##s" not in slots[2]


def test_a_network_of_something_else_gives_none():
    rows = posteriors(MIXED, ["da3", "▁a", "##pp"])
    units = units_of_model("mixed", MIXED)
    [[best]] = GreedyDecoder(MIXED).decode(rows[None], np.array([len(rows)]))
    assert composed_network(ConfusionNetwork(()), best, units) is None
    assert composed(best, units).tokens == ("da3", "▁app")


class Spell:
    """A translator that knows no words, as all do."""

    def translate_batch(self, sentences, nbest=1):
        for sentence in sentences:
            yield [Translation("".join("□" if t.startswith("▁") else "字" for t in sentence), 0.0, tuple(sentence))]

    def translate_networks(self, networks, nbest=1, hotwords=None):
        for network in networks:
            [text] = next(self.translate_batch([network.best()]))
            yield [Translation(text.hanzi, 0.0, text.syllables, tuple(range(len(network.slots))))]


@pytest.mark.parametrize("networks", [True, False])
@pytest.mark.parametrize("translated", [True, False])
def test_words_pass_a_translator_untouched(networks, translated):
    rows = posteriors(MIXED, ["da3", "kai1", "▁a", "##pp", "▁ok", "ba"])
    model = Model("mixed", MIXED)
    result = CtcRecogniser(model, lambda w, n: (w, n), GreedyDecoder(MIXED), networks).read(rows)
    pieces = [stages.RecognisedPiece(0.0, None, result), stages.End("a", 2.0)]
    texts = stages.translate(pieces, Spell() if translated else None, 1)
    [transcript] = stages.join(texts, model.seconds_per_frame, 1, translated, model.units.writes_text)
    assert transcript.pinyin == ("da3", "kai1", "app", "ok", "ba")
    assert transcript.text == ("字字app ok字" if translated else "")
    assert [token.hanzi for token in transcript.tokens] == (["字", "字", "app", "ok", "字"] if translated else [""] * 5)
    assert [token.pinyin for token in transcript.tokens] == list(transcript.pinyin)
    assert all(a.end <= b.start + 1e-9 for a, b in zip(transcript.tokens, transcript.tokens[1:], strict=False))
    assert [text.hanzi for text in transcript.nbest] == (["字字app ok字"] if translated else [])

"""Each stage of a transcription alone: order, look-ahead, and what happens to recordings that cannot be read."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from ctc_decode import ConfusionNetwork, Hypothesis
from ctc_decode.confusion import Slot
from ramospeech.audio import SAMPLE_RATE
from ramospeech.errors import AudioError
from ramospeech.recogniser import Recognised
from ramospeech.stages import End, Piece, RecognisedPiece, TranslatedPiece, cut, join, recognise, translate
from ramospeech.translate import Phrases, Translation


def hypothesis(*tokens: str, score: float = -1.0) -> Hypothesis:
    starts = tuple(range(0, 2 * len(tokens), 2))
    ids = tuple(range(1, len(tokens) + 1))
    ends = tuple(start + 1 for start in starts)
    return Hypothesis(tokens, ids, score, score, 0.0, starts, ends, (0.9, 0.8, 0.7)[: len(tokens)])


def wave(seconds: float, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(-0.1, 0.1, int(seconds * SAMPLE_RATE)).astype(np.float32)


class Lengths:
    """Recognises in each waveform its number of samples; keeps the shapes of batches."""

    min_samples = 160

    def __init__(self) -> None:
        self.batches: list[tuple[int, ...]] = []

    def __call__(self, waveforms, lengths):
        assert all(not row[length:].any() for row, length in zip(waveforms, lengths, strict=True))
        self.batches.append(tuple(waveforms.shape))
        return [Recognised([hypothesis(str(int(length)))], None) for length in lengths]


def test_pieces_come_before_the_end_of_their_recording(rng):
    phrases = Phrases({"yi1": 5.0})
    sources: Any = [
        ((wave(1.0, rng), SAMPLE_RATE), None),
        ("none.wav", None),
        ((wave(7.0, rng), SAMPLE_RATE), phrases),
        ((wave(0.005, rng), SAMPLE_RATE), None),
        (b"not audio", None),
        ((wave(2.0, rng), SAMPLE_RATE), None),
    ]
    items = list(cut(sources, max_seconds=3.0, min_samples=160))
    ends = [item for item in items if isinstance(item, End)]
    assert [end.seconds for end in ends] == [1.0, 0.0, 7.0, 0.005, 0.0, 2.0]
    reasons = [None, "none.wav: no such file", None, "too short: 0.005 s", "cannot be read as audio", None]
    assert all((reason is None) == (end.error is None) for end, reason in zip(ends, reasons, strict=True))
    assert all(reason is None or reason in str(end.error) for end, reason in zip(ends, reasons, strict=True))
    assert isinstance(items[-1], End)
    third = items[items.index(ends[1]) + 1 : items.index(ends[2])]
    pieces = [piece for piece in third if isinstance(piece, Piece)]
    assert len(pieces) == len(third) >= 3
    lengths = np.array([len(piece.waveform) for piece in pieces])
    assert [piece.start * SAMPLE_RATE for piece in pieces] == [0, *lengths.cumsum()[:-1]]
    assert lengths.sum() == 7 * SAMPLE_RATE
    assert all(piece.hotwords is phrases for piece in pieces)


@pytest.mark.parametrize("constant", [0.0, 0.02])
def test_digital_silence_is_not_recognised(rng, constant):
    """What is left out of a piece moves no time, and is told; a short silence stays."""
    silence, sound = np.full(30 * SAMPLE_RATE, constant, np.float32), wave(2.0, rng)
    seconds: list[float] = []

    def pieces_of(*parts: np.ndarray) -> list[Piece | End]:
        seconds.clear()
        return list(cut([((np.concatenate(parts), SAMPLE_RATE), None)], 100.0, 160, seconds.append))

    assert pieces_of(silence) == [End("<480000 samples at 16000 Hz>", 30.0)] and seconds == [30.0]
    piece, end = pieces_of(silence, sound, silence)
    assert isinstance(piece, Piece) and isinstance(end, End) and end.seconds == 62.0
    assert piece.start == pytest.approx(29.5, abs=0.01) and len(piece.waveform) == pytest.approx(3 * SAMPLE_RATE, abs=9)
    assert sum(seconds) == pytest.approx(59.0, abs=0.01)
    for parts in ((silence[: 2 * SAMPLE_RATE], sound), (sound, sound), (silence[:SAMPLE_RATE],)):
        [whole, _] = pieces_of(*parts)
        assert isinstance(whole, Piece) and whole.start == 0.0 and not seconds
        assert len(whole.waveform) == sum(map(len, parts))
    [transcript] = join(translate(recognise(pieces_of(silence), Lengths(), 8.0), None, 1), 0.1, 1, translated=False)
    assert (transcript.text, transcript.error, transcript.seconds) == ("", None, 30.0)


def test_a_recording_that_breaks_off_has_its_pieces_and_an_error(rng, monkeypatch):
    def segments(source, max_seconds, report):
        yield 0.0, wave(1.0, rng)
        report("a.wav: a note")
        raise AudioError("a.wav: truncated")

    monkeypatch.setattr("ramospeech.stages.segments", segments)
    piece, end = cut([("a.wav", None)], 20.0, 160)
    assert isinstance(piece, Piece)
    assert end == End("a.wav", 1.0, ("a.wav: a note",), "a.wav: truncated")
    [transcript] = join(
        [TranslatedPiece(0.0, hypothesis("yi1"), (Translation("一", 0.0),), (), ()), end], 0.1, 1, translated=True
    )
    assert (transcript.text, transcript.tokens, transcript.error) == ("", (), "a.wav: truncated")
    assert (transcript.seconds, transcript.warnings) == (1.0, ("a.wav: a note",))


def test_freed_memory_goes_back_between_windows_of_a_long_recording(rng, monkeypatch):
    calls: list[int] = []
    monkeypatch.setattr("ramospeech.stages.release_freed_memory", lambda: calls.append(1))
    for seconds, expected in ((1, 0), (15, 0), (70, 4)):
        pieces: list[Piece | End] = [Piece(float(n), wave(1.0, rng)) for n in range(seconds)]
        calls.clear()
        assert len(list(recognise([*pieces, End("a", float(seconds))], Lengths(), 1.0))) == seconds + 1
        assert len(calls) == pytest.approx(expected, abs=1) and bool(calls) == bool(expected)


@pytest.mark.parametrize("batch_seconds", [0.1, 1.0, 8.0, 100.0])
def test_pieces_are_recognised_in_batches_and_keep_their_order(rng, batch_seconds):
    items: list[Piece | End] = []
    for number in range(60):
        pieces = [Piece(0.5 * i, wave(rng.uniform(0.05, 3.0), rng)) for i in range(rng.integers(0, 4))]
        items += [*pieces, End(str(number), 1.0)]
    recogniser = Lengths()
    seconds: list[float] = []
    found = list(recognise(items, recogniser, batch_seconds, seconds.append))
    assert len(found) == len(items)
    for before, after in zip(items, found, strict=True):
        if isinstance(before, End):
            assert after is before
        else:
            assert isinstance(after, RecognisedPiece)
            assert after.start == before.start
            assert after.result.hypotheses[0].tokens == (str(len(before.waveform)),)
    assert all(rows == 1 or rows * samples <= batch_seconds * SAMPLE_RATE for rows, samples in recogniser.batches)
    assert sum(seconds) == pytest.approx(
        sum(len(item.waveform) for item in items if isinstance(item, Piece)) / SAMPLE_RATE
    )


def test_an_item_that_waits_for_nothing_is_passed_on_at_once(rng):
    taken: list[int] = []

    def items():
        for number in range(10_000):
            taken.append(number)
            yield End(str(number), 0.0, error="cannot be read") if number != 5 else Piece(0.0, wave(0.1, rng))

    found = recognise(items(), Lengths(), 8.0)
    for number in range(5):
        assert next(found) == End(str(number), 0.0, error="cannot be read")
        assert len(taken) == number + 1
    assert isinstance(next(found), RecognisedPiece)
    assert len(taken) < 5000  # then they wait for audio that fills a window, but not without bound


class Echo:
    """Gives as characters what it was asked to translate."""

    def translate_batch(self, sentences, nbest=1):
        return ([Translation("".join(sentence), 0.0, tuple(sentence))] for sentence in sentences)

    def translate_networks(self, networks, nbest=1, hotwords=None):
        for network, phrases in zip(networks, hotwords, strict=True):
            tokens = [slot.alternatives[-1][0] for slot in network.slots]
            yield [Translation("".join(tokens), float(phrases is not None), tuple(tokens), tuple(range(len(tokens))))]


def test_texts_come_from_networks_and_without_those_from_hypotheses():
    network = ConfusionNetwork((Slot((("a", 0.6), ("b", 0.4)), 3, 5), Slot((("c", 1.0),), 7, 8)))
    phrases = Phrases({"yi1": 5.0})
    heard = hypothesis("x", "y")
    items: list[Any] = [
        RecognisedPiece(1.0, phrases, Recognised([heard], network)),
        End("first", 1.0),
        RecognisedPiece(0.0, None, Recognised([heard], None)),
        End("second", 1.0),
    ]
    first, end, second, _ = translate(items, Echo(), 1)
    text = Translation("bc", 1.0, ("b", "c"), (0, 1))
    assert first == TranslatedPiece(1.0, heard, (text,), ((3, 5), (7, 8)), (0.4, 1.0))
    assert end is items[1]
    assert second == TranslatedPiece(0.0, heard, (Translation("xy", 0.0, ("x", "y")),), ((0, 1), (2, 3)), (0.9, 0.8))
    [alone] = translate([RecognisedPiece(0.0, phrases, Recognised([heard], None))], Echo(), 1)
    text = Translation("xy", 1.0, ("x", "y"), (0, 1))  # the hotwords are not lost
    assert alone == TranslatedPiece(0.0, heard, (text,), ((0, 1), (2, 3)), (0.9, 0.8))
    plain, *_ = translate(items, None, 1)
    assert plain == TranslatedPiece(1.0, heard, (Translation("", 0.0, ("x", "y")),), ((0, 1), (2, 3)), (0.9, 0.8))
    unsure = RecognisedPiece(0.0, None, Recognised([replace(heard, confidences=())], None))
    [piece] = [item for item in translate([unsure], None, 1) if isinstance(item, TranslatedPiece)]
    assert piece.confidences == (None, None)


class Reader(Echo):
    """Reads each character otherwise than it was recognised."""

    def translate_batch(self, sentences, nbest=1):
        for [text] in super().translate_batch(sentences, nbest):
            yield [replace(text, readings=tuple(each.upper() for each in text.syllables))]

    def translate_networks(self, networks, nbest=1, hotwords=None):
        for [text] in super().translate_networks(networks, nbest, hotwords):
            yield [replace(text, readings=tuple(each.upper() for each in text.syllables))]


def test_pinyin_is_how_the_text_is_read_and_confidence_of_what_was_recognised():
    network = ConfusionNetwork((Slot((("a", 0.6), ("b", 0.4)), 3, 5), Slot((("c", 1.0),), 7, 8)))
    [found] = translate([RecognisedPiece(1.0, None, Recognised([hypothesis("x", "y")], network))], Reader(), 1)
    assert isinstance(found, TranslatedPiece)
    assert found.texts == (Translation("bc", 0.0, ("B", "C"), (0, 1)),)
    assert found.confidences == (0.4, 1.0)
    [alone] = translate([RecognisedPiece(1.0, None, Recognised([hypothesis("x", "y")], None))], Reader(), 1)
    assert isinstance(alone, TranslatedPiece)
    assert alone.texts[0].syllables == ("X", "Y")


def test_recordings_are_joined_from_their_pieces():
    def piece(start: float, *texts: tuple[str, float]) -> TranslatedPiece:
        translations = tuple(Translation(hanzi, score, tuple(hanzi)) for hanzi, score in texts)
        return TranslatedPiece(start, hypothesis("x", score=-2.0), translations, ((0, 1),), (1.0 - start / 4,))

    items: list[Any] = [
        piece(0.0, ("一", -0.5), ("二", -1.5)),
        piece(1.0, ("三", -1.0), ("四", -4.0)),
        End("a", 2.0, ("note",)),
        End("b", 1.0, (), "no such file"),
        piece(0.0, ("五", 0.0)),
        End("c", 1.0),
    ]
    a, b, c = join(items, 0.1, 3, translated=True)
    assert (a.id, a.text, a.pinyin, a.score, a.warnings) == ("a", "一三", ("一", "三"), -1.5, ("note",))
    assert [text.hanzi for text in a.nbest] == ["一三", "二三", "一四"]
    assert [(token.start, token.confidence) for token in a.tokens] == [(0.0, 1.0), (1.0, 0.75)]
    assert (b.text, b.error, b.seconds) == ("", "no such file", 1.0)
    assert (c.text, c.score) == ("五", 0.0)
    syllables = TranslatedPiece(0.0, hypothesis("x", score=-2.0), (Translation("", 0.0, ("x",)),), ((0, 1),), (0.9,))
    [heard] = join([syllables, End("d", 1.0)], 0.1, 1, translated=False)
    assert heard.score == -2.0  # of the decoder


def test_records_cannot_be_changed(rng):
    piece: Any = Piece(0.0, wave(0.1, rng))
    with pytest.raises(FrozenInstanceError):
        piece.start = 1.0


def test_a_model_that_writes_characters_has_text_and_no_pinyin():
    def piece(start: float, *characters: str) -> TranslatedPiece:
        heard = hypothesis(*characters)
        frames = tuple(zip(heard.start_frames, heard.end_frames, strict=True))
        return TranslatedPiece(start, heard, (Translation("", 0.0, characters),), frames, heard.confidences)

    items: list[Any] = [piece(0.0, "打", "o", "k"), piece(1.0, "a", "吧"), End("a", 2.0)]
    [transcript] = join(items, 0.1, 1, translated=False, written=True)
    assert (transcript.text, transcript.pinyin, transcript.nbest) == ("打ok a吧", (), ())
    assert [(token.hanzi, pytest.approx(token.start), token.confidence) for token in transcript.tokens] == [
        ("打", 0.0, 0.9),
        ("ok", 0.2, 0.7),
        ("a", 1.0, 0.9),
        ("吧", 1.2, 0.8),
    ]

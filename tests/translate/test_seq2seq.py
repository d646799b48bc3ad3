"""The network, its search and its file, compared with brute force and on invalid input."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ctc_decode import ConfusionNetwork, Hypothesis, Slot
from ramospeech.errors import ModelError
from ramospeech.translate import NgramTranslator, Seq2SeqTranslator, load_translator, translate_nbest
from ramospeech.translate.error_model import Syllables
from ramospeech.translate.ngram.model import BOUNDARY
from ramospeech.translate.seq2seq import file as seq2seq_file
from ramospeech.translate.seq2seq.model import Seq2Seq, Seq2SeqConfig


def make_network(characters: int) -> Seq2Seq:
    torch.manual_seed(0)
    network = Seq2Seq(Seq2SeqConfig(len(Syllables()), characters, width=12, layers=1, decoder=10))
    with torch.no_grad():  # larger differences between the scores of candidates
        network.character.weight.mul_(8.0)
    return network.eval()


def network_of(*slots: dict[str | None, float]) -> ConfusionNetwork:
    return ConfusionNetwork(tuple(Slot(tuple(slot.items()), 2 * u, 2 * u + 1) for u, slot in enumerate(slots)))


@pytest.fixture(scope="module")
def translator(small_translator: NgramTranslator) -> Seq2SeqTranslator:
    return Seq2SeqTranslator(make_network(len(small_translator.model.characters)), small_translator.model)


def hypothesis(text: str, score: float = 0.0) -> Hypothesis:
    tokens = tuple(text.split())
    frames = tuple(range(len(tokens)))
    return Hypothesis(tokens, frames, score, score, 0.0, frames, tuple(f + 1 for f in frames))


@torch.inference_mode()
def brute_force(translator: Seq2SeqTranslator, syllables: list[str], keep: int) -> list[tuple[float, str]]:
    """All sentences of the `keep` most likely candidates of each position, scored by the plain forward pass."""
    network, ngram = translator.network, translator.ngram
    observed = translator.channel.syllables.ids(syllables)
    positions = [translator.channel.candidates(i) for i in observed]
    found = []
    for chosen in itertools.product(*[np.argsort(-costs)[:keep] for _, costs in positions]):
        text = [int(ids[k]) for (ids, _), k in zip(positions, chosen, strict=True)]
        states = network(torch.tensor([observed]), torch.tensor([[BOUNDARY, *text[:-1]]]))[0]
        score, before = 0.0, [BOUNDARY, BOUNDARY, *text]
        for u, (ids, costs) in enumerate(positions):
            logits = states[u] @ network.character.weight[ids].T + network.bias[ids]
            score += float((logits + torch.from_numpy(costs)).log_softmax(0)[chosen[u]])
            ngram_score = ngram.log_prob(before[u], before[u + 1], text[u]) + float(costs[chosen[u]])
            score += translator.ngram_weight * ngram_score
        score += translator.ngram_weight * ngram.log_prob(before[-2], before[-1], BOUNDARY)
        found.append((score, "".join(ngram.characters[i] for i in text)))
    return sorted(found, reverse=True)


def test_a_wide_beam_finds_what_brute_force_finds(translator: Seq2SeqTranslator, monkeypatch) -> None:
    monkeypatch.setattr("ramospeech.translate.channel.CANDIDATES", 6)
    monkeypatch.setattr("ramospeech.translate.seq2seq.translator.CANDIDATES", 6)
    wide = Seq2SeqTranslator(translator.network, translator.ngram, beam=300)
    expected = brute_force(wide, ["ta1", "zai4", "ni3"], keep=6)
    found = wide.translate(["ta1", "zai4", "ni3"], nbest=5)
    assert [text.hanzi for text in found] == [text for _, text in expected[:5]]
    np.testing.assert_allclose([text.score for text in found], [score for score, _ in expected[:5]], atol=1e-3)


@pytest.mark.parametrize("weight", [0.0, 2.0])
@torch.inference_mode()
def test_log_prob_is_that_of_the_network_alone(translator: Seq2SeqTranslator, weight: float) -> None:
    """Independent of the weight of the n-gram model; compared with the plain forward pass."""
    network, ngram = translator.network, translator.ngram
    weighted = Seq2SeqTranslator(network, ngram, ngram_weight=weight)
    for sentence in (["ta1", "zai4", "ni3"], ["ni3", "hao3"], ["yin2", "hang2", "zai4", "na3", "li3"]):
        observed = translator.channel.syllables.ids(sentence)
        for text in weighted.translate(sentence, 3):
            ids = [ngram.characters.index(character) for character in text.hanzi]
            states = network(torch.tensor([observed]), torch.tensor([[BOUNDARY, *ids[:-1]]]))[0]
            expected = 0.0
            for u, (candidates, costs) in enumerate(map(translator.channel.candidates, observed)):
                logits = states[u] @ network.character.weight[candidates].T + network.bias[candidates]
                log_p = (logits + torch.from_numpy(costs)).log_softmax(0)
                expected += float(log_p[candidates.tolist().index(ids[u])])
            assert text.log_prob == pytest.approx(expected, abs=1e-3)
            assert weight or text.score == pytest.approx(expected, abs=1e-3)


def test_log_probs_of_the_ngram_translator_sum_to_one(small_translator: NgramTranslator) -> None:
    exact = NgramTranslator(small_translator.model, None, log_probs=True)
    for sentence in (["ni3"], ["ni3", "hao3"], ["qqq"]):
        found = exact.translate(sentence, nbest=10**5)
        assert sum(np.exp(text.log_prob) for text in found) == pytest.approx(1.0, abs=1e-4)
    [unsure] = exact.translate_networks([UNSURE])
    assert unsure[0].log_prob is not None and unsure[0].log_prob <= 0
    assert small_translator.translate(["ni3"])[0].log_prob is None


def test_a_sentence_does_not_depend_on_its_batch(translator: Seq2SeqTranslator) -> None:
    sentences = [s.split() for s in ("ni3 hao3 ma", "", "jin1 tian1 tian1 qi4 hen3 hao3", "ta1", "qqq ni3")]
    together = list(translator.translate_batch(sentences, nbest=3))
    for sentence, found in zip(sentences, together, strict=True):
        alone = translator.translate(sentence, nbest=3)
        assert [text.hanzi for text in alone] == [text.hanzi for text in found]
        np.testing.assert_allclose([t.score for t in alone], [t.score for t in found], atol=1e-4)
        assert all(len(text.hanzi) == len(sentence) for text in found)
    assert together[1][0].hanzi == "" and together[4][0].hanzi.startswith("□")


def test_a_long_line(translator: Seq2SeqTranslator) -> None:
    assert len(translator.translate(["ni3", "hao3"] * 5000)[0].hanzi) == 10_000


def test_a_certain_confusion_network_is_the_sentence(small_translator: NgramTranslator) -> None:
    sentences = ["ni3 hao3 ma", "de", "", "jin1 qqq hao3"]
    networks = [network_of(*({syllable: 1.0} for syllable in sentence.split())) for sentence in sentences]
    for sentence, [found] in zip(sentences, small_translator.translate_networks(networks), strict=True):
        [expected] = small_translator.translate(sentence.split())
        assert (found.hanzi, found.syllables) == (expected.hanzi, tuple(sentence.split()))
        assert found.score == pytest.approx(expected.score, abs=1e-4)


@pytest.mark.parametrize(("last", "text", "slots"), [(0.2, "你好吗", (0, 1, 2)), (6e-6, "你好", (0, 1))])
def test_an_optional_syllable_is_kept_if_the_language_model_supports_it(
    small_translator: NgramTranslator, last: float, text: str, slots: tuple[int, ...]
) -> None:
    unsure = network_of({"ni3": 1.0}, {"hao3": 0.95, "bao3": 0.05}, {None: 1 - last, "ma": last})
    networks = [unsure, ConfusionNetwork(()), network_of({None: 1.0})]
    [found], *nothing = small_translator.translate_networks(networks)
    assert (found.hanzi, found.slots) == (text, slots)
    assert found.syllables == ("ni3", "hao3", "ma")[: len(text)]
    assert [texts[0].hanzi for texts in nothing] == ["", ""]


UNSURE = network_of(
    {"jin1": 1.0}, {"tian1": 0.9, "dian1": 0.1}, {"dian1": 0.6, "tian1": 0.4}, {"xi4": 0.7, "qi4": 0.3},
    {"hen3": 1.0}, {"gao1": 0.6, "hao3": 0.4},
)  # fmt: skip


def test_a_single_syllable_keeps_its_best_alternative(small_translator: NgramTranslator) -> None:
    rare_and_frequent = {"tian1": 0.6, "wo3": 0.4}
    alone = network_of({None: 0.9, "men": 0.1}, rare_and_frequent)
    in_context = network_of(rare_and_frequent, {"men": 1.0})
    [[observed], [corrected]] = small_translator.translate_networks([alone, in_context])
    assert (observed.syllables, observed.slots) == (("tian1",), (1,))
    assert corrected.syllables == ("wo3", "men")


def test_the_alternatives_that_the_language_model_prefers_are_chosen(small_translator: NgramTranslator) -> None:
    """The syllables of a translation belong to its characters."""
    [found, *others] = next(iter(small_translator.translate_networks([UNSURE], nbest=3)))
    assert found.hanzi == "今天天气很好"
    assert found.syllables == ("jin1", "tian1", "tian1", "qi4", "hen3", "hao3")
    assert len(others) == 2 and all(len(other.syllables) == len(other.hanzi) == 6 for other in others)


def test_a_slot_of_alternatives_keeps_its_likely_characters(small_translator: NgramTranslator, monkeypatch) -> None:
    [expected] = next(iter(small_translator.translate_networks([UNSURE])))
    for max_characters, max_nats in ((10_000, 1e9), (128, 9.0), (4, 1e9), (10_000, 4.0)):
        monkeypatch.setattr("ramospeech.translate.ngram.translator.MAX_CHARACTERS_PER_SLOT", max_characters)
        monkeypatch.setattr("ramospeech.translate.ngram.translator.MAX_NATS_BELOW_BEST", max_nats)
        [found] = next(iter(small_translator.translate_networks([UNSURE])))
        assert found == expected
    [all_of] = small_translator.model.lexicon.candidates([list(UNSURE.slots[2].alternatives)])
    few = small_translator._most_probable(all_of)
    rank = all_of.log_probs + small_translator.model.unigram[all_of.ids]
    assert few.ids.tolist() == all_of.ids[rank >= rank.max() - 4.0].tolist() and 0 < len(few) < len(all_of)


def test_the_seq2seq_translator_reads_networks_by_its_ngram_model(translator: Seq2SeqTranslator) -> None:
    networks = [UNSURE, ConfusionNetwork(())]
    exact = NgramTranslator(translator.ngram)
    assert list(translator.translate_networks(networks, 2)) == list(exact.translate_networks(networks, 2))


def test_a_slot_without_a_known_syllable_keeps_the_length(small_translator: NgramTranslator) -> None:
    network = network_of({"<UNK>": 0.6, "qqq": 0.4}, {"<UNK>": 0.6, "hao3": 0.4})
    [found] = next(iter(small_translator.translate_networks([network])))
    assert found.hanzi[0] == "□" and found.hanzi[1] != "□" and found.syllables == ("<UNK>", "hao3")


def test_nbest_takes_the_pair_with_the_best_joint_score(small_translator: NgramTranslator) -> None:
    hypotheses = [
        hypothesis("jin1 tian1 tian1 qi4 hen3 gao1", -1.0),
        hypothesis("jin1 tian1 tian1 qi4 hen3 hao3", -1.5),
    ]
    (chosen, text), second = translate_nbest(small_translator, hypotheses, nbest=2, weight=0.5)
    assert (chosen, text.hanzi) == (hypotheses[1], "今天天气很好") and second[0] in hypotheses
    assert translate_nbest(small_translator, hypotheses, weight=0.0)[0][0] == hypotheses[0]
    with pytest.raises(ValueError, match="no hypotheses"):
        translate_nbest(small_translator, [])


@pytest.mark.parametrize("lengths", [None, torch.tensor([7, 4])], ids=["equal", "padded"])
def test_training_in_bfloat16_is_close(lengths: torch.Tensor | None) -> None:
    """Also on CPUs without AVX-512, where torch has no LSTM in that type."""
    network, syllables, before = make_network(20), torch.randint(2, 50, (2, 7)), torch.randint(2, 20, (2, 7))
    expected = network.write(network.encode(syllables, lengths), before)
    with torch.autocast("cpu", torch.bfloat16):
        found = network.write(network.encode(syllables, lengths), before)
    torch.testing.assert_close(found.float(), expected, atol=0.05, rtol=0.05)


def test_the_file_gives_the_same_translator(translator: Seq2SeqTranslator, small_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    seq2seq_file.write(path, translator.network, translator.ngram.characters, {"steps": 1})
    again = Seq2SeqTranslator.load(path, small_model)
    expected, found = (t.translate(["ni3", "hao3"])[0] for t in (translator, again))
    assert found.hanzi == expected.hanzi and found.score == pytest.approx(expected.score, abs=0.05)
    assert isinstance(load_translator(small_model), NgramTranslator)
    seq2seq_file.write(
        path, translator.network, "".join(map(chr, range(0xAC00, 0xAC00 + len(again.ngram.characters)))), {}
    )
    with pytest.raises(ModelError, match="another n-gram model; it has 0 of"):
        load_translator(path)  # with the shipped n-gram model


def test_the_network_takes_over_the_characters_of_another_ngram_model(
    translator: Seq2SeqTranslator, small_model: Path, tmp_path: Path
) -> None:
    """Trained with them in another order, and without two unused ones, it gives the same output."""
    characters = translator.ngram.characters
    order = [0, 1, *range(len(characters) - 3, 1, -1)]
    network = make_network(len(order))
    network.load_state_dict(
        {
            name: tensor[order] if name in ("character.weight", "bias") else tensor
            for name, tensor in translator.network.state_dict().items()
        }
    )
    path = tmp_path / "a.safetensors"
    seq2seq_file.write(path, network, "".join(characters[i] for i in order), {})
    other = Seq2SeqTranslator.load(path, small_model)
    assert other.network.config.characters == len(characters)
    assert other.network.bias[-2:].tolist() == [network.bias.min().item()] * 2
    assert torch.equal(other.network.character.weight[-2:], torch.zeros(2, 12))
    for sentence in ("ni3 hao3 ma", "jin1 tian1 tian1 qi4 hen3 hao3"):
        expected, found = (t.translate(sentence.split())[0] for t in (translator, other))
        assert found.hanzi == expected.hanzi and found.score == pytest.approx(expected.score, abs=0.1)


def test_files_that_are_not_a_translator(translator: Seq2SeqTranslator, small_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    seq2seq_file.write(path, translator.network, translator.ngram.characters, {})
    whole = path.read_bytes()
    with pytest.raises(ModelError, match="no such model"):
        seq2seq_file.read(tmp_path / "none")
    with pytest.raises(ModelError, match="not a translator's network"):
        seq2seq_file.read(small_model)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="broken"):
        seq2seq_file.read(path)
    path.write_bytes(whole)
    tensors = load_file(path)
    entry = {"format": seq2seq_file.FORMAT, "config": vars(translator.network.config), "characters": "", "training": {}}
    for change in ({}, {"config": {"syllables": 3}}, {"config": {**entry["config"], "decoder": 99}}):
        save_file(tensors, path, {seq2seq_file.KEY: json.dumps({**entry, **change})})
        with pytest.raises(ModelError, match="broken"):
            seq2seq_file.read(path)

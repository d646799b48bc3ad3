"""The transformer, its exact search with the n-gram model and its file; labelled text."""

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from ramospeech.errors import ListError, ModelError, TrainingError
from ramospeech.lm.text import TextFile
from ramospeech.translate import NgramTranslator, Seq2SeqTranslator, load_translator
from ramospeech.translate.error_model import Syllables
from ramospeech.translate.ngram.model import BOUNDARY
from ramospeech.translate.seq2seq import file as seq2seq_file
from ramospeech.translate.seq2seq import tagging
from ramospeech.translate.seq2seq.corpus import Corpus
from ramospeech.translate.seq2seq.dataset import LabelledStream, PinyinLabeller, TextStream
from ramospeech.translate.seq2seq.transformer import Transformer, TransformerConfig


def make_network(characters: int) -> Transformer:
    torch.manual_seed(0)
    network = Transformer(TransformerConfig(len(Syllables()), characters, width=16, layers=2, heads=2, inner=24))
    with torch.no_grad():  # blocks that do something, and larger differences between the scores of candidates
        for block in network.blocks:
            torch.nn.init.normal_(block.merge.weight, std=0.3)
            torch.nn.init.normal_(block.outer.weight, std=0.3)
            torch.nn.init.normal_(block.neighbours, std=0.5)
        network.character.weight.mul_(3.0)
    return network.eval()


@pytest.fixture(scope="module")
def translator(small_translator: NgramTranslator) -> Seq2SeqTranslator:
    return Seq2SeqTranslator(make_network(len(small_translator.model.characters)), small_translator.model)


@torch.no_grad()
def of_each_place(
    translator: Seq2SeqTranslator, syllables: list[str]
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Candidates, log p(observed | c) and log p(c | syllables) of each place, by the plain forward pass."""
    network = translator.network
    observed = translator.channel.syllables.ids(syllables)
    states = network(torch.tensor([observed]))[0]
    places = []
    for u, (ids, costs) in enumerate(map(translator.channel.candidates, observed)):
        known = np.isfinite(costs)
        ids, costs = ids[known], costs[known]
        logits = states[u] @ network.character.weight[ids].T + network.bias[ids]
        places.append((ids, costs, (logits + torch.from_numpy(costs)).log_softmax(0).numpy()))
    return places


@pytest.mark.parametrize("weight", [0.7, 2.0, 0.0])
@pytest.mark.parametrize("channel", [0.0, 0.5])
def test_the_search_finds_what_brute_force_finds(
    translator: Seq2SeqTranslator, monkeypatch: pytest.MonkeyPatch, weight: float, channel: float
) -> None:
    monkeypatch.setattr(tagging, "CHANNEL_WEIGHT", channel)
    ngram = translator.ngram
    weighted = Seq2SeqTranslator(translator.network, ngram, ngram_weight=weight)
    for syllables in (["ta1", "zai4", "ni3"], ["yin2", "hang2"], ["qi4"]):
        places = of_each_place(weighted, syllables)
        expected = []
        for chosen in itertools.product(*[np.argsort(-own)[: tagging.MAX_CANDIDATES] for *_, own in places]):
            text = [int(ids[k]) for (ids, *_), k in zip(places, chosen, strict=True)]
            if any(own[k] < own.max() - tagging.MAX_NATS for (*_, own), k in zip(places, chosen, strict=True)):
                continue
            before = [BOUNDARY, BOUNDARY, *text, BOUNDARY]
            by_network = sum(float(own[k]) for (*_, own), k in zip(places, chosen, strict=True))
            score = by_network + channel * sum(float(costs[k]) for (_, costs, _), k in zip(places, chosen, strict=True))
            score += weight * sum(ngram.log_prob(*before[u : u + 3]) for u in range(len(text) + 1))
            expected.append((score, by_network, "".join(ngram.characters[i] for i in text)))
        expected.sort(reverse=True)
        found = weighted.translate(syllables, nbest=5)
        np.testing.assert_allclose([text.score for text in found], [score for score, *_ in expected[:5]], atol=1e-3)
        by_text = {text: (score, own) for score, own, text in expected}
        for text in found:
            assert (text.score, text.log_prob) == pytest.approx(by_text[text.hanzi], abs=1e-3)
        assert found[0].syllables == tuple(syllables)


def test_a_sentence_does_not_depend_on_its_batch(translator: Seq2SeqTranslator) -> None:
    sentences = [s.split() for s in ("ni3 hao3 ma", "", "jin1 tian1 tian1 qi4 hen3 hao3", "ta1", "qqq ni3", "qqq")]
    together = list(translator.translate_batch(sentences, nbest=3))
    for sentence, found in zip(sentences, together, strict=True):
        alone = translator.translate(sentence, nbest=3)
        assert [text.hanzi for text in alone] == [text.hanzi for text in found]
        np.testing.assert_allclose([text.score for text in alone], [text.score for text in found], atol=1e-3)
        assert all(len(text.hanzi) == len(sentence) for text in found)
    assert together[4][0].hanzi[0] == together[5][0].hanzi == "□"


def test_a_long_line(translator: Seq2SeqTranslator) -> None:
    [text] = translator.translate(["ni3", "hao3"] * 500)
    assert len(text.hanzi) == 1000


def test_the_file_gives_the_same_network(translator: Seq2SeqTranslator, small_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    seq2seq_file.write(path, translator.network, translator.ngram.characters, {"steps": 1})
    network, characters = seq2seq_file.read(path)
    assert isinstance(network, Transformer) and characters == translator.ngram.characters
    assert network.config == translator.network.config
    for name, tensor in translator.network.state_dict().items():
        assert (network.state_dict()[name] - tensor).abs().max() <= 0.02 * tensor.abs().max() + 1e-6, name
    loaded = Seq2SeqTranslator.load(path, small_model)
    assert loaded.ngram_weight == tagging.NGRAM_WEIGHT
    assert isinstance(load_translator(path), Seq2SeqTranslator)
    with torch.no_grad():
        translator.network.bias[3] = float("nan")
    try:
        with pytest.raises(ModelError, match="NaN"):
            seq2seq_file.write(path, translator.network, characters, {})
    finally:
        with torch.no_grad():
            translator.network.bias[3] = 0.0


def test_unknown_characters_are_left_to_the_ngram_model(translator: Seq2SeqTranslator) -> None:
    known = translator.ngram.characters
    network = seq2seq_file.for_characters(make_network(len(known)), known, known[:5] + "龘" + known[6:], "a")
    assert network.config.characters == len(known) and not network.character.weight[5].any()
    assert network.bias[5] == network.bias.min()
    assert (network.character.weight[6] == translator.network.character.weight[6]).all()


@pytest.fixture(scope="module")
def corpus(small_translator: NgramTranslator, text_file: Path) -> Corpus:
    exclude = frozenset({"今天天气很好"})
    return Corpus.label([TextFile(text_file)], small_translator.model.characters, exclude)


def test_labelled_text_is_what_is_labelled_on_the_fly(
    corpus: Corpus, small_translator: NgramTranslator, text_file: Path
) -> None:
    model = small_translator.model
    labeller = PinyinLabeller(model.characters, model.lexicon)
    lines = TextStream([TextFile(text_file)], model.characters, 60, 3, frozenset({"今天天气很好"}))
    expected: Counter[tuple] = Counter()
    for sentences in lines.batches(0):
        observed, hanzi = labeller.read(sentences)
        expected.update((tuple(a), tuple(b)) for a, b in zip(observed.tolist(), hanzi.tolist(), strict=True))
    stream = LabelledStream(corpus, 60, 3)
    batches = list(stream.batches(0))
    found = Counter(
        (tuple(a), tuple(b)) for pairs in batches for a, b in zip(pairs[0].tolist(), pairs[1].tolist(), strict=True)
    )
    assert found == expected and sum(found.values()) == len(corpus)
    assert all(pairs.hanzi.size <= 60 for pairs in batches)
    again, other = list(stream.batches(0)), list(stream.batches(1))
    assert all((a.hanzi == b.hanzi).all() for a, b in zip(batches, again, strict=True))
    assert [a.hanzi.tolist() for a in batches] != [b.hanzi.tolist() for b in other]
    batch = labeller.batch(batches[0], np.random.default_rng(1))
    assert batch.hanzi.tolist() == batches[0].hanzi.tolist() and batch.syllables.shape == batch.hanzi.shape


def test_the_file_of_labelled_text(corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "a.corpus"
    corpus.save(path)
    again = Corpus.load(path)
    assert again.characters == corpus.characters
    for name in ("hanzi", "reading", "readings", "lengths"):
        assert (getattr(again, name) == getattr(corpus, name)).all()
    whole = path.read_bytes()
    for broken in (whole[:-30], b"", b"text"):
        path.write_bytes(broken)
        with pytest.raises(ListError, match="not a file of labelled text"):
            Corpus.load(path)
    with pytest.raises(ListError, match="not a file of labelled text"):
        Corpus.load(tmp_path / "none.corpus")
    Corpus(corpus.characters, corpus.hanzi[1:], corpus.reading, corpus.readings, corpus.lengths).save(path)
    with pytest.raises(ListError, match="do not fit"):
        Corpus.load(path)


def test_weights_and_text_without_hanzi(small_translator: NgramTranslator, tmp_path: Path) -> None:
    path, characters = tmp_path / "a.txt", small_translator.model.characters
    path.write_text("你好\n" * 4000 + "你好" * 100 + "\n", encoding="utf-8")
    assert Corpus.label([TextFile(path)], characters).hanzi.size == 8200
    assert 300 < len(Corpus.label([TextFile(path, 0.1)], characters)) < 500
    path.write_text("abc\n好\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="no sentences of hanzi"):
        Corpus.label([TextFile(path)], characters)


def test_neutral_tones_begin_after_the_first_syllable(small_translator: NgramTranslator) -> None:
    labeller = PinyinLabeller(small_translator.model.characters, small_translator.model.lexicon)
    observed, _ = labeller.read(["今天天气很好"] * 2000)
    spoken = labeller.neutral(observed, np.random.default_rng(1))
    changed = spoken != observed
    assert not changed[:, 0].any() and 0.02 < changed[:, 1:].mean() < 0.04
    names = {labeller.syllables.name(i) for i in spoken[changed].tolist()}
    assert names == {"tian", "qi", "hen", "hao"}

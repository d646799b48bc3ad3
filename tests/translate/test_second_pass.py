"""Rescoring by a causal language model: changes of the best path, the network over many texts at once, and both."""

import itertools
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors
import torch
from safetensors.numpy import save_file
from test_search import all_paths, random_model, random_sentence

from ctc_decode import ConfusionNetwork, Slot
from ramospeech.errors import ListError, ModelError
from ramospeech.lm.text import TextFile
from ramospeech.text import collect_hotwords
from ramospeech.translate import NgramTranslator, Phrases, Seq2SeqTranslator, load_translator
from ramospeech.translate.causal import NumpyCausal
from ramospeech.translate.forest import Forest
from ramospeech.translate.ngram.alternatives import Change, Nodes, nodes_of
from ramospeech.translate.ngram.engine import Lattice
from ramospeech.translate.ngram.model import BOUNDARY
from ramospeech.translate.ngram.translator import _Sentence
from ramospeech.translate.second_pass import MAX_LOSS, ROWS_AT_ONCE, Edit, SecondPass, best_together, changed
from ramospeech.translate.seq2seq import file as seq2seq_file
from ramospeech.translate.seq2seq.causal import CausalConfig, CausalTransformer
from ramospeech.translate.seq2seq.corpus import Corpus
from ramospeech.translate.seq2seq.dev import perplexity
from ramospeech.translate.seq2seq.windows import LENGTH, WindowStream, running_text


def make_network(characters: int, heads: int = 2) -> CausalTransformer:
    torch.manual_seed(0)
    network = CausalTransformer(CausalConfig(characters, width=16, layers=2, heads=heads, inner=24))
    with torch.no_grad():  # blocks that do something, and larger differences between characters
        for block in network.blocks:
            torch.nn.init.normal_(block.merge.weight, std=0.3)
            torch.nn.init.normal_(block.outer.weight, std=0.3)
            torch.nn.init.normal_(block.neighbours, std=0.5)
        torch.nn.init.normal_(network.character.weight, std=0.5)
    return network.eval()


def in_numpy(network: CausalTransformer) -> NumpyCausal:
    return NumpyCausal({name: tensor.numpy() for name, tensor in network.state_dict().items()}, network.config.heads)


class Unigram:
    """Stands for a network: each character has a score of its own, whatever is before it."""

    def __init__(self, scores: np.ndarray) -> None:
        self.of_each = scores

    def log_probs_of_each(self, forests: Sequence[Forest], normalised: bool = True) -> list[np.ndarray]:
        return [np.where(np.array(forest.parents) < 0, 0.0, self.of_each[forest.ids]) for forest in forests]


def random_lattice(rng: np.random.Generator, lattices: Callable, length: int, empty_fraction: float):
    """A lattice, its model and candidates, and the scores of all its paths by their nodes."""
    model, sentence = random_model(rng), random_sentence(rng, length)
    opening = model.find_bigrams(np.array([0]), np.array([0]))  # the reference pays no back-off for it
    if opening[0] >= 0:
        model.bigram_backoffs[opening] = 0
    empty = np.where(rng.random(length) < empty_fraction, rng.uniform(-2.5, 1.0, length), -np.inf)
    [found] = lattices(model, [(sentence, empty)])
    paths = {nodes_of(path): score for score, path in all_paths(model, sentence, empty)}
    return found, model, sentence, paths


def triples(text: list[int]) -> list[list[int]]:
    whole = [BOUNDARY, BOUNDARY, *text, BOUNDARY]
    return [whole[i : i + 3] for i in range(len(text) + 1)]


def with_change(found: Lattice, change: Change) -> Nodes:
    return nodes_of(changed(found, [change]))


@pytest.mark.parametrize("length", [1, 2, 3, 5])
@pytest.mark.parametrize("empty_fraction", [0.0, 0.5])
def test_changes_are_the_best_paths_through_all_other_states(
    rng: np.random.Generator, lattices: Callable, length: int, empty_fraction: float
) -> None:
    looked_at = together = 0
    for _ in range(8):
        found, _, _, scores = random_lattice(rng, lattices, length, empty_fraction)
        best = max(scores.values())
        assert found.score == pytest.approx(best, abs=1e-4) and scores[found.best] == pytest.approx(best, abs=1e-4)
        through: dict = defaultdict(lambda: -np.inf)
        for nodes, score in scores.items():
            for pair in itertools.pairwise(((-1, 0), *nodes, (length, 0))):
                through[pair] = max(through[pair], score)
        changes = found.changes(np.inf, 10**6)
        reached: dict = defaultdict(lambda: -np.inf)
        for change in changes:
            nodes = with_change(found, change)
            assert scores[nodes] == pytest.approx(best - change.loss, abs=1e-4)
            for pair in itertools.pairwise(((-1, 0), *nodes, (length, 0))):
                reached[pair] = max(reached[pair], scores[nodes])
            looked_at += 1
        on_best = set(itertools.pairwise(((-1, 0), *found.best, (length, 0))))
        for pair in through.keys() - on_best:
            assert reached[pair] == pytest.approx(through[pair], abs=1e-4)
        for one, other in itertools.permutations(changes, 2):
            if one.end <= other.start:
                both = scores[nodes_of(changed(found, [one, other]))]
                assert both == pytest.approx(best - one.loss - other.loss, abs=1e-4)
                together += 1
        limited = found.changes(3.0, 4)
        assert limited == [change for change in changes if change.loss < 3.0][:4]
    assert looked_at and (together or length < 5)


def test_what_gains_most_together(rng: np.random.Generator) -> None:
    for _ in range(50):
        starts = rng.integers(-1, 8, 7)
        changes = [Change(int(s), int(s + rng.integers(1, 5)), 0.0, ()) for s in starts]
        gains = rng.normal(0, 1, 7).tolist()

        def apart(some: Iterable[int], changes=changes) -> bool:
            ordered = sorted((changes[n] for n in some), key=lambda change: change.start)
            return all(a.end <= b.start for a, b in itertools.pairwise(ordered))

        subsets = [set(s) for size in range(8) for s in itertools.combinations(range(7), size) if apart(s)]
        most = max(sum(gains[n] for n in subset) for subset in subsets)
        chosen = best_together(changes, gains)
        assert apart(chosen) and sum(gains[n] for n in chosen) == pytest.approx(most)


def test_a_forest_gives_what_each_text_alone_gives() -> None:
    network = make_network(40)
    generator = np.random.default_rng(1)
    texts = [generator.integers(2, 40, length).tolist() for length in (1, 5, 9, 70)]
    texts += [[*texts[3][:30], 3, 5], [*texts[3][:30], 3, 6], texts[1][:2], texts[3][1:]]
    forest = Forest()
    paths = [forest.add([BOUNDARY, *text, BOUNDARY]) for text in texts]
    paths.append(forest.add(texts[3]))  # one that begins in the middle of a sentence
    assert len(forest) < 1 + sum(map(len, paths))
    assert forest.add(texts[1][2:], paths[1][2]) == paths[1][3:-1]
    log_probs, rough = network.log_probs(forest), network.log_probs(forest, normalised=False)
    for text, path in zip([[BOUNDARY, *text, BOUNDARY] for text in texts] + [texts[3]], paths, strict=True):
        with torch.no_grad():
            logits = network.logits(network(torch.tensor([text[:-1]])))[0]
        following = torch.tensor(text[1:])[:, None]
        assert log_probs[path[0]] == 0.0
        assert log_probs[path[1:]] == pytest.approx(logits.log_softmax(-1).gather(1, following)[:, 0].numpy(), abs=1e-4)
        assert rough[path[1:]] == pytest.approx(logits.gather(1, following)[:, 0].numpy(), abs=1e-4)
    assert network.log_probs(Forest()).tolist() == []


@pytest.mark.parametrize("heads", [1, 2])
def test_several_forests_at_once_are_each_alone(heads: int) -> None:
    network = make_network(40, heads)
    without_torch = in_numpy(network)
    generator = np.random.default_rng(4)
    forests = [Forest() for _ in range(5)]  # the last stays empty
    for forest, lengths in zip(forests, [(5, 3), (150,), (1,), (70, 2, 9)], strict=False):
        for length in lengths:
            forest.add([BOUNDARY, *generator.integers(2, 40, length).tolist()])
    forests[1].add([7, 8], 20)
    for normalised in (True, False):
        together = network.log_probs_of_each(forests, normalised)
        of_numpy = without_torch.log_probs_of_each(forests, normalised)
        for forest, found, same in zip(forests, together, of_numpy, strict=True):
            assert found == pytest.approx(network.log_probs(forest, normalised), abs=1e-4)
            assert found == pytest.approx(same, abs=1e-4)
    for each in (network, without_torch):
        assert each.log_probs_of_each([]) == [] and len(each.log_probs_of_each([Forest()])[0]) == 0


def test_a_position_sees_nothing_behind_it() -> None:
    network = make_network(30)
    read = torch.randint(0, 30, (2, 12))
    other = read.clone()
    other[:, 7:] = (other[:, 7:] + 1) % 30
    with torch.no_grad():
        assert torch.allclose(network(read)[:, :7], network(other)[:, :7], atol=1e-6)
        assert not torch.allclose(network(read)[:, 7], network(other)[:, 7], atol=1e-3)


@pytest.mark.parametrize("empty_fraction", [0.0, 0.5])
@pytest.mark.parametrize("window", [1, 2, 32])
def test_the_best_path_has_the_score_that_is_promised(
    rng: np.random.Generator, lattices: Callable, monkeypatch: pytest.MonkeyPatch, empty_fraction: float, window: int
) -> None:
    """With a language model that needs no context no single other change does better, and the scores are exact."""
    monkeypatch.setattr("ramospeech.translate.second_pass.WINDOW", window)
    monkeypatch.setattr("ramospeech.translate.second_pass.CHANGES_PER_POSITION", 30)
    monkeypatch.setattr("ramospeech.translate.second_pass.MIN_CHARACTERS", 0)
    changes = beside = 0
    for _ in range(20):
        found, model, sentence, scores = random_lattice(rng, lattices, 5, empty_fraction)
        judge = SecondPass(Unigram(rng.normal(-3, 2, 12)), model, weight=0.4)

        def ids(nodes: Nodes, sentence=sentence) -> list[int]:
            return [int(sentence[position].ids[n]) for position, n in nodes]

        def total(nodes: Nodes, scores=scores, judge=judge, ids=ids, model=model) -> float:
            of_ngram = sum(model.log_prob(*three) for three in triples(ids(nodes)))
            of_network = float(judge.network.of_each[[*ids(nodes), BOUNDARY]].sum())
            return scores[nodes] + 0.4 * (of_network - of_ngram)

        fixed = {(2, n) for n in range(5)}
        (rank, own, path), beside_fixed = judge.best_paths([(found, ids, ()), (found, ids, fixed)])
        [added] = judge.added([ids(found.best)])
        assert added == pytest.approx(total(found.best) - found.score, abs=1e-4)
        nodes = nodes_of(path)
        assert scores[nodes] == pytest.approx(own, abs=1e-4) and total(nodes) == pytest.approx(rank, abs=1e-4)
        for change in found.changes(MAX_LOSS, 1000):
            assert total(with_change(found, change)) <= rank + 1e-4
        changes += nodes != found.best
        rank, own, path = beside_fixed
        kept = nodes_of(path)
        assert [node for node in kept if node[0] == 2] == [node for node in found.best if node[0] == 2]
        for change in found.changes(MAX_LOSS, 1000):
            others = with_change(found, change)
            if not fixed & (set(others) ^ set(found.best)):
                assert total(others) <= rank + 1e-4
        beside += kept != found.best
    assert changes and beside


@pytest.fixture
def translator(small_translator: NgramTranslator) -> NgramTranslator:
    network = make_network(len(small_translator.model.characters))
    model = small_translator.model
    return NgramTranslator(model, second_pass=SecondPass(network, model, weight=5.0))


LINES = ["ni3 hao3 ma", "jin1 tian1 tian1 qi4 hen3 hao3", "qqq", "", "wo3", "yin2 hang2 zai4 na3 li3"]


def test_translations_keep_their_form(
    translator: NgramTranslator, small_translator: NgramTranslator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ramospeech.translate.second_pass.MAX_LOSS", 12.0)
    differing = 0
    for line in LINES:
        syllables = line.split()
        [one], several = translator.translate(syllables), translator.translate(syllables, 5)
        assert one.hanzi == several[0].hanzi and len(one.hanzi) == len(syllables)
        assert len({text.hanzi for text in several}) == len(several)
        assert [text.score for text in several] == sorted((text.score for text in several), reverse=True)
        differing += one.hanzi != small_translator.translate(syllables)[0].hanzi
    assert differing  # an untrained network does not know better
    lines = [line.split() for line in LINES]
    for nbest in (1, 3):
        together = list(translator.translate_batch(lines, nbest))
        assert [[text.hanzi for text in texts] for texts in together] == [
            [text.hanzi for text in translator.translate(line, nbest)] for line in lines
        ]


def test_without_weight_nothing_changes(
    translator: NgramTranslator, small_translator: NgramTranslator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ramospeech.translate.ngram.translator.EASE", 1.0)
    translator.second_pass.weight = 0.0
    slots = [
        Slot((("ni3", 0.6), ("li3", 0.4)), 0, 1),
        Slot((("hao3", 0.5), (None, 0.5)), 1, 2),
        Slot((("ma", 1.0),), 2, 3),
    ]
    for t in (translator, small_translator):
        t.log_probs = True
    try:
        for line in LINES:
            assert translator.translate(line.split(), 3) == small_translator.translate(line.split(), 3)
        networks = [ConfusionNetwork(tuple(slots)), ConfusionNetwork(())]
        found, expected = (list(t.translate_networks(networks, 2)) for t in (translator, small_translator))
        assert [[(x.hanzi, x.slots, x.syllables) for x in texts] for texts in found] == [
            [(x.hanzi, x.slots, x.syllables) for x in texts] for texts in expected
        ]
    finally:
        small_translator.log_probs = False


def test_wrong_syllables_of_lines_cost_less(translator: NgramTranslator) -> None:
    """Their costs are lower with a second pass; those of confusion networks are not, nor those that are left out."""
    line = _Sentence.of_syllables(["ni3"])
    network = _Sentence.of_network(ConfusionNetwork((Slot((("ni3", 1.0),), 0, 1),)))
    assert translator._costs(line) == pytest.approx((4.62, 4.851)) and translator._costs(network) == (6.0, None)
    translator.near_cost = None
    assert translator._costs(line) == pytest.approx((4.62, None))
    translator.tone_cost = None
    assert translator._costs(line) == (None, None)
    translator.tone_cost, translator.second_pass = 6.0, None
    assert translator._costs(line) == (6.0, None)


def test_hotwords_stay(translator: NgramTranslator) -> None:
    translator.second_pass.weight = 20.0
    phrases = Phrases(collect_hotwords(None, ["泥壕"]))
    [text] = translator.translate(["ni2", "hao2", "jin1", "tian1"], 1, phrases)
    assert text.hanzi.startswith("泥壕")
    assert translator.translate(["ni2", "hao2", "jin1", "tian1"], 4, phrases)[0].hanzi.startswith("泥壕")


def test_the_network_stands_for_the_model_without_own_text(translator: NgramTranslator, tmp_path: Path) -> None:
    """So the words of that text keep what they gained."""
    own = tmp_path / "own.txt"
    own.write_text("泥壕金天\n" * 3, encoding="utf-8")
    knowing = translator.knowing([own])
    assert knowing.second_pass is translator.second_pass and knowing.second_pass.ngram is translator.model
    assert knowing.model is not translator.model


def test_a_line_that_repeats_itself(translator: NgramTranslator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each state offers the whole line shifted; time and memory stay linear in its length all the same."""
    sizes = []
    original = CausalTransformer.log_probs_of_each

    def counting(self, forests: Sequence[Forest], normalised: bool = True) -> list[np.ndarray]:
        sizes.append(len(forests) * max(forest.rows for forest in forests))
        return original(self, forests, normalised)

    monkeypatch.setattr(CausalTransformer, "log_probs_of_each", counting)
    for syllables in (["shi4", "shi2"] * 500, ["qqq"] * 1000 + ["shi4", "yi1"] * 16, ["ta1"] * 1000):
        [text] = translator.translate(syllables)
        assert len(text.hanzi) == len(syllables)
    assert max(sizes) < 1500
    sizes.clear()
    assert len(list(translator.translate_batch([["shi4"], ["shi4", "yi1"]] * 100))) == 200
    assert sum(sizes) >= 200 * 32 and max(sizes) <= ROWS_AT_ONCE


@pytest.mark.parametrize("tiles", [False, True], ids=["numpy", "torch"])
def test_the_file(tiles: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ramospeech.translate.second_pass.has_bfloat16_tiles", lambda: tiles)
    ngram = NgramTranslator.load().model
    characters = ngram.characters
    path = tmp_path / "lm.safetensors"
    network = make_network(len(characters))
    seq2seq_file.write(path, network, characters, {"steps": 1})
    loaded = load_translator(path)
    assert isinstance(loaded, NgramTranslator) and loaded.second_pass is not None
    assert isinstance(loaded.second_pass.network, CausalTransformer if tiles else NumpyCausal)

    def log_probs(of_pass: SecondPass, text: list[int]) -> np.ndarray:
        return of_pass.network.log_probs_of_each([forest_of(text)])[0]

    text = [5, 9, 700, BOUNDARY]
    assert log_probs(loaded.second_pass, text) == pytest.approx(
        network.log_probs(forest_of(text)), abs=0.5
    )  # in 6 bits
    reordered = characters[:2] + characters[:1:-1]
    moved = SecondPass.load(path, replace(ngram, characters=reordered))
    same = log_probs(moved, [reordered.index(characters[i]) for i in (5, 9)])
    assert same == pytest.approx(log_probs(loaded.second_pass, [5, 9]), abs=0.05)
    fewer = SecondPass.load(path, replace(ngram, characters=characters[:-9] + "\ue000\ue001"))
    [unknown] = fewer.network.log_probs_of_each([forest_of([len(characters) - 9])], normalised=False)
    assert unknown[1] == pytest.approx(float(network.bias.detach().min()), abs=0.05)
    with pytest.raises(ModelError, match="not a seq2seq translator but a language model"):
        Seq2SeqTranslator.load(path)
    seq2seq_file.write(path, make_network(9), characters[:9], {})
    with pytest.raises(ModelError, match="it has 9 of the 7254 characters of this one; give the n-gram model"):
        load_translator(path)


def test_files_without_torch_that_cannot_be_read(tmp_path: Path) -> None:
    network, path = make_network(9), tmp_path / "lm.safetensors"

    def changed_file(**changes: np.ndarray | None) -> None:
        seq2seq_file.write(path, network, "abcdefghi", {})
        with safetensors.safe_open(path, framework="np") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()} | changes  # noqa: SIM118
            metadata = file.metadata()
        save_file({name: array for name, array in tensors.items() if array is not None}, path, metadata)

    changed_file()
    NumpyCausal.load(path, "abcdefghi")
    for changes, reason in (
        ({"last.weight": None}, "last.weight"),
        ({"last.weight": np.full(16, np.nan, np.float32)}, "some of its weights are not numbers"),
        ({"last.weight": np.ones(5, np.float32)}, "operands"),
        ({"bias": np.ones(5, np.float32)}, "its parts do not fit together"),
    ):
        changed_file(**changes)
        with pytest.raises(ModelError, match=f"lm.safetensors: the model is broken .*{reason}"):
            NumpyCausal.load(path, "abcdefghi")
    network.config = replace(network.config, heads=0)
    changed_file()
    with pytest.raises(ModelError, match=r"lm.safetensors: the model is broken .*zero"):
        NumpyCausal.load(path, "abcdefghi")
    path.write_bytes(b"no file of tensors")
    with pytest.raises(ModelError, match="not a causal language model"):
        NumpyCausal.load(path, "abcdefghi")


@pytest.mark.parametrize(("tiles", "loaded"), [(False, "[]"), (True, "['torch']")])
def test_loading_it_is_quick(tiles: bool, loaded: str) -> None:
    """torch takes 170 MB and a second of every program that translates, and some shapes of its meta device load sympy:
    25 MB and half a second."""
    program = (
        f"import sys; from ramospeech.translate import second_pass; second_pass.has_bfloat16_tiles = lambda: {tiles};"
        "from ramospeech.translate import load_translator as load; load();"
        "print([name for name in ('torch', 'sympy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == loaded


def forest_of(text: list[int]) -> Forest:
    forest = Forest()
    forest.add([BOUNDARY, *text])
    return forest


def test_running_text(tmp_path: Path) -> None:
    characters = "\n□你好吗零"
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("你好，吗吗\n你〇\n\n好吗\n", encoding="utf-8")
    two.write_text("好\n" * 1000, encoding="utf-8")
    text = running_text([TextFile(one, 2.0)], characters, frozenset({"好吗"}), 0)
    assert "".join(characters[i] for i in text).split("\n") == [
        *["", "你好", "吗吗", "你零"],
        *["你好", "吗吗", "你零", ""],
    ]
    parts = running_text([TextFile(two, 1.25)], characters, frozenset(), 3)
    assert 1150 < (parts != BOUNDARY).sum() < 1350
    two.write_text("你好，吗吗\n" * 100, encoding="utf-8")
    lines = "".join(characters[i] for i in running_text([TextFile(two, 0.5)], characters, frozenset(), 3))
    assert 20 < lines.count("你好\n吗吗") == lines.count("你好") == lines.count("吗吗") < 80
    with pytest.raises(ListError, match=r"none.txt: cannot be read"):
        running_text([TextFile(tmp_path / "none.txt")], characters, frozenset(), 0)


def test_windows(tmp_path: Path) -> None:
    """Each pass has nearly all the text, in windows, with a part of the boundaries."""
    generator = np.random.default_rng(0)
    text = generator.integers(0, 9, 20_000).astype(np.uint16)
    stream = WindowStream(text, 1000, seed=1)
    batches = list(stream.batches(0))
    assert all(batch.shape[1] == LENGTH + 1 and len(batch) <= 1000 // LENGTH for batch in batches)
    read = np.concatenate([batch[:, :-1].ravel() for batch in batches])
    for character in range(1, 9):
        assert (read == character).sum() > 0.98 * (text == character).sum()
    assert 0.6 < (read == BOUNDARY).sum() / (text == BOUNDARY).sum() < 0.8
    again = list(WindowStream(text, 1000, seed=1).batches(0))
    assert all((a == b).all() for a, b in zip(batches, again, strict=True))
    assert any((a != b).any() for a, b in zip(batches, stream.batches(1), strict=False))
    batch = stream.batch(batches[0], generator)
    assert (batch.syllables[:, 1:] == batch.hanzi[:, :-1]).all() and batch.amount == batch.hanzi.numel()
    assert next(WindowStream(text[:5], 1000, seed=1).batches(0)).shape[1] <= 6
    assert not list(WindowStream(np.zeros(5, np.uint16), 1000, seed=1).batches(0))


def test_labelled_text_as_running_text(tmp_path: Path) -> None:
    characters = NgramTranslator.load().model.characters
    path = tmp_path / "text.txt"
    path.write_text("你好吗\n今天天气很好\n", encoding="utf-8")
    running = Corpus.label([TextFile(path)], characters).running()
    assert "".join(characters[i] for i in running) == "\n你好吗\n今天天气很好"


def test_perplexity_is_that_of_all_characters_and_ends() -> None:
    network = make_network(5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    network.train()
    assert perplexity(network, "\n□你好吗", ["你好", "吗啊"]) == pytest.approx(5.0) and network.training


def test_a_long_text_is_read_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows with enough before them give what the whole text gives; memory does not grow with its square."""
    network = make_network(40)
    model = random_model(np.random.default_rng(3), 40)
    rough = SecondPass(network, model, 1.0)
    text = np.random.default_rng(2).integers(2, 40, 150).tolist()
    spans, texts = [(0, 2), (40, 41), (63, 66), (149, 150), (150, 150)], [[5], [7, 8], [9, 9, 9], [], [4]]
    monkeypatch.setattr("ramospeech.translate.second_pass.BEHIND", 200)
    monkeypatch.setattr("ramospeech.translate.second_pass.BEFORE", 200)
    edits = [Edit(*span, new) for span, new in zip(spans, texts, strict=True)]
    [(total, more), (alone, none)] = rough._gains([(text, edits), (text[:3], ())])
    assert alone == pytest.approx(rough.added([text[:3]])[0], abs=1e-3) and none == []

    def difference(text: list[int]) -> float:
        of_ngram = sum(model.log_prob(*three) for three in triples(text))
        return float(network.log_probs(forest_of([*text, BOUNDARY]), normalised=False).sum()) - of_ngram

    assert total == pytest.approx(difference(text), abs=1e-3)
    for (start, end), new, gain in zip(spans, texts, more, strict=True):
        assert total + gain == pytest.approx(difference([*text[:start], *new, *text[end:]]), abs=1e-3)

"""Neural language models: what training learns of a grammar whose entropy is known, files, their part in decoding."""

import math
import random
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from ctc_decode import BeamSearchDecoder, ConfusionNetwork
from ramospeech.attention.scorers import NeuralScorer
from ramospeech.errors import ModelError
from ramospeech.lm import train_neural
from ramospeech.lm.nbest import NeuralRescoringDecoder
from ramospeech.lm.neural import LmSizes, NeuralLm, load_neural_lm, save_neural_lm
from ramospeech.text import Vocabulary

UNITS = ("<blank>", "<UNK>", "ba1", "de", "ma3", "shi4")
# A chain: what follows each syllable, or the start, and how often; "" is the end.
GRAMMAR = {
    "": (("ba1", 0.5), ("ma3", 0.5)),
    "ba1": (("de", 0.9), ("shi4", 0.1)),
    "ma3": (("shi4", 1.0),),
    "de": (("ma3", 0.25), ("", 0.75)),
    "shi4": (("", 1.0),),
}


def sentence(random_: random.Random) -> tuple[str, float]:
    """A sentence of the grammar, and its log probability."""
    last, found, log_prob = "", [], 0.0
    while True:
        choices, weights = zip(*GRAMMAR[last], strict=True)
        [last] = random_.choices(choices, weights)
        log_prob += math.log(dict(GRAMMAR[found[-1] if found else ""])[last])
        if not last:
            return " ".join(found), log_prob
        found.append(last)


def corpus(path: Path, count: int, seed: int) -> tuple[Path, float]:
    """Write sentences to a file, and return it and the perplexity that the grammar itself has of them."""
    random_ = random.Random(seed)
    pairs = [sentence(random_) for _ in range(count)]
    path.write_text("".join(f"{text}\n" for text, _ in pairs), encoding="utf-8")
    units = sum(len(text.split()) + 1 for text, _ in pairs)
    return path, math.exp(-sum(log_prob for _, log_prob in pairs) / units)


SMALL = ["--embedding", "8", "--hidden", "16", "--dropout", "0.0", "--lr", "0.01", "--batch_size", "32"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The file of a model of the grammar, and the perplexities of held-out text: of the model's log, of the grammar."""
    folder = tmp_path_factory.mktemp("lm")
    text, _ = corpus(folder / "train.txt", 1000, 1)
    dev, entropy = corpus(folder / "dev.txt", 300, 2)
    output = folder / "lm.safetensors"
    words = [text, "--dev", dev, "--output", output, "--epochs", 6, *SMALL]
    assert train_neural.main([str(word) for word in words]) == 0
    return output, entropy


def test_the_perplexity_of_a_grammar_is_learnt(trained, tmp_path):
    path, entropy = trained
    model = load_neural_lm(path)
    lines = [
        model.vocabulary.encode(line.split()) for line in corpus(tmp_path / "x", 300, 2)[0].read_text().split("\n")
    ]
    found = train_neural.perplexity(model, [line for line in lines if line])
    assert (
        entropy - 1e-6 < found < 1.03 * entropy
    )  # no model of a grammar is better than the grammar itself, but by luck
    assert model.vocabulary.units == UNITS


def test_probabilities_sum_to_one_and_scores_are_their_sums(trained):
    model = load_neural_lm(trained[0])
    with torch.inference_mode():
        log_probs, _ = model(torch.tensor([[0, 2, 3]]))
    np.testing.assert_allclose(log_probs.exp().sum(-1).numpy(), 1.0, rtol=1e-5)
    assert model.score([2, 3]) == pytest.approx(float(log_probs[0, 0, 2] + log_probs[0, 1, 3] + log_probs[0, 2, 0]))
    assert train_neural.perplexity(model, [[2, 3], [4]], 1) == pytest.approx(
        train_neural.perplexity(model, [[2, 3], [4]])
    )


def test_a_resumed_training_is_the_same(tmp_path, capsys):
    text, _ = corpus(tmp_path / "train.txt", 100, 1)
    words = [str(text), *SMALL[:4], "--dropout", "0.3", "--seed", "5"]

    def train(name: str, *options: str) -> bytes:
        assert train_neural.main([*words, "--output", str(tmp_path / name), *options]) == 0
        return (tmp_path / name).read_bytes()

    whole = train("whole.safetensors", "--epochs", "3")
    train("parts.safetensors", "--epochs", "1")
    assert (
        train("parts.safetensors", "--epochs", "3", "--resume") == whole == train("again.safetensors", "--epochs", "3")
    )
    assert "continuing after epoch 1" in capsys.readouterr().err
    assert (
        train_neural.main([*words, "--hidden", "9", "--output", str(tmp_path / "parts.safetensors"), "--resume"]) == 2
    )
    assert "other sizes" in capsys.readouterr().err


def test_lists_and_hanzi_are_read_in_the_units_of_the_model(tmp_path, capsys):
    text = tmp_path / "text.txt"
    text.write_text("a.wav\tni3 hao3\t你好\n你好吗\nni3 hao3\nhello there\n", encoding="utf-8")
    output = tmp_path / "lm.safetensors"
    assert train_neural.main([str(text), "--output", str(output), "--epochs", "1", *SMALL]) == 0
    assert load_neural_lm(output).vocabulary.units[2:] == ("hao3", "ma", "ni3")
    assert "3 lines, 7 units, 1 lines skipped" in capsys.readouterr().err
    assert (
        train_neural.main([str(text), "--units", "characters", "--output", str(output), "--epochs", "1", *SMALL]) == 0
    )
    assert "你" in load_neural_lm(output).vocabulary.units


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nothing.txt", "--output", "a.safetensors"], "nothing.txt: cannot be read"),
        (["empty.txt", "--output", "a.safetensors"], "empty.txt: no line of it gives pinyin"),
        (["a.txt", "--output", "a.arpa"], "a.arpa: the name of a neural language model ends in .safetensors"),
        (["a.txt", "--output", "a.safetensors", "--resume"], "a.state.pt: nothing to resume"),
        (["a.txt", "--output", "a.safetensors", "--dropout", "2"], "dropout must be a number from 0 to 0.95"),
    ],
)
def test_wrong_input_is_a_clear_line(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("\nwhat is this\n")
    Path("a.txt").write_text("ni3 hao3\n")
    assert train_neural.main(options) != 0
    errors = capsys.readouterr().err.splitlines()
    assert message in errors[-1] and errors[-1].startswith("error: ")


def test_files_that_are_not_language_models_are_refused(trained, tmp_path):
    path = tmp_path / "lm.safetensors"
    model = load_neural_lm(trained[0])
    with pytest.raises(ModelError, match="cannot be read"):
        load_neural_lm(path)
    path.write_bytes(trained[0].read_bytes()[:500])
    with pytest.raises(ModelError, match="truncated"):
        load_neural_lm(path)
    path.write_bytes(safetensors.torch.save({"a": torch.zeros(1)}))
    with pytest.raises(ModelError, match="not a language model"):
        load_neural_lm(path)
    save_neural_lm(model, path, {})
    data = path.read_bytes().replace(b'\\"hidden\\": 16', b'\\"hidden\\": 17')
    path.write_bytes(data)
    with pytest.raises(ModelError, match="do not fit"):
        load_neural_lm(path)
    model.output.bias.data[0] = math.nan
    save_neural_lm(model, path, {})
    with pytest.raises(ModelError, match="not finite"):
        load_neural_lm(path)


def test_a_search_reads_units_by_their_names(trained):
    """The speller's units are in another order, and one of them the model has never seen."""
    model = load_neural_lm(trained[0])
    units = ("<blank>", "<UNK>", "shi4", "wu2", "ma3", "ba1", "de")
    scorer = NeuralScorer(model, units)
    state, total = scorer.start(2), np.zeros(2)
    for one, other in ((5, 4), (6, 3), (0, 0)):
        units_read = np.array([one, other])
        total += scorer.score(state, units_read[:, None])[:, 0]
        state = scorer.advance(state, np.array([0, 1]), units_read)
    expected = [model.score(model.vocabulary.encode(text)) for text in (["ba1", "de"], ["ma3", "wu2"])]
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="none of the 3 units"):
        NeuralScorer(model, ("<blank>", "<UNK>", "abc"))


def test_ctc_hypotheses_are_ranked_anew_and_what_competes_is_weighed(trained, rng):
    """The audio cannot tell shi4 from de after ba1; the grammar can: de is nine times as frequent."""
    model = load_neural_lm(trained[0])
    rows = np.full((5, len(UNITS)), 1e-4)
    for frame, likely in enumerate([{2: 1.0}, {0: 1.0}, {3: 0.45, 5: 0.55}, {0: 1.0}, {0: 1.0}]):
        for unit, probability in likely.items():
            rows[frame, unit] = probability
    log_probs = np.log(rows / rows.sum(1, keepdims=True))[None].astype(np.float32)
    beam = BeamSearchDecoder(UNITS, nbest=10)
    decoder = NeuralRescoringDecoder(beam, model, lm_weight=1.0)
    plain, [found] = beam.decode(log_probs, [5])[0], decoder.decode(log_probs, [5])
    assert plain[0].tokens == ("ba1", "shi4") and found[0].tokens == ("ba1", "de")
    assert len(found) == len(plain)
    for each in found:
        assert each.lm_score == pytest.approx(model.score(each.ids), abs=1e-4)
        assert each.score == pytest.approx(each.am_score + each.lm_score, abs=1e-3)
    network = ConfusionNetwork.from_posteriors(log_probs[0], plain[0], UNITS)
    weighed = decoder.weigh(network, plain[0])
    before, after = (dict(each.slots[1].alternatives) for each in (network, weighed))
    gain = model.score([2, 3]) - model.score([2, 5])
    assert after["de"] / after["shi4"] == pytest.approx(before["de"] / before["shi4"] * math.exp(gain), rel=1e-3)
    assert weighed.best() == ("ba1", "de")
    assert decoder.weigh(ConfusionNetwork(()), plain[0]).slots == ()


def test_sizes_out_of_bounds_are_an_error():
    with pytest.raises(ModelError, match="hidden must be"):
        NeuralLm(Vocabulary(UNITS), LmSizes(hidden=0))

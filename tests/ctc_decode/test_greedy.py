"""Greedy decoding against a plain reference, and its checks of what it is given."""

import numpy as np
import pytest
from wrong_input import REFUSED

from ctc_decode import GreedyDecoder, Hypothesis

VOCABULARY = ("<blank>", "a1", "b2", "c3", "d4")


def reference(log_probs, length, vocabulary, blank):
    """The merge-repeat, drop-blank rule, one frame at a time."""
    ids, starts, ends, score, previous = [], [], [], 0.0, blank
    for t in range(length):
        unit = max(range(len(vocabulary)), key=lambda k: log_probs[t][k])
        score += float(log_probs[t][unit])
        if unit != previous and unit != blank:
            ids.append(unit)
            starts.append(t)
            ends.append(t + 1)
        elif unit != blank:
            ends[-1] = t + 1
        previous = unit
    tokens = tuple(vocabulary[i] for i in ids)
    return Hypothesis(tokens, tuple(ids), score, score, 0.0, tuple(starts), tuple(ends))


def posteriors(rng, shape, peak):
    """log-softmax of normal logits; `peak` makes one unit of each frame stand out, the blank most often."""
    logits = rng.normal(size=shape)
    if peak:
        winner = np.where(rng.random(shape[:2]) < 0.5, 0, rng.integers(0, shape[2], shape[:2]))
        np.put_along_axis(logits, winner[..., None], peak, axis=2)
    return (logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))).astype(np.float32)


def path_of(*units: int) -> np.ndarray:
    """(1, T, V) posteriors whose best path is `units`."""
    return np.log(np.full((1, len(units), 5), 0.1) + 0.5 * np.eye(5)[list(units)])


@pytest.mark.parametrize("peak", [0.0, 8.0])
@pytest.mark.parametrize("blank", [0, 4])
def test_against_the_plain_reference(rng, peak, blank):
    log_probs = posteriors(rng, (40, 30, 5), peak)
    lengths = rng.integers(0, 31, 40)
    decoded = GreedyDecoder(VOCABULARY, blank).decode(log_probs, lengths)
    for item, (got,) in enumerate(decoded):
        expected = reference(log_probs[item], lengths[item], VOCABULARY, blank)
        assert (got.tokens, got.ids) == (expected.tokens, expected.ids)
        assert (got.start_frames, got.end_frames) == (expected.start_frames, expected.end_frames)
        assert got.score == got.am_score == pytest.approx(expected.score)
        assert got.lm_score == 0.0
        for start, end, unit, confidence in zip(
            got.start_frames, got.end_frames, got.ids, got.confidences, strict=True
        ):
            assert confidence == pytest.approx(np.exp(log_probs[item, start:end, unit]).max(), abs=1e-6)


@pytest.mark.parametrize(
    ("path", "ids", "starts", "ends"),
    [
        ((1, 1, 1), (1,), (0,), (3,)),
        ((1, 0, 1), (1, 1), (0, 2), (1, 3)),
        ((0, 1, 1, 2, 0), (1, 2), (1, 3), (3, 4)),
        ((0, 0, 0), (), (), ()),
    ],
)
def test_repeats_merge_and_blanks_separate(path, ids, starts, ends):
    [[hypothesis]] = GreedyDecoder(VOCABULARY).decode(path_of(*path), [len(path)])
    assert (hypothesis.ids, hypothesis.start_frames, hypothesis.end_frames) == (ids, starts, ends)


def test_frames_after_the_length_do_not_matter():
    log_probs = path_of(1, 2, 3, 3)
    log_probs[0, 2:] = np.nan
    [[hypothesis]] = GreedyDecoder(VOCABULARY).decode(log_probs, [2])
    assert hypothesis.tokens == ("a1", "b2")
    assert hypothesis.end_frames == (1, 2)
    assert np.isfinite(hypothesis.score)


def test_runs_do_not_cross_items():
    log_probs = np.concatenate([path_of(1, 2, 2), path_of(2, 2, 1)])
    (first,), (second,) = GreedyDecoder(VOCABULARY).decode(log_probs, [3, 3])
    assert (first.ids, first.end_frames) == ((1, 2), (1, 3))
    assert (second.ids, second.start_frames) == ((2, 1), (0, 2))


def test_torch_and_half_precision(rng):
    torch = pytest.importorskip("torch")
    log_probs = posteriors(rng, (3, 20, 5), 8.0)
    plain = GreedyDecoder(VOCABULARY).decode(log_probs, [20, 5, 0])
    tensor = GreedyDecoder(VOCABULARY).decode(torch.from_numpy(log_probs), torch.tensor([20, 5, 0]))
    assert tensor == plain
    half = GreedyDecoder(VOCABULARY).decode(log_probs.astype(np.float16), [20, 5, 0])
    assert [h.ids for (h,) in half] == [h.ids for (h,) in plain]
    assert half[0][0].score == pytest.approx(plain[0][0].score, rel=0.02)


def test_nothing_to_decode():
    decoder = GreedyDecoder(VOCABULARY)
    assert decoder.decode(np.zeros((0, 0, 5), np.float32), []) == []
    nothing = Hypothesis((), (), 0.0, 0.0, 0.0, (), ())
    assert decoder.decode(np.zeros((2, 0, 5), np.float32), [0, 0]) == [[nothing], [nothing]]
    assert decoder.decode(path_of(1, 2), [0]) == [[nothing]]


@pytest.mark.parametrize(("log_probs", "lengths", "message"), REFUSED)
def test_bad_input_is_named(log_probs, lengths, message):
    with pytest.raises(ValueError, match=message):
        GreedyDecoder(VOCABULARY).decode(log_probs, lengths)


def test_a_blank_outside_the_vocabulary():
    with pytest.raises(ValueError, match="blank is 5"):
        GreedyDecoder(VOCABULARY, blank=5)


def test_needs_numpy_only(root):
    import subprocess
    import sys

    code = "import sys, ctc_decode; raise SystemExit('torch' in sys.modules or 'ramospeech' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0

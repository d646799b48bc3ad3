"""Prefix beam search: against brute force over all alignments, the exact loss, the textbook, and engine to engine."""

import math
import subprocess
import sys
import warnings
from itertools import pairwise

import numpy as np
import pytest
from textbook import prefix_beam_search
from wrong_input import GOOD, REFUSED, bad

from ctc_decode import Automaton, BeamSearchDecoder, Hotwords


def units(V: int) -> list[str]:
    return ["<blank>", *(f"u{i}" for i in range(1, V))]


def exact_score(log_probs: np.ndarray, ids, blank: int = 0) -> float:
    """log probability of a label sequence by torch."""
    torch = pytest.importorskip("torch")
    if not ids:
        return float(log_probs[:, blank].sum(dtype=np.float64))
    loss = torch.nn.functional.ctc_loss(
        torch.from_numpy(log_probs).double()[:, None],
        torch.tensor([list(ids)]),
        torch.tensor([len(log_probs)]),
        torch.tensor([len(ids)]),
        blank=blank,
        reduction="sum",
    )
    return -float(loss)


class Bigrams:
    """A language model for tests: a random bigram over ids, as an automaton whose every unit has an arc."""

    def __init__(self, rng: np.random.Generator, V: int):
        table = rng.normal(-2, 1.5, (V, V))  # the row of the blank is the sentence's beginning
        self.table = table.astype(np.float32)
        self.end = rng.normal(-1, 1, V).astype(np.float32)

    def automaton(self, vocabulary) -> Automaton:
        V = len(vocabulary)
        return Automaton(
            begin=np.arange(V + 1) * (V - 1),
            unit=np.tile(np.arange(1, V), V),
            target=np.tile(np.arange(1, V), V),
            weight=self.table[:, 1:].ravel(),
            fallback=np.zeros(V),
            fallback_weight=np.zeros(V),
            final=self.end,
            otherwise=0.0,
            start=0,
        )

    def score(self, ids) -> float:
        path = [0, *ids]
        return float(sum(self.table[a, b] for a, b in pairwise(path)) + self.end[path[-1]])


@pytest.mark.parametrize("blank", [0, 3])
@pytest.mark.parametrize("peak", [0.0, 4.0])
def test_every_labelling_is_found_with_its_probability(engine, posteriors, every_labelling, blank, peak):
    V, T = 4, 6
    names = [f"u{i}" for i in range(V)]
    batch = posteriors(3, T, V, peak, blank)
    lengths = [6, 5, 0]
    decoder = BeamSearchDecoder(names, blank, beam_width=5000, top_k=V, nbest=5000, engine=engine)
    for item, found in enumerate(decoder.decode(batch, lengths)):
        expected = every_labelling(batch[item, : lengths[item]], blank)
        assert {h.ids: h.am_score for h in found} == pytest.approx(expected, abs=1e-5)
        assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
        assert all(h.tokens == tuple(names[i] for i in h.ids) for h in found)


def test_units_without_probability(engine, posteriors, every_labelling):
    log_probs = posteriors(1, 5, 4)
    log_probs[0, ::2, 2] = -np.inf
    log_probs[0, 1, 0] = -np.inf
    with np.errstate(divide="ignore"):
        log_probs = (log_probs - np.log(np.exp(log_probs).sum(axis=2, keepdims=True))).astype(np.float32)
    [found] = BeamSearchDecoder(units(4), beam_width=5000, nbest=5000, engine=engine).decode(log_probs, [5])
    assert {h.ids: h.am_score for h in found} == pytest.approx(every_labelling(log_probs[0]), abs=1e-5)


def test_certain_frames(engine):
    """One unit has all the probability of each frame, also where a unit repeats and where it is spoken twice."""
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.eye(4, dtype=np.float32)[[1, 1, 0, 1, 2, 3, 3, 0]])[None]
    [[found]] = BeamSearchDecoder(units(4), engine=engine).decode(log_probs, [8])
    assert found.ids == (1, 1, 2, 3)
    assert found.score == pytest.approx(0.0, abs=1e-6)
    assert (found.start_frames, found.end_frames) == ((0, 3, 4, 5), (2, 4, 5, 7))
    assert found.confidences == pytest.approx((1, 1, 1, 1), abs=1e-6)


def test_language_model_hotwords_and_length(engine, rng, posteriors, every_labelling):
    """The best total over all label sequences, each scored by hand."""
    V = 4
    batch = posteriors(4, 5, V, 2.0)
    bigrams = Bigrams(rng, V)
    decoder = BeamSearchDecoder(
        units(V),
        beam_width=2000,
        lm=bigrams,
        lm_weight=0.7,
        length_bonus=1.1,
        hotwords=Hotwords({"u1 u2": 1.5, "u3": 0.5}),
        nbest=10,
        engine=engine,
    )

    def total(ids, am_score):
        boosts = sum(1.5 for pair in pairwise(ids) if pair == (1, 2)) + 0.5 * ids.count(3)
        return am_score + 0.7 * bigrams.score(ids) + boosts + 1.1 * len(ids)

    for item, found in enumerate(decoder.decode(batch, [5] * 4)):
        every = every_labelling(batch[item])
        ranked = sorted(((total(ids, score), ids) for ids, score in every.items()), reverse=True)
        assert [h.ids for h in found] == [ids for _, ids in ranked[:10]]
        assert [h.score for h in found] == pytest.approx([score for score, _ in ranked[:10]], abs=1e-5)
        for h in found:
            assert h.lm_score == pytest.approx(bigrams.score(h.ids), abs=1e-5)
            assert h.am_score == pytest.approx(every[h.ids], abs=1e-5)


@pytest.mark.parametrize(("V", "T", "peak"), [(30, 60, 0.0), (30, 60, 5.0), (300, 40, 7.0), (300, 40, 2.0)])
def test_engines_agree(posteriors, V, T, peak):
    pytest.importorskip("ctc_decode._core")
    batch = posteriors(4, T, V, peak)
    lengths = [T, T - 1, T // 2, 1]
    compiled, plain = (
        BeamSearchDecoder(units(V), beam_width=20, top_k=15, nbest=5, engine=name).decode(batch, lengths)
        for name in ("compiled", "numpy")
    )
    assert_same(compiled, plain)


@pytest.mark.parametrize("peak", [0.0, 4.0])
def test_engines_agree_with_models(rng, posteriors, peak):
    pytest.importorskip("ctc_decode._core")
    V = 12
    batch = posteriors(4, 40, V, peak)
    options = dict(
        beam_width=15, top_k=6, lm=Bigrams(rng, V), length_bonus=1.5, hotwords=["u1 u2 u3", "u2 u3", "u5 u5"], nbest=4
    )
    compiled, plain = (
        BeamSearchDecoder(units(V), **options, engine=name).decode(batch, [40] * 4) for name in ("compiled", "numpy")
    )
    assert_same(compiled, plain)


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert [h.ids for h in a] == [h.ids for h in b]
        for left, right in zip(a, b, strict=True):
            assert left.score == pytest.approx(right.score, abs=1e-5)
            assert left.am_score == pytest.approx(right.am_score, abs=1e-5)
            assert left.lm_score == pytest.approx(right.lm_score, abs=1e-5)
            assert (left.start_frames, left.end_frames) == (right.start_frames, right.end_frames)
            assert left.confidences == pytest.approx(right.confidences, abs=1e-5)


@pytest.mark.parametrize("peak", [0.0, 6.0])
def test_scores_are_exact_and_no_worse_than_the_textbook(engine, posteriors, peak):
    V = 50
    batch = posteriors(6, 40, V, peak)
    found = BeamSearchDecoder(units(V), beam_width=10, top_k=20, nbest=3, engine=engine).decode(batch, [40] * 6)
    gained = 0.0
    for log_probs, hypotheses in zip(batch, found, strict=True):
        for h in hypotheses:
            assert h.score == h.am_score == pytest.approx(exact_score(log_probs, h.ids), abs=1e-4)
        [(ids, _)] = prefix_beam_search(log_probs.tolist(), beam_width=10, top_k=20)
        gained += hypotheses[0].score - exact_score(log_probs, ids)
    assert gained > -1e-3


def test_a_long_item_keeps_its_precision(posteriors):
    """Thousands of frames with old ambiguities: what the search adds up is what the exact sum gives."""
    pytest.importorskip("ctc_decode._core")
    log_probs = posteriors(1, 4000, 20, 6.0)
    [found] = BeamSearchDecoder(units(20), beam_width=10, nbest=2, engine="compiled").decode(log_probs, [4000])
    assert len(found) == 2
    for h in found:
        assert h.score == pytest.approx(exact_score(log_probs[0], h.ids), abs=2e-3)
    [[wide]] = BeamSearchDecoder(units(20), beam_width=200, engine="compiled").decode(log_probs, [4000])
    assert found[0].score > wide.score - 0.5


def test_old_ambiguities_do_not_fill_the_beam(engine):
    """Forty coins to toss, one after another: all settled at once by a beam of 8, the N-best list still full."""
    rng = np.random.default_rng(3)
    frames = []
    for _ in range(40):
        heads = rng.uniform(0.3, 0.7)
        frames += [[1e-4, heads, 1 - heads - 2e-4, 1e-4], [0.98, 0.005, 0.005, 0.01], [0.1, 0.01, 0.01, 0.88]]
    log_probs = np.log(np.array(frames, dtype=np.float32))[None]
    log_probs -= np.log(np.exp(log_probs).sum(axis=2, keepdims=True))
    decoder = BeamSearchDecoder(units(4), beam_width=8, nbest=50, engine=engine)
    [found] = decoder.decode(log_probs, [120])
    assert len(found) == 50
    assert len({h.ids for h in found}) == 50
    [best] = prefix_beam_search(log_probs[0].tolist(), beam_width=200)
    assert found[0].score >= exact_score(log_probs[0], best[0]) - 1e-6
    assert found[0].ids[::2] == tuple(1 if row[1] > row[2] else 2 for row in log_probs[0, ::3])


def test_a_repeat_counts_though_its_unit_is_not_among_the_best(engine):
    """top_k 1: in the second frame unit 1 is only second, yet it continues from the first."""
    log_probs = np.log(np.array([[[0.05, 0.9, 0.05], [0.02, 0.48, 0.5], [0.05, 0.05, 0.9]]], dtype=np.float32))
    [[found]] = BeamSearchDecoder(units(3), top_k=1, engine=engine).decode(log_probs, [3])
    assert found.ids == (1, 2)
    assert found.score == pytest.approx(exact_score(log_probs[0], (1, 2)), abs=1e-5)


def test_ties_and_equal_frames(engine):
    log_probs = np.full((1, 8, 5), -math.log(5), dtype=np.float32)
    [found] = BeamSearchDecoder(units(5), beam_width=10, nbest=10, engine=engine).decode(log_probs, [8])
    assert len(found) == 10
    for h in found:
        assert h.score == pytest.approx(exact_score(log_probs[0], h.ids), abs=1e-5)


def test_types_strides_and_torch(engine, posteriors):
    torch = pytest.importorskip("torch")
    V = 20
    batch = posteriors(3, 25, V, 5.0)
    decoder = BeamSearchDecoder(units(V), beam_width=8, engine=engine)
    lengths = np.array([25, 20, 0], dtype=np.int32)
    plain = decoder.decode(batch, lengths)
    ways = {
        "torch": torch.from_numpy(batch),
        "float64": batch.astype(np.float64),
        "big-endian": batch.astype(">f4"),
        "units apart": np.ascontiguousarray(batch.transpose(0, 2, 1)).transpose(0, 2, 1),
        "time first": np.ascontiguousarray(batch.transpose(1, 0, 2)).transpose(1, 0, 2),
        "backwards": batch[:, ::-1].copy()[:, ::-1],
        "a part": np.pad(batch, ((0, 0), (0, 0), (3, 3)))[:, :, 3:-3],
        "unaligned": np.frombuffer(b"x" + batch.tobytes(), np.uint8)[1:].view(np.float32).reshape(batch.shape),
        "read-only": np.broadcast_to(batch, batch.shape),
    }
    for name, array in ways.items():
        assert decoder.decode(array, lengths) == plain, name
    half = decoder.decode(batch.astype(np.float16), lengths)
    assert [h.ids for (h,) in half] == [h.ids for (h,) in plain]
    same_values = decoder.decode(batch.astype(np.float16).astype(np.float32), lengths)
    assert half == same_values


def test_threads_change_nothing(posteriors):
    pytest.importorskip("ctc_decode._core")
    batch = posteriors(20, 30, 40, 4.0)
    lengths = list(range(11, 31))
    one, many = (BeamSearchDecoder(units(40), num_threads=n).decode(batch, lengths) for n in (1, 4))
    assert one == many


def test_frames_after_the_length_do_not_matter(engine, posteriors):
    batch = posteriors(2, 10, 5)
    expected = BeamSearchDecoder(units(5), engine=engine).decode(batch[:, :4], [4, 2])
    batch[0, 4:] = np.nan
    batch[1, 2:] = 7.0
    assert BeamSearchDecoder(units(5), engine=engine).decode(batch, [4, 2]) == expected


def test_nothing_to_decode(engine):
    decoder = BeamSearchDecoder(units(5), nbest=3, length_bonus=2.0, engine=engine)
    assert decoder.decode(np.zeros((0, 0, 5), np.float32), []) == []
    [[one], [two]] = decoder.decode(np.zeros((2, 0, 5), np.float32), [0, 0])
    assert one == two
    assert (one.ids, one.tokens, one.score, one.confidences, one.start_frames) == ((), (), 0.0, (), ())


def test_a_vocabulary_of_the_blank_alone(engine):
    [[found]] = BeamSearchDecoder(["-"], engine=engine).decode(np.zeros((1, 4, 1), np.float32), [4])
    assert found.ids == ()
    assert found.score == pytest.approx(0.0, abs=1e-6)


EMPTY = GOOD.copy()
EMPTY[1, 3] = -np.inf


@pytest.mark.parametrize(
    ("log_probs", "lengths", "message"),
    [
        *REFUSED,
        (bad(np.nan), [4, 4], "item 1, frame 2: log_probs holds nan, at unit 3"),
        (bad(np.inf), [4, 4], "item 1, frame 2: log_probs holds inf, at unit 3"),
        (EMPTY, [4, 4], "item 1, frame 3: log_probs is -inf for every unit"),
        (bad(-5.0), [4, 4], r"item 1, frame 2: log_probs is not normalised, its logsumexp is -0.2"),
        (GOOD + 1, [4, 4], "item 0, frame 0: log_probs is not normalised, its logsumexp is 1; pass log_softmax"),
        (np.exp(GOOD), [4, 4], "item 0, frame 0: log_probs is not normalised"),
        (GOOD * 1e4, [4, 4], "item 0, frame 0: log_probs is not normalised"),
        (-GOOD * 1e30, [4, 4], "item 0, frame 0: log_probs is not normalised"),
        (bad(np.nan).astype(np.float16), [4, 4], "item 1, frame 2: log_probs holds nan, at unit 3"),
        (bad(np.inf).astype(np.float16), [4, 4], "item 1, frame 2: log_probs holds inf, at unit 3"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_bad_posteriors_are_named(engine, log_probs, lengths, message):
    with pytest.raises(ValueError, match=message):
        BeamSearchDecoder(units(5), engine=engine).decode(log_probs, lengths)


@pytest.mark.parametrize(
    ("vocabulary", "options", "message"),
    [
        (["-", "a", "b", "a"], {}, "vocabulary: unit 3 is 'a', and so is unit 1"),
        (["-", "a"], {"blank": 2}, "blank is 2"),
        ([], {}, "blank is 0"),
        (["-", "a"], {"beam_width": 0}, "beam_width is 0"),
        (["-", "a"], {"beam_width": 10**9}, "beam_width is 1000000000; it must be an integer from 1 to 100,000"),
        (["-", "a"], {"beam_width": 3.5}, "beam_width is 3.5"),
        (["-", "a"], {"top_k": 0}, "top_k is 0"),
        (["-", "a"], {"nbest": -1}, "nbest is -1"),
        (["-", "a"], {"num_threads": 0}, "num_threads is 0"),
        (["-", "a"], {"lm_weight": math.nan}, "lm_weight is nan"),
        (["-", "a"], {"length_bonus": math.inf}, "length_bonus is inf"),
        (["-", "a"], {"engine": "gpu"}, "engine is 'gpu'"),
        (["-", "a"], {"hotwords": ["b"]}, "hotword 1"),
    ],
)
def test_bad_options_are_named(vocabulary, options, message):
    with pytest.raises(ValueError, match=message):
        BeamSearchDecoder(vocabulary, **options)


def test_an_automaton_for_another_vocabulary(rng):
    class Other(Bigrams):
        def automaton(self, vocabulary):
            return super().automaton(["", *vocabulary])

    with pytest.raises(ValueError, match="an automaton reads unit 3; the vocabulary has 3 units"):
        BeamSearchDecoder(units(3), lm=Other(rng, 4))


def test_one_warning_without_the_core(root):
    """Where the core is not built, decoding works all the same, and says so once."""
    code = """
import sys, warnings
sys.modules["ctc_decode._core"] = None
import numpy as np
from ctc_decode import BeamSearchDecoder
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(2):
        decoder = BeamSearchDecoder(["-", "a"])
assert [w.category for w in caught] == [RuntimeWarning], caught
assert "not built" in str(caught[0].message) and caught[0].filename == "<string>", caught[0]
[[found]] = decoder.decode(np.log([[[0.1, 0.9]]]), [1])
assert found.tokens == ("a",)
try:
    BeamSearchDecoder(["-", "a"], engine="compiled")
except ValueError as error:
    assert "does not load" in str(error)
else:
    raise SystemExit("no error")
raise SystemExit("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_warning_with_the_core():
    pytest.importorskip("ctc_decode._core")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BeamSearchDecoder(["-", "a"])

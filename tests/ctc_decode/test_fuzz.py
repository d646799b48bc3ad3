"""Anything that arrays can hold: a decoder answers with label sequences or a ValueError, and both engines say the
same."""

import numpy as np
import pytest

from ctc_decode import Automaton, BeamSearchDecoder

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

ENGINES = ["numpy"]
try:
    import ctc_decode._core  # noqa: F401

    ENGINES.append("compiled")
except ImportError:
    pass


def log_softmax(logits):
    top = logits.max(axis=-1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(axis=-1, keepdims=True))


class Given:
    """Any automaton as a language model."""

    def __init__(self, automaton):
        self._automaton = automaton

    def automaton(self, vocabulary):
        return self._automaton


@st.composite
def automata(draw, V):
    """States whose fallbacks have lower numbers, with random arcs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    N = draw(st.integers(1, 6))
    arcs = [np.flatnonzero(rng.random(V) < 0.4) for _ in range(N)]
    A = sum(map(len, arcs))
    return Automaton(
        begin=np.cumsum([0, *map(len, arcs)]),
        unit=np.concatenate(arcs),
        target=rng.integers(0, N, A),
        weight=rng.normal(-1, 2, A),
        fallback=[0, *(int(rng.integers(0, s)) for s in range(1, N))],
        fallback_weight=rng.normal(0, 1, N),
        final=rng.normal(0, 1, N),
        otherwise=float(rng.normal(-2, 1)),
        start=int(rng.integers(0, N)),
    )


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_engines_agree_on_anything(data):
    draw = data.draw
    B, T, V = draw(st.integers(0, 3)), draw(st.integers(0, 14)), draw(st.integers(1, 150))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    spread, kind = draw(st.sampled_from([0.1, 1.0, 5.0, 60.0])), draw(st.sampled_from(["f4", "f2", "f8"]))
    logits = rng.normal(0, spread, (B, T, V))
    if draw(st.booleans()):
        logits[rng.random(logits.shape) < 0.4] = -np.inf
        logits[..., rng.integers(V)] = 0.0
    log_probs = log_softmax(logits).astype(kind)
    lengths = rng.integers(0, T + 1, B)
    options = dict(
        blank=draw(st.integers(0, V - 1)),
        beam_width=draw(st.sampled_from([1, 2, 3, 7, 30, 130])),
        top_k=draw(st.sampled_from([1, 2, 5, 40, 500])),
        nbest=draw(st.sampled_from([1, 2, 10])),
        length_bonus=draw(st.sampled_from([0.0, -2.0, 2.0])),
    )
    if draw(st.booleans()):
        options |= {"lm": Given(draw(automata(V))), "lm_weight": draw(st.sampled_from([0.0, 0.5, 3.0, -1.0]))}
    vocabulary = [str(i) for i in range(V)]
    results = [BeamSearchDecoder(vocabulary, **options, engine=name).decode(log_probs, lengths) for name in ENGINES]
    for items in zip(*results, strict=True):
        for found in items:
            assert 1 <= len(found) <= options["nbest"]
            assert len({h.ids for h in found}) == len(found)
            for h in found:
                check(h, options["blank"])
        if len(items) == 2 and kind != "f2" and spread >= 1.0:  # else units tie, and either way is right
            assert items[0][0].score == pytest.approx(items[1][0].score, abs=1e-4)


def check(h, blank):
    """What holds for every hypothesis."""
    assert np.isfinite(h.score)
    assert h.am_score <= 1e-2 * max(1, h.end_frames[-1] if h.ids else 1)
    assert blank not in h.ids
    assert len(h.tokens) == len(h.ids) == len(h.start_frames) == len(h.end_frames) == len(h.confidences)
    assert all(0.0 <= c <= 1.0 for c in h.confidences)
    edges = [edge for span in zip(h.start_frames, h.end_frames, strict=True) for edge in span]
    assert edges == sorted(edges)
    assert all(a < b for a, b in zip(h.start_frames, h.end_frames, strict=True))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
@pytest.mark.filterwarnings("error")
def test_garbage_is_refused(data):
    """Values of any bits: only distributions are decoded."""
    draw = data.draw
    V, T = draw(st.integers(1, 40)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from([np.float32, np.float16]))
    good = log_softmax(rng.normal(size=(1, T, V)))
    if draw(st.booleans()):
        bits = rng.integers(0, 256, (1, T, V * np.dtype(kind).itemsize), dtype=np.uint8)
        log_probs = bits.view(kind)
    else:
        log_probs = good.astype(kind)
        strange = draw(st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38, 100.0, 1e-30, 0.0]))
        with np.errstate(over="ignore"):
            log_probs[0, rng.integers(T), rng.random(V) < draw(st.sampled_from([0.1, 0.5, 1.0]))] = strange
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.exp(log_probs.astype(np.float64)).sum(axis=2)
    if (np.abs(sums - 1.0) > 0.0099).any() and (np.abs(sums - 1.0) < 0.0101).any():
        return  # too near the limit to say
    for engine in ENGINES:
        decoder = BeamSearchDecoder([str(i) for i in range(V)], engine=engine)
        if (np.abs(sums - 1.0) < 0.01).all():
            [found] = decoder.decode(log_probs, [T])
            check(found[0], 0)
        else:
            with pytest.raises(ValueError, match="item 0, frame"):
                decoder.decode(log_probs, [T])

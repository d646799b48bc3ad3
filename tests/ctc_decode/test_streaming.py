"""Streams give what decoding at once gives, whatever the chunks."""

import numpy as np
import pytest

from ctc_decode import BeamSearchDecoder

V = 30
VOCABULARY = ["<blank>", *(f"u{i}" for i in range(1, V))]


def chunks(rng, T):
    """Random cuts of T frames, empty chunks among them."""
    cuts = np.sort(rng.integers(0, T + 1, rng.integers(0, 12)))
    return list(zip([0, *cuts], [*cuts, T], strict=True))


@pytest.mark.parametrize("options", [{}, {"nbest": 5, "hotwords": ["u1 u2", "u3"], "length_bonus": 0.5}])
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_the_same_as_decoding_at_once(engine, rng, posteriors, options, kind):
    log_probs = posteriors(6, 50, V, 5.0).astype(kind)
    decoder = BeamSearchDecoder(VOCABULARY, beam_width=12, engine=engine, **options)
    for item, expected in enumerate(decoder.decode(log_probs, [50] * 6)):
        stream = decoder.stream()
        for begin, end in chunks(rng, 50):
            stream.push(log_probs[item, begin:end])
        assert stream.finish() == expected


def test_what_is_settled_stays(engine, posteriors):
    log_probs = posteriors(1, 300, V, 6.0)[0]
    decoder = BeamSearchDecoder(VOCABULARY, beam_width=12, engine=engine)
    stream = decoder.stream()
    settled = ()
    for frame in range(300):
        stream.push(log_probs[frame : frame + 1])
        partial = stream.partial()
        assert partial.tokens == tuple(VOCABULARY[i] for i in partial.ids)
        assert partial.ids[: len(settled)] == settled
        assert len(settled) <= partial.stable <= len(partial.ids)
        settled = partial.ids[: partial.stable]
    unsettled = len(partial.ids) - len(settled)
    [found] = stream.finish()
    assert found.ids[: len(settled)] == settled
    assert len(found.ids) > 100
    assert unsettled < 60  # old ambiguities are folded, so what is settled is not far behind


def test_nothing_pushed(engine):
    stream = BeamSearchDecoder(VOCABULARY, engine=engine).stream()
    assert stream.partial().ids == ()
    [found] = stream.finish()
    assert found.ids == ()
    assert found.score == pytest.approx(0.0, abs=1e-6)


def test_a_bad_chunk_is_named_and_not_taken(engine, posteriors):
    log_probs = posteriors(1, 20, V, 5.0)[0]
    bad = log_probs[10:].copy()
    bad[3, 7] = np.nan
    decoder = BeamSearchDecoder(VOCABULARY, engine=engine)
    stream = decoder.stream()
    stream.push(log_probs[:10])
    with pytest.raises(ValueError, match="frame 13: log_probs holds nan, at unit 7"):
        stream.push(bad)
    with pytest.raises(ValueError, match="a chunk must be"):
        stream.push(log_probs[None])
    with pytest.raises(ValueError, match="3 units per frame and the vocabulary has 30"):
        stream.push(log_probs[:, :3])
    stream.push(log_probs[10:])
    assert stream.finish() == decoder.decode(log_probs[None], [20])[0]


def test_a_finished_stream_is_finished(engine):
    stream = BeamSearchDecoder(VOCABULARY, engine=engine).stream()
    stream.finish()
    for use in (stream.finish, stream.partial, lambda: stream.push(np.zeros((0, V), np.float32))):
        with pytest.raises(ValueError, match="this stream is finished"):
            use()


def test_what_was_pushed_may_be_changed(engine, posteriors):
    """A caller's buffer that is filled again and again."""
    log_probs = posteriors(1, 30, V, 5.0)[0]
    decoder = BeamSearchDecoder(VOCABULARY, engine=engine)
    stream = decoder.stream()
    buffer = np.empty((10, V), np.float32)
    for begin in range(0, 30, 10):
        buffer[:] = log_probs[begin : begin + 10]
        stream.push(buffer)
    buffer[:] = np.nan
    assert stream.finish() == decoder.decode(log_probs[None], [30])[0]


def test_a_stream_outlives_its_decoder(engine, posteriors):
    log_probs = posteriors(1, 20, V, 5.0)[0]
    expected = BeamSearchDecoder(VOCABULARY, hotwords=["u1 u2"], engine=engine).decode(log_probs[None], [20])[0]
    stream = BeamSearchDecoder(VOCABULARY, hotwords=["u1 u2"], engine=engine).stream()
    stream.push(log_probs)
    assert stream.finish() == expected

"""Where a recording has speech: what a CTC model finds in noise and music it finds with little probability.

The syllables found in wind, rain or a piano have posteriors of 0.1 to 0.3 at their best frames, those of clear speech
0.9, and of speech 5 dB above a noise still 0.8 on average. A syllable is judged with those within a second or so: a
doubtful one among certain ones is speech, and so is a sentence between minutes of music.
"""

from dataclasses import replace

import numpy as np

from ctc_decode import Hypothesis

# Of the syllables around: on dev recordings all speech has more, clean or 10 dB above a noise, where it is understood.
MIN_CONFIDENCE = 0.35
NEIGHBOURHOOD = 1.0  # seconds at which a syllable counts 1/e as much as the one that is judged

Span = tuple[int, int]


def is_speech(hypothesis: Hypothesis, seconds_per_frame: float, min_confidence: float) -> np.ndarray:
    """Return which of the U tokens are speech, (U,) bool: all of a decoder that gives no confidences."""
    confidences = np.array(hypothesis.confidences)
    if not len(confidences):
        return np.ones(len(hypothesis.tokens), bool)
    times = np.array(hypothesis.start_frames) * seconds_per_frame
    first = np.searchsorted(times, times - 8 * NEIGHBOURHOOD)
    last = np.searchsorted(times, times + 8 * NEIGHBOURHOOD)
    means = [
        np.average(confidences[a:b], weights=np.exp(-np.abs(times[a:b] - time) / NEIGHBOURHOOD))
        for a, b, time in zip(first, last, times, strict=True)
    ]
    return np.array(means) >= min_confidence


def speech_only(
    log_probs: np.ndarray, hypothesis: Hypothesis, seconds_per_frame: float, min_confidence: float, blank: int = 0
) -> tuple[np.ndarray, Hypothesis, tuple[Span, ...]]:
    """Return posteriors and hypothesis without the tokens that are not speech, and where these were.

    log_probs: (T', V) natural logs of one utterance; those of the frames around such tokens, halfway to the tokens that
        stay, become the blank's.
    Returns: the arguments themselves where all is speech; spans (first frame, one past the last frame), in order.
    """
    keep = is_speech(hypothesis, seconds_per_frame, min_confidence)
    if keep.all():
        return log_probs, hypothesis, ()
    starts, ends = np.array(hypothesis.start_frames), np.array(hypothesis.end_frames)
    bounds = np.concatenate(([0], (ends[:-1] + starts[1:] + 1) // 2, [len(log_probs)]))
    spans: list[Span] = []
    log_probs = log_probs.copy()
    for token in np.flatnonzero(~keep):
        first, last = int(bounds[token]), int(bounds[token + 1])
        spans[-1:] = [(spans[-1][0], last)] if spans and spans[-1][1] == first else [*spans[-1:], (first, last)]
        log_probs[first:last] = -np.inf
        log_probs[first:last, blank] = 0.0
    kept = np.flatnonzero(keep).tolist()
    return (
        log_probs,
        replace(
            hypothesis,
            tokens=tuple(hypothesis.tokens[n] for n in kept),
            ids=tuple(hypothesis.ids[n] for n in kept),
            start_frames=tuple(hypothesis.start_frames[n] for n in kept),
            end_frames=tuple(hypothesis.end_frames[n] for n in kept),
            confidences=tuple(hypothesis.confidences[n] for n in kept),
        ),
        tuple(spans),
    )

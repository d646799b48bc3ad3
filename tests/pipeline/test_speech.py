"""What is found with little probability is taken as noise or music, and reported."""

import numpy as np
import pytest

from ctc_decode import ConfusionNetwork, GreedyDecoder, Hypothesis, Slot
from ramospeech.recogniser import Recognised, without_silence
from ramospeech.speech import MIN_CONFIDENCE, is_speech, speech_only
from ramospeech.stages import End, RecognisedPiece, join, translate

UNITS = ("<blank>", "yi1", "er4", "san1", "si4", *map(str, range(55)))
FRAME = 0.04


def posteriors(frames: int, *tokens: tuple[int, int, float]) -> np.ndarray:
    """Blanks, with a unit of a probability at some frames: (frame, unit, probability)."""
    rows = np.full((frames, len(UNITS)), 1e-4)
    rows[:, 0] = 1.0
    for frame, unit, p in tokens:
        rows[frame] = (1 - p) / len(UNITS)
        rows[frame, unit] += p
    return np.log(rows / rows.sum(1, keepdims=True)).astype(np.float32)


def greedy(log_probs: np.ndarray) -> Hypothesis:
    [[best]] = GreedyDecoder(UNITS).decode(log_probs[None], [len(log_probs)])
    return best


NOISE = [(frame, 1 + frame % 4, 0.25) for frame in range(10, 200, 9)]
SPEECH = [(frame, 1 + frame % 4, 0.95) for frame in range(300, 350, 7)]


@pytest.mark.parametrize(("p", "speech"), [(0.05, False), (0.2, False), (0.5, True), (0.99, True)])
@pytest.mark.parametrize("count", [1, 2, 12])
def test_syllables_of_little_probability_are_not_speech(p: float, speech: bool, count: int) -> None:
    best = greedy(posteriors(100, *((8 * n, 1 + n % 4, p) for n in range(count))))
    assert len(best.tokens) == count
    assert is_speech(best, FRAME, MIN_CONFIDENCE).tolist() == [speech] * count
    assert is_speech(best, FRAME, 0.0).all()


def test_a_doubtful_syllable_among_certain_ones_is_speech() -> None:
    best = greedy(posteriors(60, (5, 1, 0.9), (12, 2, 0.9), (19, 3, 0.15), (26, 4, 0.9), (33, 1, 0.9)))
    assert is_speech(best, FRAME, MIN_CONFIDENCE).tolist() == [True] * 5


def test_a_sentence_between_noise_is_kept_and_the_noise_left_out() -> None:
    rows = posteriors(600, *NOISE, *SPEECH, *((frame + 400, unit, p) for frame, unit, p in NOISE if frame < 190))
    best = greedy(rows)
    quiet, kept, spans = speech_only(rows, best, FRAME, MIN_CONFIDENCE)
    assert kept.start_frames == tuple(frame for frame, _, _ in SPEECH)
    assert kept.tokens == tuple(UNITS[unit] for _, unit, _ in SPEECH) and len(kept.confidences) == len(kept.ids)
    [(first, end), (start, last)] = spans
    assert (first, last) == (0, 600) and 199 < end <= 300 and 343 < start <= 410
    assert (quiet[:end, 0] == 0).all() and (quiet[end:start] == rows[end:start]).all()
    network = ConfusionNetwork.from_posteriors(quiet, kept, UNITS)
    assert all(end <= slot.start_frame < start for slot in network.slots)
    assert rows[10, 0] < -0.1  # the caller's are as they were


def test_all_of_it_or_none() -> None:
    for tokens in (NOISE, SPEECH):
        rows = posteriors(360, *tokens)
        quiet, kept, spans = speech_only(rows, greedy(rows), FRAME, MIN_CONFIDENCE)
        if tokens is NOISE:
            assert kept.tokens == () and spans == ((0, 360),) and np.exp(quiet).sum() == 360
        else:
            assert kept is not None and quiet is rows and spans == ()
    silent = posteriors(50)
    assert speech_only(silent, greedy(silent), FRAME, MIN_CONFIDENCE) == (silent, greedy(silent), ())


def test_a_decoder_without_confidences_has_all_of_its_tokens() -> None:
    best = Hypothesis(("yi1",), (1,), -1.0, -1.0, 0.0, (3,), (4,))
    rows = posteriors(10, (3, 1, 0.1))
    assert speech_only(rows, best, FRAME, 0.9) == (rows, best, ())


def test_a_transcript_says_where() -> None:
    nothing = Recognised([Hypothesis((), (), 0.0, 0.0, 0.0, (), (), ())], ConfusionNetwork(()), ((0, 100),))
    partly = Recognised([Hypothesis(("yi1",), (1,), 0.0, 0.0, 0.0, (3,), (4,), (0.9,))], None, ((0, 2), (50, 100)))

    class Words:
        def translate_batch(self, sentences, nbest):
            from ramospeech.translate import Translation

            return [[Translation("一", 0.0, tuple(syllables))] for syllables in sentences]

        def translate_networks(self, networks, nbest, hotwords):
            from ramospeech.translate import Translation

            return [[Translation("", 0.0)] for _ in networks]

    pieces = [RecognisedPiece(0.0, None, nothing), RecognisedPiece(4.0, None, partly), End("a.wav", 7.9)]
    [transcript] = join(translate(pieces, Words(), 1), FRAME, 1, translated=True)
    assert transcript.text == "一"
    assert transcript.no_speech == ((0.0, pytest.approx(4.08)), (6.0, 7.9))
    [warning] = transcript.warnings
    assert warning.startswith("a.wav: 6.0 of 7.9 s taken as noise or music, not speech (0.0-4.1, 6.0-7.9 s); ")
    [clear] = join(translate([End("b.wav", 1.0)], Words(), 1), FRAME, 1, translated=True)
    assert clear.no_speech == () and clear.warnings == ()


def test_silence_around_waveforms_moves_no_time() -> None:
    """Its frames are numbered from the waveform's first; what was found within it is put at the edge."""
    best = Hypothesis(("yi1", "er4", "san1"), (1, 2, 3), 0.0, 0.0, 0.0, (2, 8, 19), (4, 9, 20), (0.9, 0.9, 0.9))
    slots = tuple(Slot(((token, 1.0),), a, b) for token, a, b in zip(best.tokens, (2, 8, 19), (4, 9, 20), strict=True))
    result = without_silence(Recognised([best], ConfusionNetwork(slots), ((0, 7), (15, 20))), 6, 8)
    [moved] = result.hypotheses
    assert (moved.start_frames, moved.end_frames) == ((0, 2, 7), (1, 3, 8))
    assert moved.tokens == best.tokens and moved.confidences == best.confidences
    assert result.network is not None
    assert [(slot.start_frame, slot.end_frame) for slot in result.network.slots] == [(0, 1), (2, 3), (7, 8)]
    assert result.no_speech == ((0, 1), (7, 8))
    assert without_silence(Recognised([best], None), 0, 20) == Recognised([best], None)

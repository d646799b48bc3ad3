"""A live recogniser over any CTC model: the utterance so far is encoded again and again as audio comes in.

Every `step` the last seconds of the utterance go through the model; posteriors of earlier audio stay as they were. The
hypothesis and its translation are made anew of all posteriors of the utterance, so that later words correct earlier
ones; what did not change for a while is announced as settled, and is kept from then on. At a pause the utterance ends:
its audio goes through the recogniser as a recording does.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from ramospeech import stages
from ramospeech.audio.framing import SAMPLE_RATE
from ramospeech.audio.segmenting import quietest
from ramospeech.errors import UsageError
from ramospeech.live.update import Update, agreed, same_text, with_settled
from ramospeech.pipeline import Transcriber
from ramospeech.recogniser import CtcRecogniser, Recognised
from ramospeech.transcript import Token, Transcript
from ramospeech.translate import Phrases

MARGIN = 1.0  # seconds at the start of a window within an utterance that only give context to what follows
MOST_AT_ONCE = 1.0  # seconds that are encoded together where more has come in
SILENT = 2e-4  # samples that differ by no more, six steps of 16 bits, are those of a microphone that is switched off
SILENCE = 0.2  # seconds: a cut lies in the quietest such span


@dataclass(frozen=True)
class LiveOptions:
    """In seconds.

    step: new audio for which the utterance is encoded again. window: audio that is encoded, at most. look_ahead: of
    the newest audio no text is shown. settle: text that is older, and that the last `agree` readings (not seconds) have
    in common, is settled.
    pause: without a syllable for so long an utterance ends. longest: a longer utterance is cut where it is quietest.
    context: audio before the first syllable of an utterance.
    """

    step: float = 0.2
    window: float = 6.0
    look_ahead: float = 0.0
    settle: float = 1.0
    agree: int = 4
    pause: float = 0.8
    longest: float = 15.0
    context: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.step <= MOST_AT_ONCE:
            raise UsageError(f"a step of {self.step:g} s; give more than 0 and at most {MOST_AT_ONCE:g}")
        if self.window < MARGIN + 2 * MOST_AT_ONCE:
            raise UsageError(f"a window of {self.window:g} s; give at least {MARGIN + 2 * MOST_AT_ONCE:g}")
        if self.longest < 4 or self.pause < 2 * SILENCE or self.context < SILENCE:
            raise UsageError("longest must be at least 4 s, pause 0.4 s and context 0.2 s")
        if self.agree < 1:
            raise UsageError("agree must be at least 1: readings")
        if not 0 <= self.look_ahead < self.settle or self.settle > self.longest / 4:
            raise UsageError("settle must be longer than look_ahead, and at most a quarter of longest")


class LiveRecogniser:
    """Audio of one stream as it comes in -> updates.

    transcriber: its model, translator, hotwords and, for final texts, display are used, and may be shared by many
    streams. hotwords: instead of
    those of the transcriber. Memory is bounded by `longest`. Raises UsageError for a transcriber without posteriors.
    """

    def __init__(
        self, transcriber: Transcriber, options: LiveOptions | None = None, hotwords: Phrases | None = None
    ) -> None:
        if not isinstance(transcriber.recogniser, CtcRecogniser):
            raise UsageError("live recognition needs a CTC model")
        self.transcriber, self.recogniser = transcriber, transcriber.recogniser
        self.options, self.hotwords = options or LiveOptions(), hotwords or transcriber.hotwords
        self._hop = round(transcriber.model.seconds_per_frame * SAMPLE_RATE)  # samples of a frame of posteriors
        self._longest = min(self.options.longest, transcriber.max_seconds - MOST_AT_ONCE)
        self._pending: list[np.ndarray] = []
        self._audio = np.zeros(0, np.float32)  # of the utterance
        self._start = 0  # samples before it
        self._posteriors = np.zeros((0, len(transcriber.model.vocabulary)), np.float32)
        self._number = 0
        self._tokens: tuple[Token, ...] = ()  # the last reading, as it was shown
        self._settled = 0
        self._before: deque[tuple[Token, ...]] = deque(maxlen=self.options.agree)  # the last readings, that one too

    @property
    def seconds(self) -> float:
        """Audio so far."""
        return (self._start + len(self._audio) + sum(map(len, self._pending))) / SAMPLE_RATE

    def push(self, samples: np.ndarray) -> list[Update]:
        """Take audio (n,) float32 at 16 kHz, and return what it changed: mostly nothing, or the newest partial text."""
        self._pending.append(samples)
        waiting = sum(map(len, self._pending))
        if waiting < self.options.step * SAMPLE_RATE:
            return []
        audio, self._pending = np.concatenate(self._pending), []
        size = round(MOST_AT_ONCE * SAMPLE_RATE)
        updates: list[Update] = []
        for first in range(0, len(audio), size):
            self._audio = np.concatenate((self._audio, audio[first : first + size]))
            updates += self._read()
        return updates

    def finish(self) -> list[Update]:
        """End the stream, and return the final text of the utterance that is open, if there is one."""
        updates: list[Update] = []
        if self._pending:
            self._audio, self._pending = np.concatenate((self._audio, *self._pending)), []
            updates = self._read()  # the end of an utterance may be in it
        return [*(update for update in updates if update.final), *self._end(len(self._audio))]

    def _read(self) -> list[Update]:
        """Read the utterance again, with new audio."""
        if len(self._audio) < self.recogniser.min_samples:
            return []
        if not self._tokens and np.ptp(self._audio) < SILENT:
            self._forget()
            return []
        self._encode()
        now = self._start + len(self._audio)
        tokens = self._transcript(self.recogniser.read(self._posteriors), now)
        pause = self._pause(tokens, now / SAMPLE_RATE)
        if pause is not None:
            return self._end(self._cut(*pause)) + self._read()
        if len(self._audio) >= self._longest * SAMPLE_RATE:
            half = (self._start + len(self._audio) // 2) / SAMPLE_RATE
            behind = self._tokens[self._settled - 1].end if self._settled else 0.0
            return self._end(self._cut(max(half, behind), now / SAMPLE_RATE)) + self._read()
        changed = self._show(tokens, now / SAMPLE_RATE)
        if not self._tokens:
            self._forget()
        return [self._update(now, final=False)] if changed else []

    def _encode(self) -> None:
        """Bring the posteriors of the utterance up to date with its audio."""
        hop, kept = self._hop, round(MARGIN * SAMPLE_RATE / self._hop)
        window = round(self.options.window * SAMPLE_RATE)
        first = min(max(0, len(self._audio) - window) // hop, max(0, len(self._posteriors) - kept))
        audio = self._audio[None, first * hop :]
        [rows], _ = self.recogniser.posteriors(audio, np.array([audio.shape[1]]))
        around = self.recogniser.silence
        rows = rows[around : len(rows) - around]
        context = kept if first else 0
        self._posteriors = np.concatenate((self._posteriors[: first + context], rows[context:]))

    def _transcript(self, result: Recognised, end: int) -> tuple[Token, ...]:
        """Return the tokens of the utterance, which ends at a sample."""
        pieces: list[stages.RecognisedPiece | stages.End] = [
            stages.RecognisedPiece(self._start / SAMPLE_RATE, self.hotwords, result),
            stages.End("", end / SAMPLE_RATE),
        ]
        model, translator = self.transcriber.model, self.transcriber.translator
        texts = stages.translate(pieces, translator, 1)
        written = model.units.writes_text
        [transcript] = stages.join(texts, model.seconds_per_frame, 1, translator is not None, written)
        return transcript.tokens

    def _show(self, tokens: tuple[Token, ...], now: float) -> bool:
        """Take a reading, and return whether it changes what is shown."""
        tokens = with_settled(self._tokens[: self._settled], tokens)
        tokens = tuple(token for token in tokens if token.start <= now - self.options.look_ahead)
        self._before.append(tokens)
        settled = self._settled
        if len(self._before) == self.options.agree:
            common = min(agreed(before, tokens) for before in self._before)
            settled = max(settled, sum(token.end <= now - self.options.settle for token in tokens[:common]))
        changed = settled != self._settled or not same_text(self._tokens, tokens)
        self._tokens, self._settled = tokens, settled
        return changed

    def _pause(self, tokens: tuple[Token, ...], now: float) -> tuple[float, float] | None:
        """Return from when to when nothing is spoken for a pause, behind what is settled; None for no such time."""
        starts = [*(token.start for token in tokens[1:]), now]
        spans = [(token.end, start) for token, start in zip(tokens, starts, strict=False)]
        return next(
            (span for span in spans[max(0, self._settled - 1) :] if span[1] - span[0] >= self.options.pause), None
        )

    def _cut(self, first: float, last: float) -> int:
        """Return the sample of the utterance where it is quietest between two times, a whole number of frames."""
        end = round(last * SAMPLE_RATE) - self._start
        begin = min(round(first * SAMPLE_RATE) - self._start, end - round(2 * SILENCE * SAMPLE_RATE))
        return quietest(self._audio, begin, end) // self._hop * self._hop

    def _forget(self) -> None:
        """Drop audio without speech, but for what the next utterance begins with."""
        context = round(self.options.context * SAMPLE_RATE)
        if len(self._audio) >= 2 * context:
            self._advance((len(self._audio) - context) // self._hop * self._hop)

    def _end(self, cut: int) -> list[Update]:
        """End the utterance at a sample of its audio; what follows belongs to the next."""
        tokens: tuple[Token, ...] = ()
        if cut >= self.recogniser.min_samples:
            [result] = self.recogniser(self._audio[None, :cut], np.array([cut]))
            tokens = self._transcript(result, self._start + cut)
        tokens = with_settled(self._tokens[: self._settled], tokens)
        update = None
        if tokens or self._tokens:
            if self.transcriber.display:
                tokens = self.transcriber.display(Transcript("", tokens=tokens)).tokens
            self._tokens, self._settled = tokens, len(tokens)
            update = self._update(self._start + cut, final=True)
            self._number += 1
        self._advance(cut)
        self._tokens, self._settled = (), 0
        self._before.clear()
        return [update] if update else []

    def _advance(self, samples: int) -> None:
        """Begin the utterance later, by a whole number of frames."""
        self._start += samples
        self._audio, self._posteriors = self._audio[samples:], self._posteriors[samples // self._hop :]

    def _update(self, end: int, final: bool) -> Update:
        return Update(self._number, self._start / SAMPLE_RATE, end / SAMPLE_RATE, self._tokens, self._settled, final)

"""JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ramospeech.output.cues import spoken_cues
from ramospeech.output.words import timed_words
from ramospeech.output.writer import Writer

if TYPE_CHECKING:
    from ramospeech.transcript import Token, Transcript


SCORE_SCALE = "nats"  # of every `score`: a sum of natural logarithms, larger is better


class JsonWriter(Writer):
    """An array with an object for each recording, everything of the transcript in it; docs/formats.md explains it."""

    head = "["
    tail = "\n]\n"
    separator = "\n"

    def write(self, transcript: Transcript) -> None:
        entry: dict[str, Any] = {
            "id": transcript.id,
            **({} if transcript.channel is None else {"channel": transcript.channel}),
            "text": transcript.text,
            **({"display": transcript.display} if transcript.display != transcript.text else {}),
            "pinyin": " ".join(transcript.pinyin),
            "seconds": round(transcript.seconds, 3),
            "score": round(transcript.score, 4),
            "score_scale": SCORE_SCALE,
            "error": transcript.error,
            "warnings": list(transcript.warnings),
            "no_speech": [[round(start, 3), round(end, 3)] for start, end in transcript.no_speech],
            "segments": [_segment(*cue) for cue in spoken_cues(transcript)],
            "tokens": [_token(token) for token in transcript.tokens],
            "nbest": [{"text": text.hanzi, "score": round(text.score, 4)} for text in transcript.nbest],
        }
        if self.style.words:
            entry["words"] = [_span(*word) for word in timed_words(transcript.tokens)]
        self.file.write(self.separator + json.dumps(entry, ensure_ascii=False))
        self.separator = ",\n"


def _span(start: float, end: float, text: str) -> dict[str, str | float]:
    return {"start": round(start, 3), "end": round(end, 3), "text": text}


def _segment(start: float, end: float, text: str, speaker: str | None) -> dict[str, str | float]:
    return _span(start, end, text) | ({"speaker": speaker} if speaker else {})


def _token(token: Token) -> dict[str, str | float | None]:
    return {
        "pinyin": token.pinyin,
        "hanzi": token.hanzi,
        "start": round(token.start, 3),
        "end": round(token.end, 3),
        "confidence": None if token.confidence is None else round(token.confidence, 3),
        **({"speaker": token.speaker} if token.speaker else {}),
    }

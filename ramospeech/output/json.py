"""JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ramospeech.output.writer import Writer

if TYPE_CHECKING:
    from ramospeech.transcript import Token, Transcript


class JsonWriter(Writer):
    """An array with an object for each recording, everything of the transcript in it."""

    head = "["
    tail = "\n]\n"
    separator = "\n"

    def write(self, transcript: Transcript) -> None:
        entry = {
            "id": transcript.id,
            "text": transcript.text,
            "pinyin": " ".join(transcript.pinyin),
            "seconds": round(transcript.seconds, 3),
            "score": round(transcript.score, 4),
            "error": transcript.error,
            "warnings": list(transcript.warnings),
            "no_speech": [[round(start, 3), round(end, 3)] for start, end in transcript.no_speech],
            "tokens": [_token(token) for token in transcript.tokens],
            "nbest": [{"text": text.hanzi, "score": round(text.score, 4)} for text in transcript.nbest],
        }
        self.file.write(self.separator + json.dumps(entry, ensure_ascii=False))
        self.separator = ",\n"


def _token(token: Token) -> dict[str, str | float | None]:
    return {
        "pinyin": token.pinyin,
        "hanzi": token.hanzi,
        "start": round(token.start, 3),
        "end": round(token.end, 3),
        "confidence": None if token.confidence is None else round(token.confidence, 3),
    }

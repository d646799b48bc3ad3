"""A transcript as the answers of the service: those of OpenAI's transcriptions, and that of deepspeech.pytorch."""

import io
from collections.abc import Collection
from typing import Any

from ramospeech.output import get_writer, spoken_cues, timed_words
from ramospeech.transcript import Transcript

FORMATS = ("json", "text", "srt", "vtt", "verbose_json")
GRANULARITIES = ("segment", "word")


def text_of(transcript: Transcript) -> str:
    """Return the text as people read it; without a translator the syllables."""
    return transcript.display or " ".join(transcript.pinyin)


def document(transcript: Transcript, form: str) -> str:
    """Return the transcript as `text`, `srt` or `vtt`."""
    if form == "text":
        return text_of(transcript) + "\n"
    file = io.StringIO()
    writer = get_writer(form, file)
    writer.write(transcript)
    writer.close()
    return file.getvalue()


def verbose(transcript: Transcript, granularities: Collection[str]) -> dict[str, Any]:
    """Return OpenAI's `verbose_json`: with segments, words or both, times in seconds; and each syllable."""
    answer: dict[str, Any] = {
        "task": "transcribe",
        "language": "chinese",
        "duration": round(transcript.seconds, 3),
        "text": text_of(transcript),
    }
    if "segment" in granularities:
        answer["segments"] = [
            {"id": number, "start": round(start, 3), "end": round(end, 3), "text": text, **_spoken_by(speaker)}
            for number, (start, end, text, speaker) in enumerate(spoken_cues(transcript))
        ]
    if "word" in granularities:
        answer["words"] = [
            {"word": text, "start": round(start, 3), "end": round(end, 3)}
            for start, end, text in timed_words(transcript.tokens)
        ]
    answer["syllables"] = [
        {
            "pinyin": token.pinyin,
            "hanzi": token.hanzi,
            **({} if token.display is None else {"display": token.display}),
            "start": round(token.start, 3),
            "end": round(token.end, 3),
            "confidence": None if token.confidence is None else round(token.confidence, 3),
            **_spoken_by(token.speaker),
        }
        for token in transcript.tokens
    ]
    return answer


def _spoken_by(speaker: str | None) -> dict[str, str]:
    return {} if speaker is None else {"speaker": speaker}


def of_deepspeech(transcript: Transcript) -> dict[str, Any]:
    """Return what the server of deepspeech.pytorch answers to `POST /transcribe`."""
    return {"status": "OK", "transcription": text_of(transcript)}


def failure(message: str, kind: str = "invalid_request_error", parameter: str | None = None) -> dict[str, Any]:
    """Return an error as OpenAI words one."""
    return {"error": {"message": message, "type": kind, "param": parameter, "code": None}}

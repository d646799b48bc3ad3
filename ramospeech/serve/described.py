"""What the routes answer, for the description of the service at /openapi.json."""

from typing import Any

Responses = dict[int | str, dict[str, Any]]

_TEXT = {"type": "string"}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type"],
            "properties": {"message": _TEXT, "type": _TEXT, "param": {}, "code": {}},
        }
    },
}
_WHY = {
    400: "Not audio, empty, damaged, another language, an unknown format, not a form",
    401: "No key, or a wrong one",
    408: "The upload took too long",
    413: "Too large, or too long",
    422: "A field is missing or of a wrong type",
    429: "All places are taken; Retry-After says when to come again",
    500: "An error within the server",
    504: "No answer in time",
}
_ERRORS: Responses = {
    status: {"description": why, "content": {"application/json": {"schema": _ERROR}}} for status, why in _WHY.items()
}
TRANSCRIPTION: Responses = {
    200: {
        "description": "The transcript, in the format that is asked for",
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["text"], "properties": {"text": _TEXT}}},
            "text/plain": {"schema": _TEXT},
            "text/vtt": {"schema": _TEXT},
            "text/event-stream": {"schema": _TEXT},
        },
    },
    **_ERRORS,
}
OF_DEEPSPEECH: Responses = {
    200: {
        "description": "The transcript",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["status", "transcription"],
                    "properties": {"status": _TEXT, "transcription": _TEXT},
                }
            }
        },
    },
    **_ERRORS,
}

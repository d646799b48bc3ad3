"""What a transcriber gives: a Transcript for each recording, with a Token for each syllable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a transcript needs no torch
    from ramospeech.translate import Translation


@dataclass(frozen=True)
class Token:
    """A syllable, the hanzi it became ("" without a translator), and when it was said in seconds."""

    pinyin: str
    hanzi: str
    start: float
    end: float


@dataclass(frozen=True)
class Transcript:
    """What was said in one recording.

    id: the source as it was given. text: hanzi; "" without a translator. seconds: length of the recording.
    score: of the decoder, summed over the pieces of a long recording: log probability of the syllables that it found,
        before a translator chose among them.
    nbest: as many texts for the syllables as were asked for, best first, with the translator's scores.
    error: None, or why there is no transcript; everything but id and seconds is then empty.
    warnings: what should be known about the recording although it was transcribed, such as bytes that are not audio.
    """

    id: str
    text: str = ""
    pinyin: tuple[str, ...] = ()
    tokens: tuple[Token, ...] = ()
    seconds: float = 0.0
    score: float = 0.0
    error: str | None = None
    nbest: tuple[Translation, ...] = ()
    warnings: tuple[str, ...] = ()

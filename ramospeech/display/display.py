"""Transcripts as people read them."""

import argparse
from dataclasses import replace
from itertools import pairwise

from ramospeech.display.numbers import clauses, digits
from ramospeech.display.punctuator import Punctuator
from ramospeech.display.script import SCRIPTS, convert
from ramospeech.errors import UsageError
from ramospeech.transcript import Transcript

LONG_PAUSE = 1.0  # seconds after which a number has ended


class Display:
    """Writes transcripts as people read them.

    punctuator: None adds no marks. itn: numbers in digits (inverse text normalisation). script: `simplified`,
    `traditional`, or None for characters as they were recognised.
    """

    def __init__(self, punctuator: Punctuator | None = None, itn: bool = False, script: str | None = None):
        if script is not None and script not in SCRIPTS:
            raise UsageError(f"script {script!r}: choose one of {', '.join(SCRIPTS)}")
        self.punctuator, self.itn, self.script = punctuator, itn, script

    def __call__(self, transcript: Transcript) -> Transcript:
        """Return the transcript with `display` in its tokens; without hanzi it stays as it is."""
        tokens = transcript.tokens
        if not tokens or not all(token.hanzi for token in tokens):
            return transcript
        pauses = [following.start - token.end for token, following in pairwise(tokens)] + [0.0]
        hanzi = [token.hanzi for token in tokens]
        marks = [""] * len(tokens)
        if self.punctuator:
            marks = self.punctuator.marks(hanzi, pauses)
        shown = list(hanzi)
        if self.itn:
            ends = [mark or ("|" if pause > LONG_PAUSE else "") for mark, pause in zip(marks, pauses, strict=True)]
            for start, end in clauses(ends):
                shown[start:end] = _digits(hanzi[start:end])
        if self.script:
            shown = convert(shown, self.script)
        for number, mark in enumerate(marks):
            if mark:
                # Behind a number: its first syllable has all of it.
                at = next(i for i in range(number, -1, -1) if shown[i])
                shown[at] += mark
        changed = (
            token if written == token.hanzi else replace(token, display=written)
            for token, written in zip(tokens, shown, strict=True)
        )
        return replace(transcript, tokens=tuple(changed))


def _digits(tokens: list[str]) -> list[str]:
    """Return what is written for each token of a clause; words of several letters have no numbers in them."""
    written, run = list[str](), ""
    for token in [*tokens, None]:
        if token is not None and len(token) == 1:
            run += token
            continue
        written += digits(run) if run else []
        written += [token] if token is not None else []
        run = ""
    return written


def add_options(parser: argparse.ArgumentParser, punctuation: bool) -> None:
    """Add the options of `Display` to a program. punctuation: the default."""
    group = parser.add_argument_group("what people read (txt, subtitles, pages; tsv and pinyin have none of it)")
    group.add_argument(
        "--punctuation", action=argparse.BooleanOptionalAction, default=punctuation, help="add ，。？！、"
    )
    group.add_argument(
        "--itn", action="store_true", help="numbers, dates and times in digits (inverse text normalisation)"
    )
    group.add_argument("--script", choices=list(SCRIPTS), help="characters (default: as the model writes them)")

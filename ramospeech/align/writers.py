"""Alignments as TextGrid (Praat), json and srt."""

import json
from dataclasses import asdict

from ramospeech.align.aligner import AlignedWord, Alignment
from ramospeech.output import clock, cues
from ramospeech.output.textgrid import Interval, textgrid_of
from ramospeech.transcript import Token, Transcript


def textgrid(alignment: Alignment) -> str:
    """Return tiers of intervals: lines, words, their labels, and what does not fit, as Praat reads them."""
    timed = [
        (word.start, word.end, word) for word in alignment.words if word.start is not None and word.end is not None
    ]
    lines = [
        (words[0].start or 0.0, words[-1].end or 0.0, line.text) for line, words in alignment.words_of_line() if words
    ]
    tiers = {
        "lines": lines,
        "words": [(start, end, word.text) for start, end, word in timed],
        "labels": [(start, end, word.label) for start, end, word in timed],
        "misfits": [(misfit.start, misfit.end, f"{misfit.kind}: {misfit.text}") for misfit in alignment.misfits],
    }
    return textgrid_of(tiers, alignment.seconds)


def as_json(alignment: Alignment) -> str:
    """Return everything: the lines with their words, times in seconds (null where there is none), and what does not
    fit."""
    words_of: list[list[AlignedWord]] = [[] for _ in alignment.lines]
    for word in alignment.words:
        words_of[word.line].append(word)
    lines = []
    for line, words in zip(alignment.lines, words_of, strict=True):
        timed = [word for word in words if word.start is not None]
        lines.append(
            {
                "line": line.number,
                "text": line.text,
                "start": _rounded(timed[0].start) if timed else None,
                "end": _rounded(timed[-1].end) if timed else None,
                "words": [
                    {
                        "text": word.text,
                        "label": word.label,
                        "column": word.column,
                        "start": _rounded(word.start),
                        "end": _rounded(word.end),
                        "score": _rounded(word.score),
                    }
                    for word in words
                ],
            }
        )
    entry = {
        "id": alignment.id,
        "seconds": _rounded(alignment.seconds),
        "resolution": alignment.resolution,
        "lines": lines,
        "misfits": [
            {**asdict(misfit), "start": _rounded(misfit.start), "end": _rounded(misfit.end)}
            for misfit in alignment.misfits
        ],
    }
    return json.dumps(entry, ensure_ascii=False, indent=1) + "\n"


def srt(alignment: Alignment) -> str:
    """Return a cue for each line, as it is written; long lines are cut at pauses (see `output.cues`)."""
    cue_list: list[Interval] = []
    for line, words in alignment.words_of_line():
        tokens = tuple(Token(word.label, word.text, word.start or 0.0, word.end or 0.0) for word in words)
        if not tokens:
            continue
        begin = 0
        line_cues = list(cues(Transcript(line.text, tokens=tokens, seconds=alignment.seconds)))
        for number, (start, end, text) in enumerate(line_cues, 1):
            stop, length = begin, 0
            while length < len(text):
                length += len(words[stop].text)
                stop += 1
            last = len(line.text) if number == len(line_cues) else words[stop].column - 1
            first = 0 if number == 1 else words[begin].column - 1
            cue_list.append((start, end, line.text[first:last].strip() or text))
            begin = stop
    starts = [start for start, _, _ in cue_list[1:]] + [alignment.seconds]
    rows = []
    for number, ((start, end, text), after) in enumerate(zip(cue_list, starts, strict=True), 1):
        rows.append(f"{number}\n{clock(start, ',')} --> {clock(min(end, max(after, start)), ',')}\n{text}\n")
    return "\n".join(rows)


FORMATS = {"textgrid": (textgrid, ".TextGrid"), "json": (as_json, ".json"), "srt": (srt, ".srt")}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)

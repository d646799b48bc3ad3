"""The report as a page, index.html, that a browser opens from the file system: no server, no network, no script."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ramospeech.errors import UsageError, extra
from ramospeech.files import whole_file
from ramospeech.score.breakdown import PARTS, Breakdown, PartErrors
from ramospeech.score.clips import SHOWN_SECONDS, ClipView, PosteriorFn, save_picture, view_clip
from ramospeech.score.distance import Score
from ramospeech.score.pictures import draw_confusions
from ramospeech.score.report import ErrorReport

_CONFUSIONS = 15  # rows of the table of confusions
_SPEAKERS = 50  # rows of the table of speakers
_METRICS = {"ser": "Syllables with tones (SER)", "ser_toneless": "Syllables without tones", "cer": "Characters (CER)"}
_HEADS = {"ser_toneless": "toneless"}  # of columns


def write_page(
    folder: str | Path,
    breakdown: Breakdown,
    sources: Mapping[str, str],
    worst: int = 20,
    data_root: str | Path | None = None,
    posterior_fn: PosteriorFn | None = None,
) -> None:
    """Write `folder`/index.html and, in `folder`/files, its pictures and recordings.

    sources: what was scored, by what it is called, for the head of the page. worst: clips to show. data_root: where
    their recordings are, to hear them. listener: the acoustic model, to show its posteriors too.
    Raises UsageError where the folder cannot be written. A recording that cannot be read is told on the page.
    """
    folder = Path(folder)
    report = breakdown.report
    clips = _worst(folder, breakdown, worst, Path(data_root) if data_root is not None else None, posterior_fn)
    page = _template().render(
        sources=sources,
        report=report,
        metrics={_METRICS.get(name, report.titles[name]): score for name, score in report.scores.items()},
        heads={name: _HEADS.get(name, report.titles[name]) for name in report.scores},
        tokens=tokens_of(report),
        parts=[_part(folder, part, errors) for part, errors in breakdown.parts.items() if errors.part_errors],
        groups=_groups(breakdown),
        clips=clips,
        pictured=any(clip.pictures for clip in clips),
        posteriors=posterior_fn is not None,
        shown_seconds=SHOWN_SECONDS,
    )
    with whole_file(folder / "index.html", "w", UsageError, "make room or choose another --report") as file:
        file.write(page)


def _worst(
    folder: Path, breakdown: Breakdown, worst: int, data_root: Path | None, posterior_fn: PosteriorFn | None
) -> list[ClipView]:
    clips = enumerate(breakdown.report.worst_pairs(worst), 1)
    return [view_clip(pair, edits, folder, f"worst-{n:02}", data_root, posterior_fn) for n, (edits, pair) in clips]


def _part(folder: Path, part: str, errors: PartErrors) -> dict[str, Any]:
    """Return what the page says of a part of the syllables."""
    confusions = errors.confusions()
    picture = save_picture(draw_confusions(errors.counts, PARTS[part], part), folder, f"{part}.png")
    return {
        "name": part,
        "picture": picture,
        "rows": [
            (name, score, errors.syllable_errors[name], [(hyp, count) for _, hyp, count in errors.confusions(name)[:3]])
            for name, score in errors.part_errors.items()
        ],
        "confusions": [
            (ref, hyp, n, n / errors.part_errors[ref].total.length) for ref, hyp, n in confusions[:_CONFUSIONS]
        ],
        "inserted": sum(errors.inserted.values()),
    }


def _groups(breakdown: Breakdown) -> list[dict[str, Any]]:
    """Return the tables by groups of clips; where all are one speaker's or of one corpus there is none for that."""
    tables = [
        ("Clip length", tokens_of(breakdown.report), breakdown.by_length, 1),
        ("Speaker", "speaker", breakdown.by_speaker, 2),
        ("Corpus", "corpus", breakdown.by_corpus, 2),
    ]
    return [
        {"title": title, "column": column, "rows": dict([*rows.items()][:_SPEAKERS]), "of": len(rows)}
        for title, column, rows, min_rows in tables
        if len(rows) >= min_rows
    ]


def tokens_of(report: ErrorReport) -> str:
    """Return what the tokens of a report are called."""
    return "characters" if report.units.labels_text else "syllables"


@cache
def _template() -> Any:
    with extra("report"):
        from jinja2 import Environment, StrictUndefined
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": _percent, "interval": _interval, "many": _many}
    return environment.from_string(Path(__file__).with_name("page.html").read_text("utf-8"))


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f}"


def _interval(score: Score) -> str:
    """Return the 95 % interval.

    >>> _interval(Score(()))
    '0.0–0.0'
    """
    low, high = score.interval()
    return f"{100 * low:.1f}–{100 * high:.1f}"


def _many(number: int) -> str:
    """Format a count with thousands separators.

    >>> _many(12345)
    '12,345'
    """
    return f"{number:,}"

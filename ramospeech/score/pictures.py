"""Pictures by matplotlib: features and posteriors of a clip, and confusion matrices.

matplotlib is imported where something is drawn, without pyplot: no global state, no display.
"""

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, BinaryIO

import numpy as np

from ramospeech.audio.framing import FRAMES_PER_SECOND
from ramospeech.errors import extra
from ramospeech.score.distance import align_edits
from ramospeech.text import hanzi
from ramospeech.text.parts import phonetic_similarity

ROW_SECONDS = 10.0  # of a row of a picture: syllables can still be told apart

_WIDTH = 12.0  # inches
_CJK_FONTS = ("CJK SC", "Source Han", "WenQuanYi", "SimHei", "Microsoft YaHei", "PingFang", "Heiti", "Noto Sans SC")
_POSSIBLE = 0.05  # posterior from which a unit is shown in a row
_MAX_PAIRS = 136  # syllables of reference and hypothesis above a picture


@cache
def cjk_font() -> str | None:
    """Return the family of an installed font that has hanzi; None, and a line on stderr, without one."""
    from matplotlib.font_manager import fontManager

    families = sorted({font.name for font in fontManager.ttflist if any(name in font.name for name in _CJK_FONTS)})
    if not families:
        print("note: no Chinese font is installed; pictures have the numbers of hanzi instead", file=sys.stderr)
    return next((name for name in families if "Sans" in name), families[0] if families else None)


def _fonts(units: Sequence[str]) -> dict[str, Any]:
    """Return options of a text of these units: a font for hanzi, where there are any and one is installed."""
    family = cjk_font() if any(hanzi.is_hanzi(letter) for unit in units for letter in unit) else None
    return {"fontfamily": [family, "DejaVu Sans"]} if family else {}


def _label(unit: str, ids: Mapping[str, int]) -> str:
    """Return a unit as a picture writes it: its number where no font has it."""
    return unit if not any(map(hanzi.is_hanzi, unit)) or cjk_font() else str(ids.get(unit, "?"))


def draw_clip(
    features: np.ndarray,
    log_probs: np.ndarray,
    units: Sequence[str],
    reference: Sequence[str],
    hypothesis: Sequence[str],
    max_units: int = 24,
    title: bool = True,
    start: float = 0.0,
    card: bool = False,
    frames_per_second: float = FRAMES_PER_SECOND,
) -> Any:
    """Return a figure: rows of ROW_SECONDS, each with the features (T, F) above the posteriors (T', V) of some units.

    These are the blank and the units of reference and hypothesis; where there are several rows, those of them that the
    model finds possible there. max_units: those of a row. title: whether to print the reference above the hypothesis,
    with the errors marked. start: seconds at which the features begin, for the scale. card: whether the picture is
    shown small; rows are then half as long, and letters larger. frames_per_second: of the features.
    """
    with extra("report"):
        from matplotlib.figure import Figure

    seconds = len(features) / frames_per_second
    row_seconds, width, dpi = (ROW_SECONDS / 2, _WIDTH / 2, 200) if card else (ROW_SECONDS, _WIDTH, 100)
    rows = max(1, round(np.ceil(seconds / row_seconds - 1e-9)))
    posteriors = np.exp(log_probs)
    ids = {unit: index for index, unit in enumerate(units)}
    candidates = [unit for unit in dict.fromkeys([units[0], *reference, *hypothesis]) if unit in ids]
    spans = [(round(len(posteriors) * row * row_seconds / seconds) if rows > 1 else 0) for row in range(rows)]
    parts = [posteriors[begin:end] for begin, end in zip(spans, [*spans[1:], len(posteriors)], strict=True)]
    names_of_rows = [_units_of(part, candidates, ids, max_units, rows == 1) for part in parts]
    lines = _lines(reference, hypothesis, ids, round(width / 0.7)) if title else []
    heights = [h for names in names_of_rows for h in (1.9, 0.17 * len(names) + 0.1)]
    if lines:
        heights.insert(0, 0.55 * len(lines))
    figure = Figure(figsize=(width, sum(heights) + 0.45 * rows + 0.2), layout="constrained", dpi=dpi)
    axes = list(np.atleast_1d(figure.subplots(len(heights), 1, height_ratios=heights)))
    if lines:
        _show_lines(axes.pop(0), lines, round(width / 0.7))
    for row, (part, names) in enumerate(zip(parts, names_of_rows, strict=True)):
        begin = start + row * row_seconds
        piece = features[round(row * row_seconds * frames_per_second) :][: round(row_seconds * frames_per_second)]
        end = begin + len(piece) / frames_per_second
        top, bottom = axes[2 * row : 2 * row + 2]
        _show_features(top, piece, begin, frames_per_second)
        extent = (begin, end, len(names) - 0.5, -0.5)
        image = part[:, [ids[name] for name in names]].T
        bottom.imshow(image, aspect="auto", vmin=0, vmax=1, cmap="magma", extent=extent, interpolation="nearest")
        labels = [_label(name, ids) for name in names]
        bottom.set_yticks(range(len(names)), labels, fontsize=8, **_fonts(labels))
        bottom.set_xlabel("seconds")
        for axis in (top, bottom) if rows > 1 else ():
            axis.set_xlim(begin, begin + row_seconds)
    return figure


def _units_of(
    posteriors: np.ndarray, candidates: Sequence[str], ids: Mapping[str, int], max_units: int, all_units: bool
) -> list[str]:
    """Return the blank and at most `max_units` candidates to show in a row: those in it, or `all_units`."""
    blank, *others = candidates
    if not all_units:
        peaks = {unit: posteriors[:, ids[unit]] for unit in others}
        others = [unit for unit in others if len(posteriors) and peaks[unit].max() >= _POSSIBLE]
        others.sort(key=lambda unit: int((peaks[unit] >= _POSSIBLE).argmax()))
    return [blank, *others][:max_units]


def _lines(
    reference: Sequence[str], hypothesis: Sequence[str], ids: Mapping[str, int], width: int
) -> list[list[tuple[str, str]]]:
    """Return pairs (reference, hypothesis) of the alignment, as they are written, in lines of `width`."""
    aligned = align_edits(reference, hypothesis, phonetic_similarity)[:_MAX_PAIRS]
    pairs = [(_label(ref, ids), _label(hyp, ids)) for ref, hyp in aligned]
    return [pairs[begin : begin + width] for begin in range(0, len(pairs), width)]


def _show_lines(axes: Any, lines: Sequence[Sequence[tuple[str, str]]], width: int) -> None:
    """Draw the reference above the hypothesis: red what is wrong, amber where only the tone is, ∗ for nothing."""
    axes.set_axis_off()
    axes.set_xlim(0, width + 1)
    axes.set_ylim(2 * len(lines), 0)
    fonts = _fonts([text for pairs in lines for pair in pairs for text in pair])
    for line, pairs in enumerate(lines):
        for row, name in enumerate(("ref", "hyp")):
            axes.text(0, 2 * line + row + 0.5, name, fontsize=9, va="center", color="#5d6675")
            for column, pair in enumerate(pairs, 1):
                ref, hyp = pair
                tone = bool(ref and hyp) and phonetic_similarity(ref, hyp) == 4
                colour = "black" if ref == hyp else "#b06f00" if tone else "#b3261e"
                weight = "normal" if ref == hyp else "bold"
                text = (pair[row] or "∗")[:8]
                axes.text(
                    column, 2 * line + row + 0.5, text, fontsize=9, va="center", color=colour, weight=weight,
                    parse_math=False, **fonts,
                )  # fmt: skip


def draw_features(features: np.ndarray, start: float = 0.0) -> Any:
    """Return a figure of features (T, F), such as a spectrogram, in rows of ROW_SECONDS. start: seconds where they
    begin."""
    with extra("report"):
        from matplotlib.figure import Figure

    length = round(ROW_SECONDS * FRAMES_PER_SECOND)
    rows = [features[begin : begin + length] for begin in range(0, len(features), length)]
    figure = Figure(figsize=(_WIDTH, 2.3 * len(rows)), layout="constrained")
    for number, axes in enumerate(np.atleast_1d(figure.subplots(len(rows), 1))):
        begin = start + number * ROW_SECONDS
        _show_features(axes, rows[number], begin)
        axes.set_xlabel("seconds")
        if len(rows) > 1:
            axes.set_xlim(begin, begin + ROW_SECONDS)
    return figure


def _show_features(axes: Any, features: np.ndarray, start: float, frames_per_second: float = FRAMES_PER_SECOND) -> None:
    extent = (start, start + len(features) / frames_per_second, 0, features.shape[1])
    axes.imshow(features.T, origin="lower", aspect="auto", extent=extent)
    axes.set_ylabel("feature bin")


def draw_attention(maps: np.ndarray, units: Sequence[str], seconds_per_frame: float) -> Any:
    """Return a figure of where the heads of a speller look: maps (H, U, T') of the weights of frames for each unit."""
    with extra("report"):
        from matplotlib.figure import Figure

    heads, rows, frames = maps.shape
    ids = {unit: number for number, unit in enumerate(units)}
    labels = [_label(unit, ids) for unit in units]
    figure = Figure(figsize=(_WIDTH / 4 * (1 + min(heads, 3)), 0.16 * rows + 0.8), layout="tight")
    axes = figure.subplots()  # one for all heads: axes of their own take longer to draw than a training step
    axes.imshow(np.concatenate(list(maps), 1), aspect="auto", vmin=0, vmax=1, cmap="magma", interpolation="nearest")
    for head in range(1, heads):
        axes.axvline(head * frames - 0.5, color="white")
    axes.set_yticks(range(rows), labels, fontsize=7, **_fonts(labels))
    names = [f"head {head + 1}" for head in range(heads)]
    axes.set_xticks([(head + 0.5) * frames for head in range(heads)], names, fontsize=7)
    axes.set_xlabel(f"each {frames * seconds_per_frame:.2f} seconds", fontsize=8)
    return figure


def read_png(file: BinaryIO) -> np.ndarray:
    """Return the pixels (H, W, 3) uint8 of a PNG file, so that what is both shown and written is drawn once."""
    from matplotlib.image import imread

    file.seek(0)
    return (255 * imread(file)[..., :3]).round().astype(np.uint8)


def draw_confusions(confusions: Mapping[tuple[str, str], int], order: Sequence[str], what: str) -> Any:
    """Return a figure of a confusion matrix: the reference by rows, in `order`, the hypothesis by columns, in % of the
    row.

    confusions: (reference, hypothesis) -> count; "" stands for nothing. Right ones are blue, others orange; colours go
    by the square root, so that rare confusions show. What is in neither is left out.
    what: names the axes.
    """
    with extra("report"):
        from matplotlib.figure import Figure

    rows = [name for name in order if any(name == ref for ref, _ in confusions)]
    names = [name for name in order if any(name in pair and pair[0] for pair in confusions)]
    counts = np.array([[confusions.get((row, column), 0) for column in (*names, "")] for row in rows], np.float64)
    fractions = counts / counts.sum(axis=1, keepdims=True)
    right = np.array([[row == column for column in (*names, "")] for row in rows])
    cell = 0.27 if len(rows) > 8 else 0.55
    figure = Figure(figsize=(1.2 + cell * (len(names) + 1), 1.1 + cell * len(rows)), layout="constrained")
    axes = figure.subplots()
    for cells, colours in ((right, "Blues"), (~right, "Oranges")):
        cell_image = np.ma.masked_array(np.sqrt(fractions), ~cells | (fractions == 0))
        axes.imshow(cell_image, vmin=0, vmax=1.25, cmap=colours, interpolation="nearest")
    for i, j in zip(*np.nonzero(fractions >= 0.005), strict=True):
        colour = "white" if fractions[i, j] > 0.5 else "black"
        axes.text(j, i, f"{100 * fractions[i, j]:.0f}", ha="center", va="center", fontsize=6.5, color=colour)
    axes.set_xticks(range(len(names) + 1), [*names, "missed"], fontsize=8)
    axes.tick_params("x", rotation=90 if len(rows) > 8 else 0)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.set_xlabel(f"{what} in the hypothesis")
    axes.set_ylabel(f"{what} in the reference")
    axes.set_xticks(np.arange(len(names) + 2) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e4e4e4", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    return figure

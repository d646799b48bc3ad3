"""Pictures by matplotlib: what an acoustic model sees and says of a clip, and what is taken for what.

matplotlib is imported where something is drawn, without pyplot: no global state, no display.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_FRAMES_A_SECOND = 100  # of features


def draw_clip(
    features: np.ndarray,
    log_probs: np.ndarray,
    units: Sequence[str],
    reference: Sequence[str],
    hypothesis: Sequence[str],
    most: int = 24,
    title: bool = True,
) -> Any:
    """A figure: the features (T, F) above the posteriors (T', V) of the blank and the clip's syllables.

    most: rows of posteriors. title: whether to print reference and hypothesis above.
    """
    from matplotlib.figure import Figure

    rows = [units[0], *dict.fromkeys([*reference, *hypothesis])][:most]
    ids = {unit: index for index, unit in enumerate(units)}
    posteriors = np.exp(log_probs[:, [ids[row] for row in rows if row in ids]].T)
    figure = Figure(figsize=(9, 2.5 + 0.17 * len(rows)), layout="constrained")
    top, bottom = figure.subplots(2, 1, height_ratios=[2.0, 0.16 * len(rows) + 0.3])
    _show_features(top, features)
    if title:
        text = "ref: " + " ".join(reference) + "\nhyp: " + " ".join(hypothesis)
        top.set_title(text, fontsize=8, loc="left", wrap=True, parse_math=False)
    extent = (0, len(features) / _FRAMES_A_SECOND, len(posteriors) - 0.5, -0.5)
    bottom.imshow(posteriors, aspect="auto", vmin=0, vmax=1, cmap="magma", extent=extent, interpolation="nearest")
    bottom.set_yticks(range(len(posteriors)), [row for row in rows if row in ids], fontsize=7)
    bottom.set_xlabel("seconds")
    return figure


def draw_features(features: np.ndarray) -> Any:
    """A figure of features (T, F), such as a spectrogram."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.3), layout="constrained")
    axes = figure.subplots()
    _show_features(axes, features)
    axes.set_xlabel("seconds")
    return figure


def _show_features(axes: Any, features: np.ndarray) -> None:
    extent = (0, len(features) / _FRAMES_A_SECOND, 0, features.shape[1])
    axes.imshow(features.T, origin="lower", aspect="auto", extent=extent)
    axes.set_ylabel("feature bin")


def draw_confusions(heard: Mapping[tuple[str, str], int], order: Sequence[str], what: str) -> Any:
    """A figure of a confusion matrix: what was said by rows, in `order`, what was heard by columns, in % of the row.

    heard: (reference, hypothesis) -> count; "" stands for nothing. Right ones are blue, confusions orange; colours go
    by the square root, so that rare confusions show. What was never said, nor heard for what was, is left out.
    what: names the axes.
    """
    from matplotlib.figure import Figure

    rows = [name for name in order if any(name == ref for ref, _ in heard)]
    names = [name for name in order if any(name in pair and pair[0] for pair in heard)]
    counts = np.array([[heard.get((row, column), 0) for column in (*names, "")] for row in rows], np.float64)
    shares = counts / counts.sum(axis=1, keepdims=True)
    right = np.array([[row == column for column in (*names, "")] for row in rows])
    cell = 0.27 if len(rows) > 8 else 0.55
    figure = Figure(figsize=(1.2 + cell * (len(names) + 1), 1.1 + cell * len(rows)), layout="constrained")
    axes = figure.subplots()
    for cells, colours in ((right, "Blues"), (~right, "Oranges")):
        shown = np.ma.masked_array(np.sqrt(shares), ~cells | (shares == 0))
        axes.imshow(shown, vmin=0, vmax=1.25, cmap=colours, interpolation="nearest")
    for i, j in zip(*np.nonzero(shares >= 0.005), strict=True):
        colour = "white" if shares[i, j] > 0.5 else "black"
        axes.text(j, i, f"{100 * shares[i, j]:.0f}", ha="center", va="center", fontsize=6.5, color=colour)
    axes.set_xticks(range(len(names) + 1), [*names, "missed"], fontsize=8)
    axes.tick_params("x", rotation=90 if len(rows) > 8 else 0)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.set_xlabel(f"{what} heard")
    axes.set_ylabel(f"{what} said")
    axes.set_xticks(np.arange(len(names) + 2) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e4e4e4", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    return figure

"""Seeded posteriors as an acoustic model of toned syllables gives them, without one: for measuring decoders.

`peaky` is like a trained model: most frames are blank, a syllable is a spike of a frame or two, a quarter of them are
unsure. `flat` is like a model at the beginning of its training. Wrong mass goes where models put it: to the other
tones of a syllable and to some 25 others that are confused with it, always the same ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

V = 1216  # blank is unit 0
_ALIKE = 30  # units that a unit is confused with


@dataclass(frozen=True)
class Kind:
    """How sure a model is.

    floor, noise: share of the mass outside of the blank that goes to all units, and how uneven it is.
    blank: its least and its greatest probability between syllables; near 1: whether it mostly is near the greatest.
    unsure: how often a syllable is; top: least and greatest probability of a spike, of an unsure and of a sure one.
    spill: blank's least and greatest share of what the spike leaves; smeared: how often an unsure spike lasts 2 or 3
    frames in each of which the blank is ahead.
    """

    floor: float
    noise: float
    blank: tuple[float, float]
    near_one: bool
    unsure: float
    top: tuple[tuple[float, float], tuple[float, float]]
    spill: tuple[float, float]
    smeared: float


KINDS = {
    "peaky": Kind(0.35, 1.2, (0.85, 0.9995), True, 0.25, ((0.25, 0.6), (0.75, 0.99)), (0.0, 0.3), 0.6),
    "flat": Kind(0.8, 1.6, (0.15, 0.55), False, 0.9, ((0.03, 0.22), (0.25, 0.5)), (0.15, 0.4), 0.0),
}


def make(seed: int, utterances: int = 40) -> Mapping[str, list[np.ndarray]]:
    """Sets of log posteriors (T', V) float32: `peaky` and `flat` of 4 to 15 s each, `long` of 10 minutes, peaky."""
    rng = np.random.default_rng(seed)
    alike = np.stack([_alike(rng, unit) for unit in range(1, V)])
    frequency = rng.permutation(1.0 / (np.arange(V - 1) + 8.0))
    frequency /= frequency.sum()

    def one(kind: str, T: int, U: int) -> np.ndarray:
        return _utterance(rng, KINDS[kind], T, 1 + rng.choice(V - 1, U, p=frequency), alike)

    def short(kind: str) -> np.ndarray:
        T = int(rng.integers(50, 188))
        return one(kind, T, int(np.clip(rng.normal(T / 8, 2.5), 5, min(25, T // 3))))

    sets = {kind: [short(kind) for _ in range(utterances)] for kind in KINDS}
    return {**sets, "long": [one("peaky", 7500, 1900)]}


def _alike(rng: np.random.Generator, unit: int) -> np.ndarray:
    """Units that this one is confused with: the other tones, which are next to it, and others."""
    first = 1 + (unit - 1) // 4 * 4
    tones = [other for other in range(first, min(first + 4, V)) if other != unit]
    others = [int(other) for other in 1 + rng.permutation(V - 1)[: _ALIKE + 4] if not first <= other < first + 4]
    return np.array([*tones, *others][:_ALIKE])


def _utterance(rng: np.random.Generator, kind: Kind, T: int, labels: np.ndarray, alike: np.ndarray) -> np.ndarray:
    U = len(labels)
    needed = 1 + (labels[1:] == labels[:-1])  # a blank stands between two labels that are the same
    while True:
        at = np.sort(rng.choice(np.arange(1, T - 1), U, replace=False))
        if (np.diff(at) >= needed).all():
            break
    everywhere = np.exp(rng.normal(0.0, kind.noise, (T, V)))
    everywhere[:, 0] = 0.0
    everywhere /= everywhere.sum(axis=1, keepdims=True)
    blank = kind.blank[0] + (kind.blank[1] - kind.blank[0]) * (rng.beta(3, 1, T) if kind.near_one else rng.random(T))
    P = everywhere * (kind.floor * (1 - blank))[:, None]
    P[:, 0] = blank
    nearest = np.abs(at - np.arange(T)[:, None]).argmin(axis=1)
    for t, label in enumerate(labels[nearest]):  # what is left leaks to the nearest label and those like it
        leak = (1 - P[t].sum()) * rng.dirichlet(np.full(_ALIKE + 1, 0.3))
        P[t, label] += leak[0]
        P[t, alike[label - 1]] += leak[1:]
    taken = set(at.tolist())
    for label, first in zip(labels, at.tolist(), strict=True):
        unsure = rng.random() < kind.unsure
        smeared = unsure and rng.random() < kind.smeared
        top = rng.uniform(*kind.top[0 if unsure else 1])
        spill = rng.uniform(*kind.spill) * (1 - top)
        width = 1 + int(rng.random() < 0.35)
        if smeared:
            spill = rng.uniform(0.42, 0.6)
            top = (1 - spill) * rng.uniform(0.4, 0.8)
            width = int(rng.integers(2, 4))
        rivals = alike[label - 1][: rng.integers(3, _ALIKE + 1)]
        shares = rng.dirichlet(np.full(len(rivals), 0.5))
        for t in range(first, min(first + width, T)):
            if t > first and t in taken:
                break
            to_all = 0.1 if kind.near_one else 0.55
            spike = everywhere[t] * (to_all * (1 - top - spill))
            spike[rivals] += (1 - to_all) * (1 - top - spill) * shares
            spike[label] += top
            spike[0] += spill
            share = 1.0 if t == first or smeared else rng.uniform(0.2, 0.8)
            P[t] = share * spike + (1 - share) * P[t]
    P = np.maximum(P, 1e-12)
    return np.log(P / P.sum(axis=1, keepdims=True)).astype(np.float32)

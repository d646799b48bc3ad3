"""Groups of voices, and which of them speaks when."""

import numpy as np

RESTARTS, ROUNDS = 20, 50
CHANGE = 0.3  # how much more alike windows must be to another speaker, in their sum, before one is taken as theirs


def clusters(vectors: np.ndarray, count: int) -> np.ndarray:
    """Return the centres (count, D) of groups of unit vectors (N, D), unit vectors too: spherical k-means, the best of
    several beginnings (k-means++, drawn from a fixed seed), so the same vectors always give the same centres.

    With fewer vectors than groups, some centres are alike.
    """
    generator = np.random.default_rng(0)
    best, most = vectors[:1].repeat(count, 0), -np.inf
    for _ in range(RESTARTS):
        centres = _spread(vectors, count, generator)
        labels = np.full(len(vectors), -1)
        for _ in range(ROUNDS):
            alike = vectors @ centres.T
            nearest = alike.argmax(1)
            if (nearest == labels).all():
                break
            labels = nearest
            sums = np.stack([vectors[labels == k].sum(0) if (labels == k).any() else centres[k] for k in range(count)])
            centres = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        total = float((vectors @ centres.T).max(1).sum())
        if total > most:
            best, most = centres, total
    return best


def _spread(vectors: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return vectors far from each other to begin with."""
    chosen = [int(generator.integers(len(vectors)))]
    while len(chosen) < count:
        apart = np.maximum(1.0 - (vectors @ vectors[chosen].T).max(1), 1e-9)
        chosen.append(int(generator.choice(len(vectors), p=apart / apart.sum())))
    return vectors[chosen]


def smoothed(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the group (N,) of each vector (N, D), in the order of time: the path of the largest similarity, in which a
    change costs CHANGE (Viterbi)."""
    alike = vectors @ centres.T
    best, back = alike[0], np.zeros(alike.shape, int)
    for time in range(1, len(alike)):
        changed = int(best.argmax())
        stays = best >= best[changed] - CHANGE
        back[time] = np.where(stays, np.arange(len(centres)), changed)
        best = np.where(stays, best, best[changed] - CHANGE) + alike[time]
    path = [int(best.argmax())]
    for time in range(len(alike) - 1, 0, -1):
        path.append(int(back[time, path[-1]]))
    return np.array(path[::-1])

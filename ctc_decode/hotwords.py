"""Hotwords: phrases that the search shall find more easily, as an automaton (Aho and Corasick, 1975) with boosts.

Every occurrence of a phrase in a label sequence adds its boost, once it is complete. So that the beam does not lose a
phrase before its end, each of its units adds a part of the boost at once, and the boost of a phrase that is not
completed is taken back in full: the total counts whole phrases only.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, pairwise, product
from math import isfinite

import numpy as np

from ctc_decode.automaton import Automaton
from ctc_decode.similar import similar_syllables

BOOST = 5.0
_MAX_SPELLINGS = 2_000_000  # of all phrases; some 200 bytes each while the automaton is built


class Hotwords:
    """Phrases and their boosts.

    phrases: units separated by spaces (`bei3 jing1`), each with its boost in a mapping, else with `boost`.
        As units are pinyin, every homophone is found.
    boost: natural log, what a whole phrase adds to the score: 5 makes it exp(5) = 148 times as likely.
    near: 0 to 1. Above 0 phrases are found under near-homophones too (z for zh, l for n, ang for an, another tone;
        see `similar_syllables`), each of which multiplies the boost by `near`.
    near_units: how many units of a phrase may be such near ones.

    Phrases that overlap or lie within one another all count; one spelling counts once, with its highest boost.
    Raises ValueError for a phrase without units and for wrong numbers.
    """

    def __init__(
        self,
        phrases: Mapping[str, float] | Iterable[str],
        boost: float = BOOST,
        near: float = 0.0,
        near_units: int = 1,
    ):
        if isinstance(phrases, str):
            raise ValueError(f"hotwords: {phrases!r} is one string; give a list of phrases, or a mapping to boosts")
        if not 0.0 <= near <= 1.0:
            raise ValueError(f"hotwords: near is {near}; it multiplies boosts and must be within 0 and 1")
        if near_units < 0:
            raise ValueError(f"hotwords: near_units is {near_units}; it must not be negative")
        boosts = phrases if isinstance(phrases, Mapping) else dict.fromkeys(phrases, boost)
        self.phrases: dict[tuple[str, ...], float] = {}
        for number, (phrase, gain) in enumerate(boosts.items(), 1):
            units = tuple(phrase.split())
            if not units:
                raise ValueError(f"hotword {number} is empty; remove it, or write its units separated by spaces")
            if not (isfinite(gain) and gain > 0):
                raise ValueError(f"hotword {number} ({phrase}): its boost is {gain}; it must be positive and finite")
            self.phrases[units] = max(gain, self.phrases.get(units, 0.0))
        self.near = near
        self.near_units = near_units

    def automaton(self, vocabulary: Sequence[str]) -> Automaton:
        """Return the automaton over ids of `vocabulary` (V units). Raises ValueError for a unit that is not in it."""
        ids = {unit: i for i, unit in enumerate(vocabulary)}
        choices = []
        near: dict[str, list[int]] = {}
        for number, units in enumerate(self.phrases, 1):
            for unit in units:
                if unit not in ids:
                    raise ValueError(
                        f"hotword {number} ({' '.join(units)}): {unit!r} is not a unit of the vocabulary; "
                        "write units separated by spaces, as in 'bei3 jing1'"
                    )
                if unit not in near:
                    near[unit] = sorted(ids[other] for other in similar_syllables(unit) if other in ids)
            choices.append([(ids[unit], near[unit]) for unit in units])
        count = sum(_spellings_of([len(others) for _, others in phrase], self._changes(phrase)) for phrase in choices)
        if count > _MAX_SPELLINGS:
            raise ValueError(
                f"hotwords: with near-homophones these {len(choices)} phrases have {count:,} spellings, more than "
                f"{_MAX_SPELLINGS:,}; give fewer or shorter ones, or a near_units below {self.near_units}"
            )
        return _build(self._spellings(choices), len(vocabulary))

    def _changes(self, phrase: Sequence[object]) -> int:
        return min(self.near_units, len(phrase)) if self.near else 0

    def _spellings(self, choices: list[list[tuple[int, list[int]]]]) -> dict[tuple[int, ...], float]:
        """Return every spelling of every phrase and its boost. `choices`: of each phrase its units, with their near
        ones."""
        spellings: dict[tuple[int, ...], float] = {}
        for phrase, boost in zip(choices, self.phrases.values(), strict=True):
            exact = [unit for unit, _ in phrase]
            for changes in range(self._changes(phrase) + 1):
                gain = boost * self.near**changes
                for positions in combinations(range(len(phrase)), changes):
                    others = [phrase[position][1] for position in positions]
                    for units in product(*others):
                        spelling = exact.copy()
                        for position, unit in zip(positions, units, strict=True):
                            spelling[position] = unit
                        key = tuple(spelling)
                        spellings[key] = max(gain, spellings.get(key, 0.0))
        return spellings


def _spellings_of(near: Sequence[int], changes: int) -> int:
    """Return how many spellings a phrase has: `near` near units at each place, at most `changes` of them at a time."""
    counts = [1] + [0] * changes  # with so many changes, in the places so far
    for others in near:
        counts = [counts[0], *(more + others * fewer for fewer, more in pairwise(counts))]
    return sum(counts)


def _build(spellings: Mapping[tuple[int, ...], float], V: int) -> Automaton:
    """Return the prefix tree of the spellings, level by level, with fallbacks to the longest suffix that is a prefix
    too.

    States are numbered by depth, then parent, then unit. So the arc into state s is arc s - 1, and arcs are sorted.
    The weight of an arc is what it completes plus the change of `ahead`, the part given in advance for the phrases
    that a state is within; changes along a label sequence cancel out, as both ends of it have none.
    """
    lengths = np.fromiter(map(len, spellings), np.int64, len(spellings))
    gains = np.fromiter(spellings.values(), np.float64, len(spellings))
    units = np.zeros((len(spellings), int(lengths.max(initial=0))), np.int64)
    units[np.arange(units.shape[1]) < lengths[:, None]] = [unit for spelling in spellings for unit in spelling]

    keys, levels = [], [0, 1]  # parent * V + unit of each state but the first; where each depth begins
    at = np.zeros(len(spellings), np.int64)  # the state that each spelling has come to
    ahead, done = [np.zeros(1)], [np.zeros(1)]
    for depth in range(1, units.shape[1] + 1):
        longer = np.flatnonzero(lengths >= depth)
        level, index = np.unique(at[longer] * V + units[longer, depth - 1], return_inverse=True)
        at[longer] = levels[-1] + index
        advanced, complete = np.zeros((2, len(level)))
        whole = lengths[longer] == depth
        complete[index[whole]] = gains[longer[whole]]
        np.maximum.at(advanced, index[~whole], (gains * depth / lengths)[longer[~whole]])
        keys.append(level)
        ahead.append(advanced)
        done.append(complete)
        levels.append(levels[-1] + len(level))

    key = np.concatenate([np.zeros(0, np.int64), *keys])
    parent, unit = np.divmod(key, V)
    before, completed = np.concatenate(ahead), np.concatenate(done)
    fallback = np.zeros(len(key) + 1, np.int64)
    for first, last in pairwise(levels[2:]):  # those of depth 1 fall back to the root
        states = np.arange(first, last)
        fallback[states] = _follow(fallback[parent[states - 1]], unit[states - 1], key, fallback, V)
        before[states] = np.maximum(before[states], before[fallback[states]])
        completed[states] += completed[fallback[states]]
    return Automaton(
        begin=np.searchsorted(parent, np.arange(len(fallback) + 1)),
        unit=unit,
        target=np.arange(1, len(fallback)),
        weight=before[1:] - before[parent] + completed[1:],
        fallback=fallback,
        fallback_weight=before[fallback] - before,
        final=-before,
        otherwise=0.0,
        start=0,
    )


def _follow(state: np.ndarray, unit: np.ndarray, key: np.ndarray, fallback: np.ndarray, V: int) -> np.ndarray:
    """Return where each unit leads from each state, down the fallbacks: the root where none of them has an arc for
    it."""
    state = state.copy()
    result = np.zeros_like(state)
    open_ = np.arange(len(state))
    while len(open_):
        wanted = state[open_] * V + unit[open_]
        arc = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        has_arc = key[arc] == wanted
        result[open_[has_arc]] = arc[has_arc] + 1
        open_ = open_[~has_arc & (state[open_] > 0)]
        state[open_] = fallback[state[open_]]
    return result

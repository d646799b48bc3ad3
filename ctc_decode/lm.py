"""Back-off n-gram language models: read from ARPA files, scored, and turned into automata for the search.

An n-gram is held once, as the index of its prefix and its final word, 16 bytes each; all work is done on whole
arrays, so that a million n-grams load in seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ctc_decode import arpa
from ctc_decode.automaton import Automaton

BEGIN, END = "<s>", "</s>"
UNKNOWN = ("<unk>", "<UNK>")
NO_UNKNOWN = -100 * float(np.log(10))  # a word outside of a model without <unk>, as KenLM has it


@dataclass(frozen=True, eq=False)
class NgramModel:
    """A back-off model of A n-grams over W words, natural logs.

    A state is a history: 0 the empty one, i + 1 n-gram i. N-grams of length n are levels[n-1] <= i < levels[n], and
    all are sorted by (context, word).

    words: W words; word ids are indices of it. levels: (order + 1,) int64.
    context: (A,) int32, the state of all but the final word; word: (A,) int32, the final word.
    log_prob: (A,) float32; backoff: (levels[-2],) float32, for each n-gram that can be a history.
    """

    words: tuple[str, ...]
    levels: np.ndarray
    context: np.ndarray
    word: np.ndarray
    log_prob: np.ndarray
    backoff: np.ndarray

    @classmethod
    def read(cls, path: str | Path) -> "NgramModel":
        """Read an ARPA file of any order, plain or gzip. Raises ValueError, with the line number, for a bad one."""
        return cls(*arpa.read(Path(path)))

    def write(self, path: str | Path) -> None:
        """Write an ARPA file, gzip if it is named .gz. It appears whole or not at all; raises OSError."""
        arpa.write(Path(path), self.words, self.levels, self.context, self.word, self.log_prob, self.backoff)

    @property
    def order(self) -> int:
        """Words in the longest n-gram."""
        return len(self.levels) - 1

    def __len__(self) -> int:
        return len(self.word)

    def score(self, tokens: Sequence[str]) -> float:
        """Return the natural log of the probability of a sentence, its end included. Tokens outside of the model
        count as <unk>."""
        return float(self.scores([tokens])[0])

    def scores(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the `score` of each sentence, all at once: (len(sentences),) float64."""
        lengths = np.array([len(sentence) for sentence in sentences], np.int64)
        ids = np.full((len(sentences), int(lengths.max(initial=0)) + 1), self._end, np.int64)
        for row, sentence in zip(ids, sentences, strict=True):
            row[: len(sentence)] = self._encode(sentence)
        totals = np.zeros(len(sentences))
        states = np.full(len(sentences), self._start, np.int64)
        for position, column in enumerate(ids.T):
            going = np.flatnonzero(lengths >= position)
            if self._end < 0:  # a model that knows no end of a sentence says nothing about it
                going = going[lengths[going] > position]
            ngrams, added = self.lookup(states[going], column[going])
            totals[going] += added
            states[going] = self._next(ngrams)
        return totals

    def lookup(self, states: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read one word in each of n states: the n-gram it was found as (-1: nowhere), and its log probability.

        states: (n,) integers; words: (n,) ids, -1 for a word outside of a model without <unk>.
        """
        ngrams = np.full(len(states), -1, np.int64)
        log_probs = np.zeros(len(states))
        pending, states = np.arange(len(states)), np.asarray(states, np.int64)
        while len(pending):
            keys = states * len(self.words) + words[pending]
            positions = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            known = (self._keys[positions] == keys) & (words[pending] >= 0)
            ngrams[pending[known]] = positions[known]
            log_probs[pending[known]] += self.log_prob[positions[known]]
            nowhere = ~known & (states == 0)
            log_probs[pending[nowhere]] += self._unknown_log_prob
            pending, states = pending[~known & ~nowhere], states[~known & ~nowhere]
            log_probs[pending] += self.backoff[states - 1]
            states = self.suffix[states]
        return ngrams, log_probs

    def automaton(self, vocabulary: Sequence[str]) -> Automaton:
        """Return this model over the V units of a decoder; units outside its vocabulary are read as <unk>.

        Raises ValueError where no unit is a word of the model.
        """
        V = len(vocabulary)
        words = self._encode(vocabulary)
        if not (words != self._unknown).any():
            raise ValueError(
                f"none of the {V} units ({', '.join(map(repr, vocabulary[:4]))}, ...) is a word of the language model "
                f"({', '.join(map(repr, self.words[3:7]))}, ...): it was trained on text in other units"
            )
        by_word = np.argsort(words, kind="stable")  # units of word w: by_word[first[w]] and on, many[w] of them
        first = np.searchsorted(words[by_word], np.arange(len(self.words)))
        units_per_word = np.bincount(words[words >= 0], minlength=len(self.words))

        readable = units_per_word[self.word] > 0
        arcs, states, number = self._spelt(readable)
        copies = units_per_word[self.word[arcs]]  # several units may be <unk>
        of_arc = np.repeat(np.arange(len(arcs)), copies)
        nth = np.arange(len(of_arc)) - (np.cumsum(copies) - copies)[of_arc]
        unit = by_word[first[self.word[arcs]][of_arc] + nth]
        source = number[self.context[arcs]][of_arc]
        sort = np.argsort(source * V + unit, kind="stable")
        final = np.zeros(len(states))
        if self._end >= 0:
            final = self.lookup(states, np.full(len(states), self._end))[1]
        return Automaton(
            begin=np.searchsorted(source[sort], np.arange(len(states) + 1)),
            unit=unit[sort],
            target=number[self._next(arcs)][of_arc][sort],
            weight=self.log_prob[arcs][of_arc][sort],
            fallback=number[self.suffix[states]],
            fallback_weight=np.append(np.float32(0), self.backoff)[states],
            final=final,
            otherwise=self._unknown_log_prob,
            start=int(number[self._start]),
        )

    def _spelt(self, readable: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Restrict the model to n-grams that end in a word of the vocabulary: sayable (A,).

        The n-grams that can be read; the histories that then differ from what they fall back to; and for each history
        of the model the index, among those, of the one that stands for it.
        """
        starts, ends = self.levels[: self.order - 1], self.levels[1 : self.order]
        histories = int(self.levels[-2])
        alive = np.ones(histories + 1, bool)
        for low, high in zip(starts, ends, strict=True):
            opening = (self.word[low:high] == self._begin) & (self.context[low:high] == 0)
            alive[low + 1 : high + 1] = alive[self.context[low:high]] & (readable[low:high] | opening)
        ngrams = np.flatnonzero(readable & alive[self.context])

        differs = np.append(True, self.backoff != 0)
        differs[self.context[ngrams]] = True
        differs[self.context[self.word == self._end]] = True
        states = np.flatnonzero(differs & alive)
        same = np.arange(histories + 1)
        for low, high in zip(starts + 1, ends + 1, strict=True):
            same[low:high] = np.where(differs[low:high], same[low:high], same[self.suffix[low:high]])
        number = np.zeros(histories + 1, np.int64)
        number[states] = np.arange(len(states))
        return ngrams, states, number[same]

    def _encode(self, tokens: Sequence[str]) -> np.ndarray:
        """Return word ids. The marks of a sentence's ends are <unk>: nobody says them."""
        return np.array([self._token_ids.get(token, self._unknown) for token in tokens], np.int64)

    def _next(self, ngrams: np.ndarray) -> np.ndarray:
        """Return the state after each n-gram (-1: the empty history)."""
        states = np.asarray(ngrams, np.int64) + 1
        longest = np.flatnonzero(ngrams >= self.levels[-2])
        if len(longest):
            states[longest] = self._longest_suffix[ngrams[longest] - self.levels[-2]]
        return states

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def _token_ids(self) -> dict[str, int]:
        return {**self._ids, BEGIN: self._unknown, END: self._unknown}

    @cached_property
    def _unknown(self) -> int:
        return next((self._ids[word] for word in UNKNOWN if word in self._ids), -1)

    @cached_property
    def _begin(self) -> int:
        return self._ids.get(BEGIN, -1)

    @cached_property
    def _end(self) -> int:
        return self._ids.get(END, -1)

    @cached_property
    def _start(self) -> int:
        """The state at the beginning of a sentence."""
        ids = np.flatnonzero(self.word[: self.levels[1]] == self._begin)
        return int(ids[0]) + 1 if len(ids) and self.order > 1 else 0

    @cached_property
    def _unknown_log_prob(self) -> float:
        ids = np.flatnonzero(self.word[: self.levels[1]] == self._unknown)
        return float(self.log_prob[ids[0]]) if len(ids) else NO_UNKNOWN

    @cached_property
    def _keys(self) -> np.ndarray:
        return self.context.astype(np.int64) * len(self.words) + self.word

    @cached_property
    def suffix(self) -> np.ndarray:
        """For each history its longest proper ending that is a history too: (histories + 1,) int32."""
        suffix = np.zeros(int(self.levels[-2]) + 1, np.int32)
        self.__dict__["suffix"] = suffix  # finding those of a length uses those of shorter ones
        for low, high in zip(self.levels[1:-2], self.levels[2:-1], strict=True):
            suffix[low + 1 : high + 1] = self._endings(int(low), int(high))
        return suffix

    @cached_property
    def _longest_suffix(self) -> np.ndarray:
        """The state after each of the longest n-grams."""
        low, high = int(self.levels[-2]), int(self.levels[-1])
        return self._endings(low, high) if self.order > 1 else np.zeros(high - low, np.int32)

    def _endings(self, low: int, high: int) -> np.ndarray:
        """Return the states of the longest proper endings of n-grams low <= i < high."""
        ngrams, _ = self.lookup(self.suffix[self.context[low:high]], self.word[low:high])
        return (ngrams + 1).astype(np.int32)

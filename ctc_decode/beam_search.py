"""Decoding by prefix beam search, with a language model and hotwords: checks, the choice of the engine, hypotheses."""

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from ctc_decode.automaton import Automaton
from ctc_decode.confusion import ConfusionNetwork
from ctc_decode.engine import BadFrameError, Engine, Result, Settings
from ctc_decode.hotwords import Hotwords
from ctc_decode.hypothesis import Hypothesis
from ctc_decode.inputs import checked_batch, checked_vocabulary, row_fault, rows_for_search
from ctc_decode.lm import NgramModel
from ctc_decode.numpy_search import NumpyEngine
from ctc_decode.rescoring import weigh
from ctc_decode.streaming import Stream

_MAX_SIZE = 100_000  # prefixes in a beam, units of a frame, hypotheses


class HasAutomaton(Protocol):
    """Language models and hotwords."""

    def automaton(self, vocabulary: Sequence[str]) -> Automaton:
        """Return the automaton over ids of the vocabulary."""


class BeamSearchDecoder:
    """Find the label sequences of highest probability, summed over their alignments.

    vocabulary: V units, each once, the blank's place among them (its text is never used).
    beam_width: how many prefixes are kept from frame to frame.
    top_k: how many units of a frame, its best, may make a prefix longer. The blank and the repetition of a prefix's
        last unit are always looked at.
    lm: an NgramModel, or the path of an ARPA file. lm_weight: what its natural logs are multiplied by.
    length_bonus: natural log, added for each token. A language model makes longer label sequences less likely, so it
        needs some: see `python -m ramospeech.tune`.
    hotwords: Hotwords, or what Hotwords takes: phrases, or a mapping from phrases to boosts.
    nbest: how many hypotheses an item has at most.
    num_threads: how many items of a batch are decoded side by side.
    engine: "compiled", "numpy", or "auto": the compiled one where it is built, else numpy with one warning.

    The score of a label sequence is am_score + lm_weight * lm_score + boosts + length_bonus * U.
    Raises ValueError for what is out of range, and where lm or hotwords do not fit the vocabulary.

    >>> import numpy as np
    >>> decoder = BeamSearchDecoder(["<blank>", "ni3", "hao3"], engine="numpy")
    >>> posteriors = np.log([[[0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.2, 0.1, 0.7]]], dtype=np.float32)
    >>> [[best]] = decoder.decode(posteriors, [3])
    >>> best.tokens, best.start_frames, round(best.score, 3)
    (('ni3', 'hao3'), (0, 2), -0.516)
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        blank: int = 0,
        beam_width: int = 30,
        top_k: int = 40,
        lm: HasAutomaton | str | os.PathLike[str] | None = None,
        lm_weight: float = 0.5,
        length_bonus: float = 0.0,
        hotwords: HasAutomaton | Mapping[str, float] | Iterable[str] | None = None,
        nbest: int = 1,
        num_threads: int = 1,
        engine: Literal["auto", "compiled", "numpy"] = "auto",
    ):
        self.vocabulary = checked_vocabulary(vocabulary, blank)
        self.blank = blank
        for name, value in (
            ("beam_width", beam_width),
            ("top_k", top_k),
            ("nbest", nbest),
            ("num_threads", num_threads),
        ):
            if not isinstance(value, (int, np.integer)) or not 1 <= value <= _MAX_SIZE:
                raise ValueError(f"{name} is {value!r}; it must be an integer from 1 to {_MAX_SIZE:,}")
        for name, number in (("lm_weight", lm_weight), ("length_bonus", length_bonus)):
            if not isfinite(number):
                raise ValueError(f"{name} is {number}; it must be finite")
        automata = []
        if lm is not None:
            model = NgramModel.read(Path(lm)) if isinstance(lm, (str, os.PathLike)) else lm
            automata.append((model.automaton(self.vocabulary), float(lm_weight)))
        if hotwords is not None:
            words = hotwords if hasattr(hotwords, "automaton") else Hotwords(hotwords)
            automaton = words.automaton(self.vocabulary)
            if np.any(automaton.unit == blank):
                raise ValueError(f"a hotword has the blank, {self.vocabulary[blank]!r}, which no label sequence has")
            automata.append((automaton, 1.0))
        for automaton, _ in automata:
            if automaton.unit.max(initial=0) >= len(self.vocabulary):
                raise ValueError(
                    f"an automaton reads unit {automaton.unit.max()}; the vocabulary has {len(self.vocabulary)} units"
                )
        self._has_lm = lm is not None
        self._automata = tuple(automata)
        self._length_bonus = float(length_bonus)
        self._num_threads = int(num_threads)
        self._engine = _engine(
            engine,
            Settings(
                units=len(self.vocabulary),
                blank=int(blank),
                beam_width=int(beam_width),
                top_k=min(int(top_k), len(self.vocabulary)),
                nbest=int(nbest),
                length_bonus=float(length_bonus),
                automata=tuple(automata),
            ),
        )

    def decode(self, log_probs: Any, lengths: Any) -> list[list[Hypothesis]]:
        """Decode a batch.

        log_probs: (B, T', V) natural logs of distributions, an array or a torch tensor. float32 and float16 are
            read where they lie; other types are converted. lengths: (B,) valid frames.
        Returns B lists of at most nbest hypotheses, best first.
        Raises ValueError for wrong shapes and for a frame whose probabilities do not sum to 1 within 1 % (NaN, inf,
        all -inf, raw outputs of a model), naming the item and the frame.
        """
        array, frames = checked_batch(log_probs, lengths, len(self.vocabulary))
        array = rows_for_search(array)
        try:
            results = self._engine.decode(array, frames, self._num_threads)
        except BadFrameError as bad:
            fault = row_fault(array[bad.item, bad.frame])
            raise ValueError(f"item {bad.item}, frame {bad.frame}: {fault}") from None
        return [[self._hypothesis(result) for result in item] for item in results]

    def stream(self) -> Stream:
        """Begin an utterance that comes in chunks: push, partial, finish."""
        return Stream(self._engine.stream(), self.vocabulary, self._hypothesis)

    def weigh(self, network: ConfusionNetwork, hypothesis: Hypothesis) -> ConfusionNetwork:
        """Return a network of posteriors around one of this decoder's hypotheses, with what the language model, the
        hotwords and the length bonus say of its alternatives in the context of that hypothesis."""
        return weigh(network, hypothesis, self.vocabulary, self._automata, self._length_bonus)

    def _hypothesis(self, result: Result) -> Hypothesis:
        return Hypothesis(
            tokens=tuple(self.vocabulary[i] for i in result.ids),
            ids=tuple(result.ids),
            score=result.score,
            am_score=result.am_score,
            lm_score=result.automaton_scores[0] if self._has_lm else 0.0,
            start_frames=tuple(result.start_frames),
            end_frames=tuple(result.end_frames),
            confidences=tuple(result.confidences),
        )


def _engine(name: str, settings: Settings) -> Engine:
    if name not in ("auto", "compiled", "numpy"):
        raise ValueError(f"engine is {name!r}; it must be auto, compiled or numpy")
    if name == "numpy":
        return NumpyEngine(settings)
    try:
        from ctc_decode.compiled_search import CompiledEngine
    except ImportError as error:
        if name == "compiled":
            raise ValueError(f"engine is compiled and the core does not load ({error}); build it with make") from None
        _warn_of_numpy()
        return NumpyEngine(settings)
    return CompiledEngine(settings)


@cache
def _warn_of_numpy() -> None:
    """Warn once per process."""
    warnings.warn(
        "ctc_decode: the compiled core is not built, so decoding runs in numpy, many times slower; "
        "with a C++ compiler at hand, `pip install .` builds it",
        RuntimeWarning,
        stacklevel=4,
    )

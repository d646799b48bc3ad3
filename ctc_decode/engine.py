"""What both engines of the beam search are given, and what they answer."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from ctc_decode.automaton import Automaton


@dataclass(frozen=True)
class Settings:
    """A search over V = `units` units. `automata`: language model and hotwords, each with the scale of its weights."""

    units: int
    blank: int
    beam_width: int
    top_k: int
    nbest: int
    length_bonus: float
    automata: tuple[tuple[Automaton, float], ...]


class Result(NamedTuple):
    """One label sequence. automaton_scores: of each automaton, not scaled, with the end of the utterance."""

    ids: list[int]
    score: float
    am_score: float
    automaton_scores: list[float]
    start_frames: list[int]
    end_frames: list[int]
    confidences: list[float]


class BadFrameError(Exception):
    """A frame whose values are not natural logs of a distribution."""

    def __init__(self, item: int, frame: int):
        super().__init__(item, frame)
        self.item = item
        self.frame = frame


class StreamEngine(Protocol):
    """One utterance, frame by frame."""

    def push(self, chunk: np.ndarray) -> None:
        """Take (T', V) more frames, or none of them and raise BadFrameError."""

    def partial(self) -> tuple[list[int], int]:
        """Return the best label sequence so far, and how many of its first units are settled."""

    def finish(self, log_probs: np.ndarray) -> list[Result]:
        """Return the best label sequences of all frames that were pushed, which are given again, best first."""


class Engine(Protocol):
    """Searches batches."""

    def decode(self, log_probs: np.ndarray, lengths: np.ndarray, num_threads: int) -> list[list[Result]]:
        """Decode (B, T', V) float32 or float16, (B,) frames: the best label sequences of each item, or
        BadFrameError."""

    def stream(self) -> StreamEngine:
        """Return a new utterance."""

"""Where a text and what was recognised agree: a long recording becomes short windows, each with its part of the text.

The greedy hypothesis and the text are matched by edit distance, without tones. Runs of three matching units and more
are sure. Between two of them, text and hypothesis either differ as recognition errors make them differ, or do not
belong together: then the audio there may be anything, and a long text is left out, since no alignment is true.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from ramospeech.errors import extra

with extra("text"):
    from rapidfuzz.distance import Levenshtein


STAR = -1  # in a window, audio that may hold anything
_SURE = 3  # matching units in a row that no chance makes
_INSIDE = 2  # matching units on both sides of the end of a window
_FEW = 3  # units that a recognition error may take or add
_LENIENT = 12  # units of text that are tried in audio that does not look like them and has about as many
_EXTRA = 2  # units that are tried beside those that match
_ALIKE = 0.3  # fraction of matching units from which a part is taken for the same with recognition errors
_ALIKE_TEXT = 0.4  # the same of the text alone, where the audio has more
_MIN_UNITS = 20  # of a window, if it can be helped


@dataclass(frozen=True)
class Window:
    """Frames begin <= t < end hold these words, in order: indices, or STAR."""

    begin: int
    end: int
    words: tuple[int, ...]


@dataclass(frozen=True)
class Matching:
    """The windows of a recording, in order, and the words that are in none of them."""

    windows: tuple[Window, ...]
    unplaced: tuple[int, ...]


def match(
    best: Sequence[Hashable], first: Sequence[int], last: Sequence[int], num_frames: int, text: Sequence[Hashable]
) -> Matching:
    """Match a greedy hypothesis, with the frames of each unit, to a text of as many words as it has."""
    unplaced: list[int] = []
    windows: list[Window] = []
    words: list[int] = []
    begin = 0
    for block in _blocks(best, text):
        if isinstance(block, _Gap):
            kept, left_out = _judged(block)
            words += kept
            unplaced += left_out
            continue
        i, j, size = block
        for offset in range(size):
            if len(words) >= _MIN_UNITS and _INSIDE <= offset <= size - _INSIDE:
                cut = (last[i + offset - 1] + first[i + offset]) // 2
                windows.append(Window(begin, cut, tuple(words)))
                begin, words = cut, []
            words.append(j + offset)
    windows.append(Window(begin, num_frames, tuple(words)))
    return Matching(tuple(windows), tuple(unplaced))


@dataclass(frozen=True)
class _Gap:
    """Between two sure runs: so many units of the hypothesis, words of the text, and which of these match anyway."""

    recognised: int
    words: range
    matches: tuple[int, ...]


def _blocks(best: Sequence[Hashable], text: Sequence[Hashable]) -> Iterator[tuple[int, int, int] | _Gap]:
    """Yield sure runs (start in the hypothesis, start in the text, size) and the gaps around them."""
    i = j = 0
    matches: list[int] = []
    for block in Levenshtein.opcodes(best, text):
        size = block.src_end - block.src_start
        if block.tag != "equal":
            continue
        if size < _SURE and not (size == len(text) == len(best)):
            matches += range(block.dest_start, block.dest_end)
            continue
        yield _Gap(block.src_start - i, range(j, block.dest_start), tuple(matches))
        yield block.src_start, block.dest_start, size
        i, j, matches = block.src_end, block.dest_end, []
    yield _Gap(len(best) - i, range(j, len(text)), tuple(matches))


def _judged(gap: _Gap) -> tuple[list[int], Sequence[int]]:
    """Return the words to place in the audio of a gap, with STAR where it holds more, and the words to leave out."""
    words, longer = len(gap.words), max(gap.recognised, len(gap.words))
    if longer <= _FEW or len(gap.matches) >= _ALIKE * longer:
        return list(gap.words), ()
    if len(gap.matches) >= _ALIKE_TEXT * words or (words <= _LENIENT and gap.recognised >= words / 2):
        return [STAR, *gap.words, STAR] if words else [STAR], ()
    left = _edge(gap.words, gap.matches)
    right = _edge(gap.words[left:][::-1], gap.matches)
    inside = gap.words[left : words - right]
    return [*gap.words[:left], STAR, *gap.words[words - right :]], inside


def _edge(words: Sequence[int], matches: Sequence[int]) -> int:
    """Return how many of the first words may be placed: as far as half of them match, and a few that may be errors."""
    count = matched = 0
    for number, word in enumerate(words, 1):
        matched += word in matches
        if 2 * matched >= number and word in matches:
            count = number
    return min(count + _EXTRA, len(words))

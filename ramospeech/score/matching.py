"""Which hypothesis belongs to which reference: by id, or by the end of the path that an id is."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from ramospeech.errors import ListError

_SUFFIX = re.compile(r"\.[A-Za-z]\w{0,4}$")  # .wav, .mp3, .flac: not the .1 of `talk.1`


def match_ids(references: Collection[str], hypotheses: Collection[str]) -> dict[str, str]:
    """Reference id -> hypothesis id.

    Equal ids belong together. Of the others those do whose ends have most in common, counted in parts of the path:
    `x/y/a.wav` and `z/y/a.wav` have two. Names without an audio suffix match names with one where nothing matches
    better. Where some ids are equal, both sides start from the same folder, and others match only if one is the whole
    end of the other. Raises ListError for an id that could be several.
    """
    taken = set(references) & set(hypotheses)
    pairs = {name: name for name in references if name in taken}
    by_name: dict[str, list[str]] = defaultdict(list)
    for reference in references:
        if reference not in taken:
            by_name[_stem(_parts(reference)[-1])].append(reference)
    best: dict[str, list[str]] = defaultdict(list)  # reference -> hypotheses that fit none better
    for hypothesis in hypotheses:
        if hypothesis in taken:
            continue
        scores = {name: _common(name, hypothesis, full=bool(taken)) for name in by_name[_stem(_parts(hypothesis)[-1])]}
        highest = max(scores.values(), default=0.0)
        fitting = [name for name, score in scores.items() if score == highest > 0]
        if len(fitting) > 1:
            raise ListError(f"hypothesis {hypothesis} may be {_some(fitting)}; give its id more of the path")
        for name in fitting:
            best[name].append(hypothesis)
    for reference, fitting in best.items():
        scores = {name: _common(reference, name, full=bool(taken)) for name in fitting}
        closest = [name for name, score in scores.items() if score == max(scores.values())]
        if len(closest) > 1:
            raise ListError(f"reference {reference} may be {_some(closest)}; give its id more of the path")
        pairs[reference] = closest[0]
    return pairs


def _parts(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name.replace("\\", "/"))
    return tuple(part for part in path.parts if part not in (path.anchor, ".")) or (name,)


def _stem(name: str) -> str:
    return _SUFFIX.sub("", name)


def _common(one: str, other: str, full: bool) -> float:
    """Return how many parts two paths have in common from the end; a last part without its suffix counts half."""
    left, right = _parts(one)[::-1], _parts(other)[::-1]
    count = 0
    for a, b in zip(left[1:], right[1:], strict=False):
        if a != b:
            break
        count += 1
    if full and count < min(len(left), len(right)) - 1:
        return 0.0
    if left[0] == right[0]:
        return count + 1.0
    suffixes = bool(_SUFFIX.search(left[0])), bool(_SUFFIX.search(right[0]))
    return count + 0.5 if suffixes != (True, True) else 0.0


def _some(names: Iterable[str], limit: int = 5) -> str:
    """Return the first names, as a choice."""
    listed = list(names)
    text = " or ".join(listed[:limit])
    return text if len(listed) <= limit else f"{text} or {len(listed) - limit} others"

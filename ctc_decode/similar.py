"""Mandarin syllables that speakers and models confuse: retroflex and flat, n and l, front and back nasals, tones."""

from collections.abc import Iterator

_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("f", "h"), ("f", "hu"), ("r", "l"))
_FINALS = (("an", "ang"), ("en", "eng"), ("in", "ing"))
_WHOLE = (("fei", "hui"), ("fen", "hun"), ("feng", "hong"))  # f and h before u, where pinyin hides the u or its vowel
_TONES = ("", "1", "2", "3", "4")


def similar_syllables(syllable: str) -> set[str]:
    """Return what differs from a syllable (pypinyin's TONE3, neutral tone bare) by one confusion: initial, final or
    tone.

    Some of them are not syllables of Mandarin: the caller keeps those of its vocabulary.

    >>> sorted(similar_syllables("lin2"))
    ['lin', 'lin1', 'lin3', 'lin4', 'ling2', 'nin2', 'rin2']
    """
    tone = syllable[-1:] if syllable[-1:] in _TONES else ""
    base = syllable.removesuffix(tone)
    return {other + tone for other in _near_bases(base)} | {base + other for other in _TONES if other != tone}


def _near_bases(base: str) -> Iterator[str]:
    for pairs in (_INITIALS, tuple((b, a) for a, b in _INITIALS)):
        for old, new in pairs:
            # Except that zhong does not have the initial z.
            if base.startswith(old) and not (len(old) == 1 and base[1:2] == "h"):
                yield new + base[len(old) :]
    for front, back in _FINALS:
        if base.endswith(front):
            yield base + "g"
        elif base.endswith(back):
            yield base[:-1]
    for one, other in _WHOLE:
        if base in (one, other):
            yield other if base == one else one

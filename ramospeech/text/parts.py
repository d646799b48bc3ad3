"""Split syllables into initial, final and tone by pypinyin's strict rules: `you3` has no initial, iou and 3.

Finals with equal spelling and different pronunciation are distinct: `ju` has the final v, and `zhi` and `zi` have a
final of their own, written -i.
"""

from functools import lru_cache
from typing import NamedTuple

from ramospeech.errors import UnitError
from ramospeech.text import pinyin
from ramospeech.text.vocabulary import UNK_UNIT

ZERO = "∅"  # the initial of a syllable that begins with a vowel
OTHER = "other"  # each part of a token that is not a syllable

# fmt: off
INITIALS = ("b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x", "zh", "ch", "sh", "r", "z", "c", "s",
            ZERO, OTHER)
FINALS = ("a", "o", "e", "ê", "er", "ai", "ei", "ao", "ou", "an", "en", "ang", "eng", "ong",
          "-i", "i", "ia", "ie", "iao", "iou", "ian", "in", "iang", "ing", "iong",
          "u", "ua", "uo", "uai", "uei", "uan", "uen", "uang", "ueng", "v", "ve", "van", "vn",
          "m", "n", "ng", "hm", "hng", OTHER)  # m to hng: interjections without a vowel
# fmt: on
_SHORT = {"iu": "iou", "ui": "uei", "un": "uen", "ue": "ve", "io": "o", "iai": "ai", "uong": "ong"}  # and yo, yai, wong
TONES = ("1", "2", "3", "4", "5", OTHER)


class Parts(NamedTuple):
    """The parts of a syllable: one of INITIALS, one of FINALS, one of TONES (5 is the neutral tone)."""

    initial: str
    final: str
    tone: str


@lru_cache(maxsize=1 << 14)
def split(syllable: str) -> Parts:
    """Split a normalised syllable; of any other token each part is `other`.

    >>> split("zhuang4"), split("shi")
    (Parts(initial='zh', final='uang', tone='4'), Parts(initial='sh', final='-i', tone='5'))
    """
    try:
        known = syllable != UNK_UNIT and pinyin.normalise_syllable(syllable) == syllable
    except UnitError:
        known = False
    if not known:
        return Parts(OTHER, OTHER, OTHER)
    return Parts(*_initial_and_final(pinyin.toneless(syllable)), str(pinyin.tone(syllable)))


def _initial_and_final(bare: str) -> tuple[str, str]:
    """Split a syllable without its tone as pypinyin's strict `to_initials` and `to_finals` do.

    By rules, because transcribing does not need the 60 MB of pypinyin's dictionaries.
    """
    initial = next((each for each in ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcs") if bare.startswith(each)), "")
    final = bare[len(initial) :]
    if not set(final) & set("aeiouvê"):
        return ZERO, bare
    if final[0] in "yw":  # stand for i and u, and before these for nothing; yu is v
        vowel, rest = {"y": "i", "w": "u"}[final[0]], final[1:]
        final = f"v{rest[1:]}" if final.startswith("yu") else rest if rest[0] == vowel else vowel + rest
    if initial and initial in "jqx" and final[0] == "u":
        final = f"v{final[1:]}"
    if final == "i" and initial in ("zh", "ch", "sh", "r", "z", "c", "s"):
        final = "-i"
    return initial or ZERO, _SHORT.get(final, final)


def phonetic_similarity(left: str, right: str) -> int:
    """Return the phonetic similarity of two syllables, 0 to 5: 2 for equal initials or finals, 1 for equal tones."""
    a, b = split(left), split(right)
    return 0 if OTHER in (*a, *b) else 2 * (a.initial == b.initial) + 2 * (a.final == b.final) + (a.tone == b.tone)


likeness = phonetic_similarity  # its name in version 0.1

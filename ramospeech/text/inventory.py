"""Generates the inventory of Mandarin syllables: `python -m ramospeech.text.inventory [--output FILE] [--check]`.

The inventory has every syllable (without its tone) that pypinyin has for any character or phrase, in the four tones
and the neutral one. So it holds every reading of the 8,105 characters of the standard table of 2013 and of GB2312,
the neutral tones of words (the fu of 功夫), the forms that sandhi makes (wo2), and any other label;
it need never grow, and weights move between corpora.
"""

from collections.abc import Sequence
from pathlib import Path

from ramospeech import errors
from ramospeech.cli import Parser
from ramospeech.errors import extra
from ramospeech.text.vocabulary import BLANK_UNIT, UNK_UNIT, Vocabulary, inventory_path

with extra("text"):
    from pypinyin.constants import PHRASES_DICT, PINYIN_DICT
    from pypinyin.contrib.tone_convert import to_normal

# Of no character in pypinyin, but in recordings of all Mandarin syllables: yai is an old reading of 崖.
_EXTRA = {"fe", "yai"}


def readings() -> set[str]:
    """Return every reading, with tone marks, that pypinyin has for a character or within a phrase."""
    of_characters = {reading for line in PINYIN_DICT.values() for reading in line.split(",")}
    of_phrases = {reading for phrase in PHRASES_DICT.values() for choices in phrase for reading in choices}
    return of_characters | of_phrases


def generate() -> Vocabulary:
    """Return the blank, `<UNK>`, and all syllables in all tones, sorted."""
    bases = {to_normal(reading) for reading in readings()} | _EXTRA
    return Vocabulary([BLANK_UNIT, UNK_UNIT, *sorted(base + tone for base in bases for tone in ("", *"1234"))])


@errors.program
def main(argv: Sequence[str] | None = None) -> None:
    parser = Parser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--output", type=Path, default=inventory_path(), help="the file to write, or to check")
    parser.add_argument("--check", action="store_true", help="only compare the file to what would be written")
    args = parser.parse_args(argv)
    vocabulary = generate()
    if not args.check:
        vocabulary.save(args.output)
        print(f"{args.output}: {len(vocabulary)} units")
    elif Vocabulary.load(args.output) != vocabulary:
        raise errors.ListError(f"{args.output} differs from what this pypinyin gives; generate it again")


if __name__ == "__main__":
    raise SystemExit(main())

"""Score hypotheses against references: syllable error rate (toned and toneless), character error rate, their 95 %
bootstrap intervals over clips, and sentence accuracy.

    python speech2text.py --format tsv --output hyp.tsv data_config/thchs_test.txt
    python evaluate.py --ref data_config/thchs_test.txt --hyp hyp.tsv --report report/

Rates are total errors over total reference length. Clips are matched by id: the path in a list, the `id` column of
a table, character by character. A reference without a hypothesis counts as wholly deleted; a hypothesis without a
reference is named and left out. A table without a `pinyin` column is read by pypinyin from its hanzi.
"""

import argparse
import json
import sys
from contextlib import suppress
from pathlib import Path

from ramospeech.corpora import read_list
from ramospeech.errors import ListError, program
from ramospeech.output import output_file, read_tsv
from ramospeech.score import Pair, Report, characters, readings, syllables

Texts = tuple[tuple[str, ...], tuple[str, ...]]  # syllables and hanzi of a clip


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and the examples as they are written."""


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="evaluate.py", description=__doc__, formatter_class=_Formatter)
    parser.add_argument("--ref", required=True, metavar="LIST_OR_TSV", help="a list, or a table with a header")
    parser.add_argument(
        "--hyp", required=True, metavar="TSV", help="a table as `speech2text.py --format tsv` writes it"
    )
    parser.add_argument(
        "--report", metavar="DIR", help="also write report.json, report.txt and details.tsv (each clip aligned) there"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args(argv)


def read_table(path: str) -> dict[str, Texts]:
    """id -> syllables and hanzi of a table. Raises ListError for an id that is there twice."""
    texts: dict[str, Texts] = {}
    for number, cells in read_tsv(path):
        if cells["id"] in texts:
            raise ListError(f"{path}:{number}: {cells['id']} is there twice; keep one")
        hanzi = characters(cells.get("hanzi", ""))
        texts[cells["id"]] = (syllables(cells["pinyin"]) if "pinyin" in cells else readings(hanzi)), hanzi
    return texts


def read_references(path: str) -> dict[str, Texts]:
    """References by id, from a list or a table. Raises ListError for an id that is there twice, or for none."""
    with suppress(OSError), open(path, "rb") as file:
        if b"id" in file.readline().removeprefix(b"\xef\xbb\xbf").split(b"\t"):
            return read_table(path)
    texts: dict[str, Texts] = {}
    for clip in read_list(path):
        if clip.path in texts:
            raise ListError(f"{path}:{_second_line(path, clip.path)}: {clip.path} is there twice; keep one")
        texts[clip.path] = clip.pinyin, characters(clip.hanzi)
    return texts


def _second_line(path: str, name: str) -> int:
    lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    return [number for number, line in enumerate(lines, 1) if line.split("\t")[0].strip() == name][1]


def match(references: dict[str, Texts], hypotheses: dict[str, Texts]) -> Report:
    """Pair by id. Raises ListError where nothing matches."""
    if not references.keys() & hypotheses.keys():
        raise ListError(
            "no hypothesis has the id of a reference; references look like "
            f"{next(iter(references), 'nothing')!r}, hypotheses like {next(iter(hypotheses), 'nothing')!r}"
        )
    pairs = (
        Pair(name, *reference, *hypotheses.get(name, ((), ())), found=name in hypotheses)
        for name, reference in references.items()
    )
    return Report(tuple(pairs), extra=tuple(sorted(hypotheses.keys() - references.keys())))


@program
def main(argv: list[str] | None = None) -> int:
    """Score what the command line names."""
    args = parse(argv)
    report = match(read_references(args.ref), read_table(args.hyp))
    for name in report.missing:
        print(f"warning: no hypothesis for {name}; it counts as deleted", file=sys.stderr)
    for name in report.extra:
        print(f"warning: no reference for {name}; it is left out", file=sys.stderr)
    summary = json.dumps(report.as_dict(), ensure_ascii=False, indent=2) + "\n"
    if args.report:
        files = {
            "report.json": summary,
            "report.txt": report.as_table() + "\nMost errors\n\n" + report.worst(),
            "details.tsv": report.details(),
        }
        for name, content in files.items():
            with output_file(Path(args.report) / name) as file:
                file.write(content)
    print(summary if args.json else report.as_table(), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Score hypotheses against references: syllable error rate (toned and toneless), character error rate, their 95 %
bootstrap intervals over clips, and sentence accuracy; and where the errors are: by tone, initial, final, length of a
clip, speaker and corpus, on a page to open in a browser.

    ramospeech transcribe --format tsv --output hyp.tsv data_config/thchs_test.txt
    ramospeech evaluate --ref data_config/thchs_test.txt --hyp hyp.tsv --report report/
    ramospeech evaluate --ref data_config/thchs_test.txt --hyp hyp.tsv --report report/ --data_root data --model M

Rates are total errors over total reference length. Clips are matched by id: the path in a list, the `id` column of
a table; where these differ, by the end that the paths have in common. A reference without a hypothesis counts as wholly
deleted; a hypothesis without a reference is named and left out. What a table has no pinyin for is read by pypinyin
from its hanzi. With --units characters the texts are compared: characters (CER), hanzi alone, and words of Latin
letters (WER). Traditional and simplified characters count as equal unless --script is exact.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ramospeech.audio import SAMPLE_RATE
from ramospeech.cli import Parser, count_or_0
from ramospeech.corpora import read_list
from ramospeech.errors import ListError, UsageError, program
from ramospeech.files import split_lines, whole_file
from ramospeech.output import read_tsv
from ramospeech.score import (
    Breakdown,
    ErrorReport,
    Pair,
    PosteriorFn,
    characters,
    match_ids,
    readings,
    simplified,
    syllables,
    write_page,
)
from ramospeech.text.units import UNITS, Units

Texts = tuple[tuple[str, ...], tuple[str, ...]]  # syllables and hanzi of a clip
NAMED = 20  # clips without a counterpart that are named on stderr


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = Parser(description=__doc__)
    parser.add_argument("--ref", required=True, metavar="LIST_OR_TSV", help="a list, or a table with a header")
    parser.add_argument(
        "--hyp", required=True, metavar="TSV", help="a table as `ramospeech transcribe --format tsv` writes it"
    )
    parser.add_argument(
        "--report",
        metavar="DIR",
        help="also write index.html (open it in a browser), report.json, report.txt and details.tsv (each clip aligned)"
        " there",
    )
    parser.add_argument("--worst", metavar="N", type=count_or_0, default=20, help="clips with most errors to report")
    parser.add_argument(
        "--data_root", metavar="DIR", help="where the recordings are: the page then plays and pictures the worst clips"
    )
    parser.add_argument("--model", metavar="FILE", help="the acoustic model: the page then shows its posteriors too")
    parser.add_argument(
        "--script",
        choices=["any", "exact"],
        default="any",
        help="any: traditional and simplified characters are equal; exact: they are not",
    )
    compared = [name for name, units in UNITS.items() if units.labels_text or name == "pinyin"]
    parser.add_argument("--units", choices=compared, default="pinyin", help="what is compared: syllables or the text")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args(argv)
    if args.data_root and not args.report:
        raise UsageError("--data_root is for the page that --report DIR writes; give both")
    if args.model and not args.data_root:
        raise UsageError("--model is for the pictures of recordings; say where these are with --data_root DIR")
    if args.data_root and not Path(args.data_root).is_dir():
        raise UsageError(f"--data_root {args.data_root}: no such folder; give the one that the ids start from")
    return args


def read_table(path: str, units: Units = UNITS["pinyin"]) -> dict[str, Texts]:
    """Read a table: id -> tokens and hanzi. Raises ListError for an id that occurs twice."""
    texts: dict[str, Texts] = {}
    for number, cells in read_tsv(path):
        if cells["id"] in texts:
            raise ListError(f"{path}:{number}: {cells['id']} occurs twice; keep one")
        if units.labels_text:
            if "hanzi" not in cells:
                raise ListError(f"{path}:1: no column hanzi, whose {units.name} are to be compared")
            texts[cells["id"]] = tuple(units.from_text(cells["hanzi"])), ()
            continue
        hanzi = characters(cells.get("hanzi", ""))
        has_pinyin = "pinyin" in cells and (cells["pinyin"] or not hanzi)
        texts[cells["id"]] = (syllables(cells["pinyin"]) if has_pinyin else readings(hanzi)), hanzi
    return texts


def read_references(path: str, units: Units = UNITS["pinyin"]) -> dict[str, Texts]:
    """References by id, from a list or a table. Raises ListError for an id that occurs twice, or for none."""
    with suppress(OSError), open(path, "rb") as file:
        if b"id" in file.readline().removeprefix(b"\xef\xbb\xbf").split(b"\t"):
            return read_table(path, units)
    texts: dict[str, Texts] = {}
    for clip in read_list(path, units):
        if clip.path in texts:
            raise ListError(f"{path}:{_second_line(path, clip.path)}: {clip.path} occurs twice; keep one")
        texts[clip.path] = clip.tokens, () if units.labels_text else characters(clip.text)
    return texts


def _second_line(path: str, name: str) -> int:
    lines = split_lines(Path(path).read_bytes().decode("utf-8"), path)
    return [number for number, line in enumerate(lines, 1) if line.split("\t")[0].strip() == name][1]


def match(
    references: dict[str, Texts],
    hypotheses: dict[str, Texts],
    script: str = "any",
    units: Units = UNITS["pinyin"],
) -> ErrorReport:
    """Pair by id, see `match_ids`. Raises ListError where nothing matches, or an id could be several."""
    matched = match_ids(references, hypotheses)
    if not matched:
        raise ListError(
            "no hypothesis has the id of a reference; references look like "
            f"{next(iter(references), 'nothing')!r}, hypotheses like {next(iter(hypotheses), 'nothing')!r}"
        )
    by_end = [(name, other) for name, other in matched.items() if name != other]
    if by_end:
        name, other = by_end[0]
        print(f"note: {len(by_end)} ids are matched by their ends, such as {name} and {other}", file=sys.stderr)
    pairs = []
    for name, (pinyin, hanzi) in references.items():
        hypothesis, text = hypotheses[matched[name]] if name in matched else ((), ())
        if script == "any":
            hanzi, text = simplified(hanzi), simplified(text)
            if units.labels_text:
                pinyin, hypothesis = simplified(pinyin), simplified(hypothesis)
        pairs.append(Pair(name, pinyin, hanzi, hypothesis, text, found=name in matched))
    return ErrorReport(tuple(pairs), tuple(sorted(hypotheses.keys() - set(matched.values()))), units)


def warn(names: Sequence[str], what: str, effect: str) -> None:
    """Count and name clips on stderr; the JSON has all of them."""
    for name in names[:NAMED]:
        print(f"warning: {what} for {name}; it {effect}", file=sys.stderr)
    if len(names) > NAMED:
        print(f"warning: {what} for {len(names)} ids in all; --json names each", file=sys.stderr)


def load_posterior_fn(path: str) -> PosteriorFn:
    """Return what the acoustic model of a file makes of a waveform. Raises ModelError."""
    import torch  # seconds to import, and numbers alone need none of it

    from ramospeech.model import load_model
    from ramospeech.model.pretrained import model_path

    model = load_model(model_path(path))

    @torch.inference_mode()
    def listen(waveform):
        batch = torch.from_numpy(waveform)[None], torch.tensor([len(waveform)])
        features, _ = model.features(*batch)
        log_probs, _ = model(*batch)
        return features[0].numpy(), log_probs[0].float().numpy(), model.vocabulary.units

    listen.frames_per_second = SAMPLE_RATE / model.features.samples_per_frame  # type: ignore[attr-defined]
    return listen


@program
def main(argv: list[str] | None = None) -> int:
    """Score what the command line names."""
    args = parse(argv)
    units = UNITS[args.units]
    report = match(read_references(args.ref, units), read_table(args.hyp, units), args.script, units)
    warn(report.missing, "no hypothesis", "counts as deleted")
    warn(report.extra, "no reference", "is left out")
    breakdown = Breakdown(report)
    if args.report:
        posterior_fn = load_posterior_fn(args.model) if args.model else None
        sources = {"References": args.ref, "Hypotheses": args.hyp, **({"Model": args.model} if args.model else {})}
        write_page(args.report, breakdown, sources, args.worst, args.data_root, posterior_fn)
    if args.report or args.json:
        entry = report.as_dict() | breakdown.as_dict() | {"worst": report.worst_dicts(args.worst)}
        summary = json.dumps(entry, ensure_ascii=False, indent=2) + "\n"
    if args.report:
        files = {
            "report.json": summary,
            "report.txt": report.as_table() + "\nMost errors\n\n" + report.worst(args.worst),
            "details.tsv": report.details(),
        }
        for name, content in files.items():
            path = Path(args.report) / name
            with whole_file(path, "w", UsageError, "make room or choose another --report") as file:
                file.write(content)
    print(summary if args.json else report.as_table(), end="")
    return 0

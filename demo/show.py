"""Prints references and hypotheses of some clips beside each other: show.py LIST HYPOTHESES.tsv [CLIPS]."""

import csv
import sys
from pathlib import Path

from ramospeech.corpora import read_list


def main(list_path: str, table: str, clips: str = "10") -> None:
    with Path(table).open(encoding="utf-8", newline="") as file:
        found = {row["id"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
    references = read_list(list_path)
    every = max(1, len(references) // int(clips))
    for clip in references[::every][: int(clips)]:
        hypothesis = found[clip.path]
        print(clip.path)
        print(f"  pinyin  reference   {' '.join(clip.pinyin)}\n          recognised  {hypothesis['pinyin']}")
        print(f"  hanzi   reference   {clip.hanzi}\n          recognised  {hypothesis['hanzi']}")


if __name__ == "__main__":
    main(*sys.argv[1:])

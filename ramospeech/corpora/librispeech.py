"""LibriSpeech (OpenSLR 12, CC BY 4.0): 960 hours of English books, split by the publisher.

    LibriSpeech/train-clean-100/103/1240/103-1240.trans.txt     103-1240-0000 CHAPTER ONE MISSUS RACHEL ...
    LibriSpeech/train-clean-100/103/1240/103-1240-0000.flac

The train parts are one train list, dev-clean and dev-other one dev list, test-clean and test-other one test list;
--parts test-clean takes some of them only.
"""

from pathlib import Path

from ramospeech.corpora.download import Archive
from ramospeech.corpora.recordings import Recording, beside_tables, find_folder

ARCHIVES = tuple(
    Archive(12, f"{part}.tar.gz", size, md5, folder=f"LibriSpeech/{part}")
    for part, size, md5 in (
        ("train-clean-100", 6_387_309_499, "2a93770f6d5c6c964bc36631d331a522"),
        ("train-clean-360", 23_049_477_885, "c0e676e450a7ff2f54aeade5171606fa"),
        ("train-other-500", 30_593_501_606, "d1a0fd59409feb2c614ce4d30c387708"),
        ("dev-clean", 337_926_286, "42e2234ba48799c1f50f24a7926300a1"),
        ("dev-other", 314_305_928, "c8d0bcc9cca99d4f8b62fcc847357931"),
        ("test-clean", 346_663_984, "32fa31d27d2e1cad72775fee3f4849a9"),
        ("test-other", 328_757_843, "fb5a50374b501bb3bac4815ee91d3135"),
    )
)
PARTS = tuple(archive.name.removesuffix(".tar.gz") for archive in ARCHIVES)


def prepare_librispeech(root: Path, parts: tuple[str, ...] = PARTS) -> list[Recording]:
    """Return the utterances of those parts of LibriSpeech that are there."""
    folder = find_folder(root, "LibriSpeech", "*-*/*/*/*.trans.txt")
    return [
        recording
        for part in parts
        if (folder / part).is_dir()
        for recording in beside_tables(folder / part, ".flac", "*/*/*.trans.txt", part.split("-")[0])
    ]

"""MUSAN (OpenSLR 17, CC BY 4.0) and RIRS_NOISES (OpenSLR 28, Apache-2.0): folders for --noise, --music and --rooms.

    musan/{noise,music,speech}/*/*.wav
    RIRS_NOISES/{pointsource_noises,simulated_rirs/*room/Room001}/*.wav     and real_rirs_isotropic_noises/, both mixed

They need no lists: preparing them counts the recordings and prints the options of train.py.
"""

from pathlib import Path

from ramospeech.corpora.download import Archive
from ramospeech.corpora.recordings import find_folder, recordings_in

MUSAN = (Archive(17, "musan.tar.gz", 11_086_114_085, "0c472d4fc0c5141eca47ad1ffeb2a7df", folder="musan"),)
RIRS = (Archive(28, "rirs_noises.zip", 1_311_166_223, "e6f48e257286e05de56413b4779d8ffb", folder="RIRS_NOISES"),)


def musan_folders(root: Path) -> dict[str, Path]:
    """Return {option: folder} of MUSAN; its speech is left out, which nobody transcribed."""
    folder = find_folder(root, "musan", "noise")
    return {"--noise": folder / "noise", "--music": folder / "music"}


def rirs_folders(root: Path) -> dict[str, Path]:
    """Return {option: folder} of RIRS_NOISES."""
    folder = find_folder(root, "RIRS_NOISES", "simulated_rirs")
    return {"--noise": folder / "pointsource_noises", "--rooms": folder / "simulated_rirs"}


def describe(folders: dict[str, Path]) -> str:
    """Return the options of train.py, and how many recordings are in the folder of each."""
    return "\n".join(
        f"{option} {folder}    {len(recordings_in(folder)):,} recordings" for option, folder in folders.items()
    )

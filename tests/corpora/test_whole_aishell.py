"""A tree of as many files as AISHELL-1 has, with its numbers of recordings and transcripts."""

import os

import numpy as np
import pytest
import soundfile

from ramospeech.corpora.__main__ import main

FILES = {"train": (120_418, 120_098), "dev": (14_331, 14_326), "test": (7_176, 7_176)}  # recordings, transcripts
LINKS = 30_000  # names of one file; some file systems allow no more than 65,000


@pytest.mark.slow
def test_a_tree_of_the_size_of_aishell_gives_the_known_counts(tmp_path, capsys):
    wav = tmp_path / "data/data_aishell/wav"
    lines = []
    number = 0
    for split, (recordings, transcripts) in FILES.items():
        for index in range(recordings):
            speaker = wav / split / f"S{list(FILES).index(split)}{index // 360:04d}"
            if index % 360 == 0:
                speaker.mkdir(parents=True)
            path = speaker / f"BAC009{speaker.name}W{index:06d}.wav"
            if number % LINKS == 0:
                soundfile.write(path, np.zeros(8_000), 16_000)
                first = path
            else:
                os.link(first, path)
            number += 1
            if index < transcripts:
                lines.append(f"{path.stem} 而 对 楼市\n")
    (wav.parent / "transcript").mkdir()
    (wav.parent / "transcript/aishell_transcript_v0.8.txt").write_text("".join(lines), encoding="utf-8")
    place = ["--root", str(tmp_path / "data"), "--data_root", str(tmp_path / "data")]
    assert main(["aishell", *place, "--config_path", str(tmp_path / "lists")]) == 0
    assert "aishell: 141,925 found, 141,600 kept, 325 left out (no transcript 325)" in capsys.readouterr().out
    for split, (_, transcripts) in FILES.items():
        with (tmp_path / f"lists/aishell_{split}.txt").open(encoding="utf-8") as file:
            assert sum(1 for _ in file) == transcripts

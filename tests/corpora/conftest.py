"""Fixtures of the corpora's tests: archives and recordings made on the spot."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def tar_of(tmp_path):
    """tar_of({name: bytes or TarInfo}, file name) -> path of a gzipped archive with these members."""

    def make(members, name="archive.tar.gz", folder=tmp_path) -> Path:
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w:gz") as tar:
            for member, content in members.items():
                if isinstance(content, tarfile.TarInfo):
                    content.name = member
                    tar.addfile(content)
                else:
                    info = tarfile.TarInfo(member)
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
        return path

    return make


@pytest.fixture
def speak(rng):
    """speak(path, seconds) writes a noise recording and returns its path."""

    def write(path, seconds=2.0, rate=16_000) -> Path:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = rng.normal(scale=0.1, size=round(seconds * rate)).clip(-1, 1)
        soundfile.write(path, samples.astype(np.float32), rate)
        return path

    return write

"""The wheels, built and installed in environments of their own.

The decoder gets numpy from where pip finds it. torch is large, so the environment of ramospeech borrows what is
installed here: its own dependencies and theirs, by links into its site-packages, and nothing else.
"""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.slow
OFFLINE = """
import socket
def refuse(*arguments):
    raise OSError("the network was asked for")
socket.socket.connect = socket.getaddrinfo = refuse
"""


def run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
    """A command in an environment without this checkout; its output is in the message where it fails."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=environment, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def wheels(root, tmp_path_factory):
    """Both wheels, by the name of the distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    for project in (root, root / "ctc_decode"):
        run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-C", f"build-dir={folder}/build-{project.name}",
            "-w", folder, project)  # fmt: skip
    return {path.name.split("-")[0]: path for path in folder.glob("*.whl")}


def environment(folder: Path) -> tuple[Path, Path]:
    """Its interpreter and its site-packages."""
    run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    return python, Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())


def borrow(requirements: list[str], site: Path) -> None:
    """Link distributions that are installed here, with all that they depend on, into another site-packages."""
    waiting, known = [Requirement(line) for line in requirements], set()
    while waiting:
        requirement = waiting.pop()
        if requirement.name.lower() in known or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        known.add(requirement.name.lower())
        distribution = importlib.metadata.distribution(requirement.name)
        waiting += map(Requirement, distribution.requires or [])
        for name in {file.parts[0] for file in distribution.files or [] if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / name).exists():
                (site / name).symlink_to(Path(str(distribution.locate_file(name))))


def test_the_decoder_needs_numpy_only(root, wheels, tmp_path):
    python, site = environment(tmp_path / "venv")
    run(python, "-m", "pip", "install", "-q", "-c", root / "requirements.txt", wheels["ctc_decode"])
    code = (
        "from ctc_decode import BeamSearchDecoder; import numpy as np\n"
        "decoder = BeamSearchDecoder(['<blank>', 'a', 'b'], engine='compiled')\n"
        "print(decoder.decode(np.log([[[0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.2, 0.1, 0.7]]]), [3])[0][0].tokens)"
    )
    assert run(python, "-c", code, cwd=tmp_path).stdout == "('a', 'b')\n"
    installed = run(python, "-m", "pip", "list", "--format", "freeze").stdout
    assert {line.split("==")[0] for line in installed.splitlines()} <= {"ctc-decode", "numpy", "pip", "setuptools"}
    assert not (site / "ctc_decode" / "src").exists() and not (site / "ctc_decode" / "pyproject.toml").exists()


@pytest.fixture(scope="module")
def installed(root, wheels, tmp_path_factory):
    """The folder of programs of an environment that has ramospeech without extras, and no network."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    python, site = environment(folder)
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    run(python, "-m", "pip", "uninstall", "-q", "-y", "setuptools")  # older than what torch asks for
    borrow(project["dependencies"], site)
    run(python, "-m", "pip", "install", "-q", "--no-index", wheels["ramospeech"])  # fails where a dependency is missing
    (site / "sitecustomize.py").write_text(OFFLINE)
    return python.parent


@pytest.mark.parametrize("name", ["0001.ogg", "0004.ogg"])
def test_transcribing_where_nothing_else_is_installed(root, installed, tmp_path, name):
    shutil.copy(root / "demo" / "audio" / "test" / name, tmp_path / "clip.ogg")
    done = run(installed / "ramospeech", "transcribe", "--format", "tsv", "clip.ogg", cwd=tmp_path)
    [head, row] = [line.split("\t") for line in done.stdout.splitlines()]
    cells = dict(zip(head, row, strict=True))
    assert cells["id"] == "clip.ogg" and cells["error"] == ""
    assert len(cells["hanzi"]) == len(cells["pinyin"].split()) > 3


def test_the_library_where_nothing_else_is_installed(root, installed):
    clip = root / "demo" / "audio" / "test" / "0001.ogg"
    code = (
        f"from ramospeech import Transcriber; print(Transcriber.from_pretrained('fast').transcribe({str(clip)!r}).text)"
    )
    assert run(installed / "python", "-c", code, cwd=installed).stdout.strip()


@pytest.mark.parametrize("name", ["evaluate", "align", "augment"])
def test_programs_of_an_extra_say_what_to_install(installed, name, tmp_path):
    done = subprocess.run([installed / "ramospeech", name, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "pip install 'ramospeech[" in done.stderr
    assert done.stderr.count("\n") == 1


def test_programs_without_an_extra_run(installed, tmp_path):
    assert "accurate" in run(installed / "ramospeech", "transcribe", "--help", cwd=tmp_path).stdout
    assert "parameters" in run(installed / "ramospeech", "info", "fast", cwd=tmp_path).stdout
    shown = run(installed / "ramospeech", "--help", cwd=tmp_path).stdout
    assert "transcribe" in shown and "tune" in shown

"""install.sh with a stand-in for Python: what it installs by default, with Horovod, and after a failed build."""

import shutil
import subprocess

import pytest

PYTHON = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in
    -V) echo Python 3.11.0 ;;
    *purelib*) dirname "$CALLS" ;;
esac
"""


@pytest.fixture
def install(root, tmp_path, monkeypatch):
    """Run install.sh in a small checkout, whose .venv/bin/python only notes what it is asked for."""
    for name in ("install.sh", *(path.name for path in root.glob("requirements*.txt"))):
        shutil.copy(root / name, tmp_path)
    shutil.copytree(root / "packaging", tmp_path / "packaging")
    for name in ("CMakeLists.txt", "ctc_decode/python_module.cmake"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    for folder in ("ctc_decode", "ramospeech/translate/ngram"):
        (tmp_path / folder / "src").mkdir(parents=True)
        for name in ("CMakeLists.txt", "src/core.cpp"):
            (tmp_path / folder / name).write_text("")
    programs = {".venv/bin/python": PYTHON, "path/g++": "#!/bin/sh\n", "path/make": "#!/bin/sh\n"}
    for name, text in programs.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    calls = tmp_path / "calls"
    monkeypatch.setenv("CALLS", str(calls))
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")

    def run(*options: str) -> tuple[int, str, str]:
        """The status, what Python was asked for, and stderr."""
        calls.write_text("")
        done = subprocess.run(["sh", "install.sh", *options], cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, calls.read_text(), done.stderr

    return run


def test_horovod_is_built_when_asked_for(install, tmp_path):
    status, calls, _ = install()
    assert status == 0 and "-r requirements.txt" in calls and "horovod==" not in calls
    assert install()[1].count("pip install") == 0, "a second run installs nothing"
    for option, builds in (("--horovod-once", True), ("--horovod-once", False), ("--horovod", True), ("", False)):
        status, calls, message = install(*[option] if option else [])
        assert status == 0 and ("horovod==" in calls) == builds
        assert ("its build failed" in message) == builds, "the stand-in builds no horovodrun"
    assert (tmp_path / ".venv" / "horovod-failed").exists()


def test_the_command_is_there(install, tmp_path):
    install()
    lines = (tmp_path / ".venv" / "bin" / "ramospeech").read_text().splitlines()
    assert lines == [
        f"#!{tmp_path}/.venv/bin/python",
        "from ramospeech.__main__ import main",
        "",
        "raise SystemExit(main())",
    ]


def test_an_unknown_option(install):
    status, calls, message = install("--horovd")
    assert status == 2 and calls == "" and message.startswith("error: ") and "--horovd" in message

"""install.sh's lines of progress, and that a command's status and output go where they should."""

import subprocess

import pytest


@pytest.fixture
def shell(root, tmp_path):
    """Run a script after sourcing the functions, with a line each second."""

    def run(script: str) -> subprocess.CompletedProcess[str]:
        source = f"set -eu; . {root}/packaging/progress.sh; PROGRESS_SECONDS=1; {script}"
        return subprocess.run(["sh", "-c", source], cwd=tmp_path, capture_output=True, text=True, timeout=120)

    return run


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        ("-- configure\n[  3%] Building CXX\n[ 45%] Building CXX object\n[ 45%] x\nwarning\n", "45 %"),
        ("[1/8] Building\n[ 6/8] Linking\n", "75 %"),
        ("Collecting numpy==2.4.6\n  Downloading numpy-2.whl (17 MB)\n", "1 packages, Downloading numpy-2.whl (17 MB)"),
        ("Collecting a\nCollecting b\nInstalling collected packages: a, b\n", "2 packages, installing them"),
        ("", ""),
        ("nothing known\n", ""),
    ],
)
def test_log_lines(shell, tmp_path, log, shown):
    (tmp_path / "log").write_text(log)
    done = shell("progress_of log")
    assert (done.returncode, done.stdout) == (0, shown)


def test_a_line_appears_while_a_command_runs(shell, tmp_path):
    """The command ends when it sees the line about itself, or after a minute."""
    (tmp_path / "build.sh").write_text(
        "echo '[ 40%] Building'; n=0; until grep -q '40 %' err || [ $n -gt 600 ]; do sleep 0.1; n=$((n + 1)); done\n"
    )
    done = shell(": > log; follow core log sh build.sh 2>err; cat err")
    assert done.returncode == 0
    assert "  core: " in done.stdout and "40 %" in done.stdout
    assert "Building" not in done.stdout and "Building" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("status", [0, 1, 7])
def test_the_status_is_the_commands(shell, tmp_path, status):
    done = shell(f"follow x log sh -c 'echo out; echo err >&2; exit {status}' || echo status $?")
    assert done.stdout == (f"status {status}\n" if status else "")
    assert (tmp_path / "log").read_text() == "out\nerr\n"

"""Threads and waiting are set by programs, before torch, and never over what the user has set."""

import json
import subprocess
import sys

import pytest

from ramospeech import environment

NAMES = (
    "OMP_WAIT_POLICY",
    "GOMP_SPINCOUNT",
    "KMP_BLOCKTIME",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "HOROVOD_LOCAL_SIZE",
)
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}


@pytest.fixture
def clean(monkeypatch):
    """An environment without any of the variables; what a test sets goes afterwards."""
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that monkeypatch restores what was there
        monkeypatch.delenv(name)
    return monkeypatch


def present() -> dict[str, str]:
    return {name: environment.os.environ[name] for name in NAMES if name in environment.os.environ}


@pytest.fixture
def machine(clean):
    """A machine of so many cores on which so many threads of other programs run."""

    def make(cores: int, running: int):
        clean.setattr(environment, "cores", lambda: cores)
        clean.setattr(environment, "running_elsewhere", lambda: running)

    return make


@pytest.mark.parametrize(("cores", "running", "waiting"), [(8, 0, {}), (8, 5, {}), (8, 6, WAITING), (8, 20, WAITING)])
def test_nothing_set_by_the_user(machine, cores, running, waiting):
    machine(cores, running)
    environment.prepare(3)
    assert present() == waiting | {
        "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
        "OMP_NUM_THREADS": "3",
        "OPENBLAS_NUM_THREADS": "1",
    }


@pytest.mark.parametrize(("workers", "running", "waiting"), [("1", 1, WAITING), ("4", 3, {}), ("4", 7, WAITING)])
def test_workers_share_the_cores(clean, machine, workers, running, waiting):
    machine(8, running)
    clean.setenv("HOROVOD_LOCAL_SIZE", workers)
    environment.prepare()
    assert {key: value for key, value in present().items() if key in WAITING} == waiting


def test_no_more_threads_than_cores(machine):
    machine(2, 0)
    environment.prepare(4)
    assert present()["OMP_NUM_THREADS"] == "2"


@pytest.mark.parametrize(
    ("text", "running"),
    [("cpu 1 2\nprocs_running 4\nprocs_blocked 0\n", 3), ("procs_running 1\n", 0), ("procs_running 0\n", 0)],
)
def test_running_elsewhere(clean, tmp_path, text, running):
    clean.setattr(environment, "_PAUSE", 0)
    (tmp_path / "stat").write_text(text, "ascii")
    assert environment.running_elsewhere(tmp_path / "stat") == running


@pytest.mark.parametrize("text", [None, "cpu 1 2\n", "procs_running\n", "procs_running many\n"])
def test_the_load_where_the_system_does_not_count(clean, tmp_path, text):
    clean.setattr(environment.os, "getloadavg", lambda: (2.6, 0.0, 0.0))
    if text is not None:
        (tmp_path / "stat").write_text(text, "ascii")
    assert environment.running_elsewhere(tmp_path / "stat") == 3


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_waiting_is_the_users(clean, machine, name):
    """All three go together: a spin count of ours would contradict the user's policy."""
    machine(1, 9)
    clean.setenv(name, "7")
    environment.prepare()
    assert {key: value for key, value in present().items() if key in NAMES[:3]} == {name: "7"}


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"])
def test_threads_are_the_users(clean, name):
    clean.setenv(name, "5")
    environment.prepare(3)
    assert {key: value for key, value in present().items() if key.endswith("NUM_THREADS")} == {name: "5"}


def test_the_number_of_kernels_is_the_users(clean):
    clean.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "1024")
    environment.prepare(1)
    assert present()["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "1024"


@pytest.mark.parametrize(
    ("wished", "asked", "workers", "threads"),
    [(None, None, 1, 8), (None, None, 3, 2), (None, None, 20, 1), (None, 5, 3, 5), ("4", None, 2, 4), ("4", 6, 2, 6),
     ("3,1", None, 1, 3), ("many", None, 1, 8), ("0", None, 1, 8), ("", None, 1, 8)],
)  # fmt: skip
def test_threads_of_a_worker(clean, wished, asked, workers, threads):
    clean.setattr(environment, "cores", lambda: 8)
    if wished is not None:
        clean.setenv("OMP_NUM_THREADS", wished)
    assert environment.cpu_threads(asked, workers) == threads


def ask(clean, *command: str, **settings: str) -> dict[str, str]:
    """The variables that a Python command ends with."""
    for name, value in settings.items():
        clean.setenv(name, value)
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: found[name] for name in NAMES if name in found}


SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


@pytest.mark.parametrize(
    ("text", "tiles"),
    [
        ("flags\t\t: fpu avx2 amx_bf16 avx512_fp16 amx_tile\n", True),
        ("flags\t\t: fpu avx2 avx512_bf16\n", False),
        (None, False),
    ],
)
def test_tiles_of_bfloat16(tmp_path, text, tiles):
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    assert environment.has_bfloat16_tiles(tmp_path / "cpuinfo") is tiles


def test_the_library_sets_nothing(clean, root):
    clean.chdir(root)
    assert ask(clean, "-c", f"import ramospeech, ramospeech.pipeline; {SHOW}") == {}


def test_modules_that_are_run_prepare_themselves(clean, root):
    clean.chdir(root)
    clean.setenv("PYTHONPATH", str(root))
    code = f"import sys; sys.orig_argv = [sys.executable, '-m', 'ramospeech.tune']; import ramospeech; {SHOW}"
    assert ask(clean, "-c", code)["OPENBLAS_NUM_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in ask(clean, "-c", code)
    code = code.replace("ramospeech.tune", "ramospeech.align")  # which transcribes
    assert 1 <= int(ask(clean, "-c", code)["OMP_NUM_THREADS"]) <= environment.MAX_TRANSCRIBING_THREADS
    code = f"import sys; sys.orig_argv = [sys.executable, '-m', 'pytest']; import ramospeech; {SHOW}"
    assert "OPENBLAS_NUM_THREADS" not in ask(clean, "-c", code)

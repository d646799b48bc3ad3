"""The compiled core under the address and undefined behaviour sanitizers, on what the fuzz tests make."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

pytestmark = pytest.mark.slow
TESTS = ("test_fuzz.py", "test_streaming.py", "test_label_scorer.py")  # without torch, which takes long to load so


def test_the_core_is_clean(root, tmp_path):
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ on this machine")
    runtime = subprocess.run([compiler, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    if not os.path.isabs(runtime.stdout.strip()):
        pytest.skip("no address sanitizer on this machine")
    options = ["-C", "cmake.define.CTC_SANITIZE=ON", "-C", f"build-dir={tmp_path / 'build'}"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, *options, root / "ctc_decode"],
        check=True,
        cwd=root,
    )
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site", [name for name in archive.namelist() if name.startswith("ctc_decode/")])
    [core] = (tmp_path / "site" / "ctc_decode").glob("_core*.so")
    assert b"__asan_init" in core.read_bytes()
    files = [root / "tests" / "ctc_decode" / name for name in TESTS]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-s",
            "-p",
            "no:cacheprovider",
            "-o",
            f"pythonpath={tmp_path / 'site'}",
            *files,
        ],
        cwd=root,
        env=os.environ
        | {
            "LD_PRELOAD": runtime.stdout.strip(),
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",  # Python itself never frees some of its memory
            "UBSAN_OPTIONS": "print_stacktrace=1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

"""The compiled searches under the address and undefined behaviour sanitizers, on what their own tests make."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

pytestmark = pytest.mark.slow
CORE = [f"ctc_decode/{name}" for name in ("test_fuzz.py", "test_streaming.py", "test_label_scorer.py")]
SEARCH = [f"translate/{name}" for name in ("test_search.py", "test_phrases.py")]


@pytest.fixture(scope="module")
def site(root, tmp_path_factory):
    """A folder with both packages, whose compiled files are built with the sanitizers."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ on this machine")
    # The sanitizer ends the process at an exception where the C++ library comes later than it.
    libraries = [
        subprocess.run(
            [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libstdc++.so.6")
    ]
    if not all(map(os.path.isabs, libraries)):
        pytest.skip("no address sanitizer on this machine")
    folder = tmp_path_factory.mktemp("sanitized")
    options = ["-C", "cmake.define.CTC_SANITIZE=ON", "-C", f"build-dir={folder / 'build'}"]
    project = root / "packaging" / "compiled"
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, *options, project], check=True, cwd=root
    )
    for package in ("ctc_decode", "ramospeech"):
        shutil.copytree(root / package, folder / "site" / package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    (folder / "site" / "pretrained").symlink_to(root / "pretrained")
    (folder / "site" / "data_config").symlink_to(root / "data_config")
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    built = [*(folder / "site").rglob("*.so")]
    assert len(built) == 2 and all(b"__asan_init" in path.read_bytes() for path in built)
    return folder / "site", ":".join(libraries)


@pytest.mark.parametrize("tests", [CORE, SEARCH], ids=["ctc_decode", "translator"])
def test_a_compiled_search_is_clean(root, site, tests):
    folder, runtime = site
    files = [root / "tests" / name for name in tests]
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "-o", f"pythonpath={folder}", *files]
    environment = {
        "LD_PRELOAD": runtime,
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",  # Python itself never frees some of its memory
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    done = subprocess.run(command, cwd=root, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and " skipped" not in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]

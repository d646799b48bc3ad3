"""What pip is told: versions that agree, ranges that the lock meets, extras whose absence is one line."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ramospeech import __version__
from ramospeech.errors import MissingPackageError, extra, program

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DECODER = tomllib.loads((ROOT / "ctc_decode" / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
OF_EXTRAS = [line for lines in EXTRAS.values() for line in lines]
RANGES = [Requirement(line) for line in (*PROJECT["dependencies"], *DECODER["dependencies"], *OF_EXTRAS)]
LOCK = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
LOCKED = [Requirement(line.split("#")[0]) for line in LOCK if line[0] != "#"]


def test_versions_agree():
    assert PROJECT["version"] == DECODER["version"] == __version__
    assert PROJECT["requires-python"] == DECODER["requires-python"]


@pytest.mark.parametrize("range_", [each for each in RANGES if each.name != "ramospeech"], ids=str)
def test_the_lock_is_within_the_range(range_):
    [pin] = [each for each in LOCKED if each.name.lower() == range_.name.lower()]
    assert next(iter(pin.specifier)).version in range_.specifier
    assert all(each.operator == ">=" for each in range_.specifier), "a range, which other packages can agree with"


def test_everything_locked_is_in_a_range():
    assert {each.name.lower() for each in LOCKED} == {each.name.lower() for each in RANGES} - {"ramospeech"}


def test_extras_of_extras_exist():
    named = [name for each in RANGES if each.name == "ramospeech" for name in each.extras]
    assert set(named) <= set(EXTRAS)
    assert Requirement(EXTRAS["all"][0]).extras == set(EXTRAS) - {"all"}


def test_the_extras_that_errors_name_exist():
    source = "".join(path.read_text("utf-8") for path in (ROOT / "ramospeech").rglob("*.py"))
    named = set(re.findall(r'extra\("(\w+)"\)|ramospeech\[(\w+)\]', source))
    assert {a or b for a, b in named} <= set(EXTRAS)


@pytest.mark.parametrize("name", ["text", "augment"])
def test_a_missing_package_is_one_line(name, capsys):
    @program
    def main():
        with extra(name):
            import none_such_package.part  # noqa: F401

    assert main() == 2
    wanted = f"error: none_such_package is not installed; it comes with: pip install 'ramospeech[{name}]'\n"
    assert capsys.readouterr().err == wanted


def test_other_errors_of_an_import_stay_what_they_are():
    with pytest.raises(ZeroDivisionError), extra("text"):
        raise ZeroDivisionError
    with pytest.raises(ImportError), extra("text"):
        raise MissingPackageError("x")


BLOCK = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""


def without_extras(code: str) -> subprocess.CompletedProcess[str]:
    """Run code where no package of an extra can be imported."""
    core = {Requirement(line).name.lower() for line in PROJECT["dependencies"]}
    absent = {each.name for each in RANGES} | {each.name.lower() for each in RANGES}
    source = BLOCK.format(packages=sorted(absent - core - {"ramospeech"})) + code
    return subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True)


def test_transcribing_needs_no_extra():
    code = "import ramospeech.programs.transcribe, ramospeech.translate, ramospeech.model.__main__, ramospeech.lm.train"
    code += "; from ramospeech import Transcriber; Transcriber.from_pretrained()"
    done = without_extras(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["evaluate", "align", "augment"])
def test_programs_of_an_extra_name_it(name):
    done = without_extras(f"from ramospeech.__main__ import main; sys.exit(main([{name!r}, '--help']))")
    assert done.returncode == 2 and done.stdout == ""
    assert re.fullmatch(r"error: \w+ is not installed; it comes with: pip install 'ramospeech\[\w+\]'\n", done.stderr)

"""docs/relatives.md: every file and test that it names exists, and no feature of the five systems is missing."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "relatives.md"
SYSTEMS = ("RamoSpeech", "KoSpeech", "Deep Speech on AN4", "deepspeech.pytorch", "CMU LAS")
WITHOUT_TEST = ("not yet", "left out", "needs the corpus")


def rows(text: str, system: str) -> Iterator[list[str]]:
    """The cells of each row in the section of a system, without the head of its table."""
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    [found] = [part for part in section if part.startswith(system)]
    table = [line for line in found.splitlines() if line.startswith("| ")][1:]
    for line in table:
        yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text("utf-8")


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_the_table_names_exists(page: str, system: str) -> None:
    wrong = []
    for feature, where, covered in rows(page, system):
        names = re.findall(r"`([\w.-]+(?:/[\w.-]*)+|[\w-]+\.(?:py|md|sh|txt|toml|ipynb))`", where)
        wrong += [f"{feature}: {name}" for name in names if not (ROOT / name).exists()]
        found = re.fullmatch(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", covered)
        if not found:
            if covered != "—" or not any(reason in where for reason in WITHOUT_TEST):
                wrong.append(f"{feature}: {covered} is not a test")
            continue
        path, function = found.groups()
        source = (ROOT / path).read_text("utf-8") if (ROOT / path).is_file() else ""
        if not re.search(rf"^def {function or 'test_'}", source, re.MULTILINE):
            wrong.append(f"{feature}: {covered}")
    assert wrong == []


def test_the_published_figures_are_there(page: str) -> None:
    for figure in ("86.98", "91.0", "23.9", "18.36"):
        [here] = [row[2] for row in rows(page, "Published figures") if row[0].startswith(figure)]
        assert "needs the corpus" in here


@pytest.mark.parametrize("system", SYSTEMS)
def test_no_feature_is_missing(page: str, system: str, shared: Path) -> None:
    """Against the list of features beside the checkout, where it is."""
    path = shared / "FEATURES.md"
    if not path.is_file():
        pytest.skip("the list of features is not on this machine")
    expected = [re.sub(r"\bgo on\b", "continue", cells[0]) for cells in rows(path.read_text("utf-8"), system)]
    assert [cells[0] for cells in rows(page, system)] == expected
    assert len(expected) >= 27

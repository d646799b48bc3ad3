"""The documents say what is true: links and files exist, options and their defaults are those of the programs."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from ramospeech.text.units import UNITS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "README.zh-CN.md", "CHANGELOG.md", "CONTRIBUTING.md", "demo/README.md")),
    *sorted((ROOT / "pretrained").glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "ctc_decode" / "README.md",
]
PROGRAMS = [
    *sorted((ROOT / "ramospeech").rglob("*.py")),
    *sorted((ROOT / "benchmarks").glob("*.py")),
    ROOT / "demo" / "make_corpus.py",
    ROOT / "docs" / "make_options.py",
]
OF_OTHERS = set(  # of horovodrun, torchrun, tensorboard, install.sh, docker, jupyter, pip
    [
        *("--check-build", "--deps"),
        *("--min-np", "--max-np", "--host-discovery-script", "--blacklist-cooldown-range", "--network-interfaces"),
        *("--nnodes", "--nproc_per_node", "--rdzv_backend", "--rdzv_endpoint", "--max-restarts"),
        *("--gloo-timeout-seconds", "--ssh-identity-file"),
        *("--ntasks-per-node", "--gpus-per-node", "--nodes"),
        "--logdir",
        "--port",
        "--help",
        "--horovod",
        "--build-arg",
        "--rm",
        "--entrypoint",
        "--gpus",
        "--shm-size",
        "--ip",
        "--allow-root",
    ]
)

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def options_of(path: Path) -> set[str]:
    """Every --option of the add_argument calls in a file."""
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    adding = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"]
    names = [a.value for call in adding for a in call.args if isinstance(a, ast.Constant)]
    return {name for name in names if isinstance(name, str) and name.startswith("--")}


def ours(path: Path) -> str:
    """What a document says of this toolkit: features of others, in the first column of one page, have their names."""
    text = path.read_text("utf-8")
    return re.sub(r"^\| (?:\\.|[^|])*\|", "|", text, flags=re.MULTILINE) if path.name == "relatives.md" else text


@each_document
def test_relative_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8"))
    local = [link.split("#")[0] for link in links if not re.match(r"https?:|#", link)]
    assert [link for link in local if not (path.parent / link).exists()] == []


@each_document
def test_files_that_are_named_exist(path: Path) -> None:
    names = re.findall(r"(?<![\w/.*{}-])(?:\./)?[\w/-]+(?:\.\w+)?\.(?:py|sh|md)\b", ours(path))
    places = (ROOT, ROOT / "ramospeech", ROOT / "ctc_decode", path.parent)
    assert sorted({name for name in names if not any((place / name).exists() for place in places)}) == []


@each_document
def test_modules_that_are_run_exist(path: Path) -> None:
    for module in re.findall(r"python -m (ramospeech[\w.]*\w)", ours(path)):
        place = ROOT.joinpath(*module.split("."))
        assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), module


@each_document
def test_make_has_the_targets_that_are_named(path: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = re.findall(r"(?:`|^    |;  ?)make ([a-z-]+)", ours(path), re.MULTILINE)
    assert set(named) <= targets


@each_document
def test_options_that_are_named_exist(path: Path) -> None:
    listed = re.findall(r"`(--\w[\w-]*)`", (ROOT / "docs" / "options.md").read_text("utf-8"))
    known = OF_OTHERS.union(listed, *(options_of(program) for program in PROGRAMS))
    named = {option.replace("--no-", "--") for option in re.findall(r"(?<![\w-])--[a-z]\w*(?:-\w+)*", ours(path))}
    assert sorted(named - known) == []


@each_document
def test_nothing_is_left_to_fill_in(path: Path) -> None:
    assert re.findall(r"\{\{\w*", path.read_text("utf-8")) == []


def test_the_page_of_options_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    make_options = importlib.import_module("make_options")
    assert make_options.page() == (ROOT / "docs" / "options.md").read_text("utf-8"), "run python docs/make_options.py"


def test_the_size_of_the_inventory_is_the_one_that_is_told() -> None:
    units = len((ROOT / "data_config" / "pinyin.txt").read_text("utf-8").splitlines())
    assert f"{units:,} units" in (ROOT / "docs" / "formats.md").read_text("utf-8")


def test_the_changelog_has_this_version() -> None:
    version = re.search(r'__version__ = "(.+)"', (ROOT / "ramospeech" / "__init__.py").read_text("utf-8"))
    project = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version and project and version[1] == project[1]
    assert re.search(
        rf"^## {re.escape(version[1])} - \d{{4}}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    )


def test_the_tags_of_tensorboard_are_those_that_are_written() -> None:
    section = (ROOT / "docs" / "tensorboard.md").read_text("utf-8")
    told = set(re.findall(r"^\| `([a-z_]+/[a-z_]+)`", section, re.MULTILINE))
    source = "".join(path.read_text("utf-8") for path in (ROOT / "ramospeech" / "training").glob("*.py"))
    rates = {f"dev/{metric.name}" for units in UNITS.values() for metric in units.metrics if not metric.of_text}
    assert told == rates | set(re.findall(r'"((?:train|dev|speed)/[a-z_]+)"', source))


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.png")), ids=lambda path: path.name)
def test_pictures_are_small_and_are_shown(path: Path) -> None:
    assert path.stat().st_size < 300_000
    pages = [page.read_text("utf-8") for page in (*(ROOT / "docs").glob("*.md"), ROOT / "README.md")]
    assert any(f"{path.name})" in page for page in pages)

"""The documents say what is true: links and files exist, options and their defaults are those of the programs."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "demo/README.md")),
    *sorted((ROOT / "pretrained").glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
PROGRAMS = [
    *(ROOT / name for name in ("train.py", "train_translator.py", "speech2text.py", "evaluate.py")),
    *sorted((ROOT / "ramospeech").rglob("*.py")),
    *sorted((ROOT / "benchmarks").glob("*.py")),
    ROOT / "demo" / "make_corpus.py",
]
OF_OTHERS = {"--check-build", "--logdir", "--port", "--help", "--horovod"}  # of horovodrun, tensorboard, install.sh

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def options_of(path: Path) -> dict[str, object]:
    """--option -> default of every add_argument in a file; None where it has none, or not a constant one."""
    found: dict[str, object] = {}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        names = [a.value for a in node.args if isinstance(a, ast.Constant) and str(a.value).startswith("--")]
        if node.func.attr == "add_argument" and names:
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            flag = isinstance(action := given.get("action"), ast.Constant) and action.value == "store_true"
            try:
                default = ast.literal_eval(given["default"]) if "default" in given else (False if flag else None)
            except ValueError:
                default = None
            found |= {str(name): default for name in names}
    return found


def shown(default: object) -> str:
    """A default as the README writes it."""
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, tuple):
        return " ".join(map(str, default))
    return str(default)


def option_rows() -> list[tuple[list[str], str]]:
    """(options, default) of the rows of the README's table of options."""
    section = (ROOT / "README.md").read_text("utf-8").split("## Options of train.py")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`--.+?) \| (.*?) \|", section, re.MULTILINE)
    return [(re.findall(r"--\w+", names), default.strip().strip("`")) for names, default in rows]


@each_document
def test_relative_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8"))
    local = [link.split("#")[0] for link in links if not re.match(r"https?:|#", link)]
    assert [link for link in local if not (path.parent / link).exists()] == []


@each_document
def test_files_that_are_named_exist(path: Path) -> None:
    names = re.findall(r"(?<![\w/.*{}-])(?:\./)?[\w/-]+(?:\.\w+)?\.(?:py|sh|md)\b", path.read_text("utf-8"))
    places = (ROOT, ROOT / "ramospeech", ROOT / "ctc_decode", path.parent)
    assert sorted({name for name in names if not any((place / name).exists() for place in places)}) == []


@each_document
def test_modules_that_are_run_exist(path: Path) -> None:
    for module in re.findall(r"python -m (ramospeech[\w.]*\w)", path.read_text("utf-8")):
        place = ROOT.joinpath(*module.split("."))
        assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), module


@each_document
def test_make_has_the_targets_that_are_named(path: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = re.findall(r"(?:`|^    |;  ?)make ([a-z-]+)", path.read_text("utf-8"), re.MULTILINE)
    assert set(named) <= targets


@each_document
def test_options_that_are_named_exist(path: Path) -> None:
    known = OF_OTHERS.union(*(options_of(program) for program in PROGRAMS))
    named = {
        option.replace("--no-", "--")
        for option in re.findall(r"(?<![\w-])--[a-z]\w*(?:-\w+)*", path.read_text("utf-8"))
    }
    assert sorted(named - known) == []


@each_document
def test_nothing_is_left_to_fill_in(path: Path) -> None:
    assert re.findall(r"\{\{\w*", path.read_text("utf-8")) == []


def test_the_table_of_options_is_that_of_the_program() -> None:
    named = [option for options, _ in option_rows() for option in options]
    assert sorted(named) == sorted(options_of(ROOT / "ramospeech" / "training" / "options.py"))


def test_the_defaults_in_the_table_are_those_of_the_program() -> None:
    actual = options_of(ROOT / "ramospeech" / "training" / "options.py")
    rows = [(option, default) for options, default in option_rows() for option in options]
    wrong = [
        (option, default) for option, default in rows if actual[option] is not None and shown(actual[option]) != default
    ]
    assert wrong == []


def test_the_size_of_the_inventory_is_the_one_that_is_told() -> None:
    units = len((ROOT / "data_config" / "pinyin.txt").read_text("utf-8").splitlines())
    assert f"{units:,} units" in (ROOT / "README.md").read_text("utf-8")


def test_the_changelog_has_this_version() -> None:
    version = re.search(r'__version__ = "(.+)"', (ROOT / "ramospeech" / "__init__.py").read_text("utf-8"))
    project = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version and project and version[1] == project[1]
    assert re.search(
        rf"^## {re.escape(version[1])} - \d{{4}}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    )


def test_the_tags_of_tensorboard_are_those_that_are_written() -> None:
    section = (ROOT / "README.md").read_text("utf-8").split("## Reading TensorBoard")[1].split("\n## ")[0]
    told = set(re.findall(r"^\| `([a-z_]+/[a-z_]+)`", section, re.MULTILINE))
    source = (ROOT / "train.py").read_text("utf-8") + (ROOT / "ramospeech/training/monitor.py").read_text("utf-8")
    assert told == set(re.findall(r'"((?:train|dev|speed)/[a-z_]+)"', source))

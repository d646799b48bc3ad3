"""The house rules, checked from the syntax tree: nothing is imported, so this needs no torch."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (
    "environment",
    "errors",
    "files",
    "option_file",
    "cli",
    "malloc",
    "settings",
    "batching",
    "arrays",
    "audio",
    "features",
    "augment",
    "text",
    "onnx_model",
    "score",
    "corpora",
    "data",
    "losses",
    "model",
    "parallel",
    "training",
    "lm",
    "translate",
    "transcript",
    "display",
    "timing",
    "inputs",
    "speech",
    "composition",
    "recogniser",
    "attention",
    "recognisers",
    "stages",
    "attention_maps",
    "speakers",
    "pipeline",
    "output",
    "train_lm",
    "tune",
    "align",
    "live",
    "serve",
    "programs",
    "__main__",
)
DATA_PACKAGES = {"data_config", "pretrained"}  # where pip puts what lies at the root of the checkout
OURS = sorted([*(ROOT / "ramospeech").rglob("*.py"), *(ROOT / "ctc_decode").rglob("*.py")])
PROGRAMS = sorted(ROOT.glob("*.py"))
PACKAGES = [path for path in OURS if path.name == "__init__.py"]
LONGEST = 300


def name_of(path: Path) -> str:
    """What a test of one file is called."""
    return path.relative_to(ROOT).as_posix()


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name_of)


def package_of(path: Path) -> list[str]:
    """The package that a module's relative imports start from."""
    return list(path.relative_to(ROOT).parent.parts)


def imports(source: str, package: list[str]) -> Iterator[str]:
    """Dotted names of all that a module imports, anywhere in it: `from a.b import c` gives a.b.c."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    """The room that a file under ramospeech/ is in; "" for the package's own __init__.py."""
    first = path.relative_to(ROOT / "ramospeech").parts[0]
    return first.removesuffix(".py") if first != "__init__.py" else ""


def faults(source: str, room: str, package: list[str]) -> list[str]:
    """Imports of a module in `room` that the list of rooms forbids."""
    found = []
    for name in imports(source, package):
        parts = name.split(".")
        if parts[0] != "ramospeech" or len(parts) == 1 or parts[1] == "__version__":
            continue  # of the root, only the version may be used: checked below
        if parts[1] not in ROOMS:
            found.append(f"{name}: no such room")
        elif room and ROOMS.index(parts[1]) > ROOMS.index(room):
            found.append(f"{name}: {parts[1]} is below {room}")
    return found


def top_levels(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path.read_text("utf-8"), package_of(path))}


@each([path for path in OURS if path.is_relative_to(ROOT / "ramospeech")])
def test_a_room_imports_only_rooms_above_it(path: Path) -> None:
    room = room_of(path)
    assert not room or room in ROOMS, f"{room} is not in the list of rooms"
    assert faults(path.read_text("utf-8"), room, package_of(path)) == []


@each([path for path in OURS if path.is_relative_to(ROOT / "ramospeech") and room_of(path)])
def test_of_the_root_a_room_uses_the_version_only(path: Path) -> None:
    """`import ramospeech` is for `ramospeech.__version__`: all else would hide what is imported."""
    tree = ast.parse(path.read_text("utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ramospeech"
    }
    assert used <= {"__version__"}


@each([path for path in OURS if path.is_relative_to(ROOT / "ctc_decode")])
def test_ctc_decode_stands_alone(path: Path) -> None:
    """It needs numpy only."""
    assert top_levels(path) <= {"ctc_decode", "numpy"} | sys.stdlib_module_names


@each([*OURS, *PROGRAMS])
def test_only_parallel_imports_horovod(path: Path) -> None:
    assert ("horovod" in top_levels(path)) == (name_of(path) == "ramospeech/parallel/horovod.py")


@each([*OURS, *PROGRAMS])
def test_a_module_is_read_in_a_sitting(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= LONGEST, f"{lines} lines: two ideas, or too many words"


@each(OURS)
def test_our_modules_import_what_is_installed(path: Path) -> None:
    """Neither the programs at the root nor tests and benchmarks, nor a package that no list of requirements names."""
    lists = [*ROOT.glob("requirements*.txt")]
    lines = [line for file in lists if file.name != "requirements-dev.txt" for line in file.read_text().splitlines()]
    optional = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"].get("optional-dependencies", {})
    lines += [line for extra in optional.values() for line in extra]
    required = {re.split(r"[\[=<>!~; #]", line)[0].lower().replace("-", "_") for line in lines}
    required.add("webrtcvad")  # the module of webrtcvad-wheels
    others = top_levels(path) - {"ramospeech", "ctc_decode"} - sys.stdlib_module_names
    assert {name.lower() for name in others} <= required


@each(PACKAGES)
def test_a_package_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@each([path for path in PACKAGES if path.parent.name not in ("ramospeech", "programs")])
def test_the_public_names_of_a_package_exist(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    public = names_in_all(tree)
    assert public, "no __all__: the public surface of a package is what its __init__.py names"
    assert sorted(set(public)) == sorted(public), "named twice"
    assert set(public) <= defined(tree)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("ramospeech", "ctc_decode"):
            assert node.module is not None
            for alias in node.names:
                assert exists(node.module, alias.name), f"{node.module} has no {alias.name}"


def names_in_all(tree: ast.Module) -> list[str]:
    """The names in `__all__`, or none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


def defined(tree: ast.Module) -> set[str]:
    """Names that a module binds at its top level."""
    names: set[str] = set()
    only_typed = [node for part in tree.body if isinstance(part, ast.If) for node in part.body]  # if TYPE_CHECKING
    for node in [*tree.body, *only_typed]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return names


def exists(module: str, name: str) -> bool:
    """Whether a module of ours binds a name, or has a module of that name."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    inside = (path / f"{name}.py").is_file() or (path / name / "__init__.py").is_file()
    return inside or name in defined(ast.parse(file.read_text("utf-8")))


def test_every_package_is_installed() -> None:
    """pip installs the folders that pyproject.toml lists, with all below; one forgotten is missed only after that."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["scikit-build"]
    there = {package_of(path)[0] for path in PACKAGES}
    assert set(settings["wheel"]["packages"]) == there | {f"ramospeech/{name}" for name in DATA_PACKAGES}


def test_nothing_outside_of_tests_needs_the_shared_folder() -> None:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if files.returncode:
        pytest.skip("not a git checkout")
    read = [ROOT / name for name in files.stdout.split() if name.endswith((".py", ".sh", ".md", ".toml", "Makefile"))]
    outside = [path for path in read if path.is_file() and not path.is_relative_to(ROOT / "tests")]
    assert [name_of(path) for path in outside if "../shared" in path.read_text("utf-8")] == []


@pytest.mark.parametrize(
    ("source", "room", "forbidden"),
    [
        ("from ramospeech.training import Trainer", "data", True),
        ("from ramospeech import training", "data", True),
        ("def f():\n    import ramospeech.training.loop", "data", True),
        ("from ..training import Trainer", "data", True),
        ("from ramospeech import attic", "data", True),
        ("from ramospeech import audio, errors", "data", False),
        ("from ramospeech.data.batches import batches", "data", False),
        ("from ramospeech import __version__\nimport ramospeech, torch", "data", False),
        ("from . import batches", "data", False),
        ("from ctc_decode import GreedyDecoder", "pipeline", False),
    ],
)
def test_the_check_sees_what_it_must(source: str, room: str, forbidden: bool) -> None:
    assert bool(faults(source, room, ["ramospeech", room])) == forbidden

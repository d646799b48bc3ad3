"""The command `ramospeech`: it finds its programs, prepares before torch, and the scripts at the root are the same."""

import ast
import importlib
import json
import subprocess
import sys

import pytest

from ramospeech import __main__ as command
from ramospeech import __version__, cli, environment

SCRIPTS = {name: each.older.split()[1] for name, each in command.PROGRAMS.items() if each.older.endswith(".py")}


@pytest.fixture
def prepared(monkeypatch):
    """What `environment.prepare` was called with; it changes nothing."""
    calls: list[int | None] = []
    monkeypatch.setattr(environment, "prepare", lambda threads=None: calls.append(threads))
    monkeypatch.setattr(cli, "called_as", None)
    return calls


@pytest.mark.parametrize("argv", [["--help"], ["-h"], []])
def test_the_help_names_every_program(argv, capsys):
    assert command.main(argv) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert [name for name, _ in lines[:-1]] == list(command.PROGRAMS)
    assert dict(lines[:-1]) == {name: each.about for name, each in command.PROGRAMS.items()}


def test_the_version(capsys):
    assert command.main(["--version"]) == 0
    assert capsys.readouterr().out == f"ramospeech {__version__}\n"


@pytest.mark.parametrize(
    ("name", "hint"), [("transcibe", "did you mean transcribe?"), ("xyz", "there are transcribe, "), ("", "there are ")]
)
def test_an_unknown_program(capsys, prepared, name, hint):
    assert command.main([name, "--help"]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"error: ramospeech has no program {name!r}; {hint}") and message.count("\n") == 1
    assert prepared == []


@pytest.mark.parametrize("name", command.PROGRAMS)
def test_every_program_has_a_help_of_its_own(name, capsys, prepared):
    with pytest.raises(SystemExit) as end:
        command.main([name, "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: ramospeech {name} ")
    assert prepared == [command.PROGRAMS[name].threads]


@pytest.mark.parametrize("name", command.PROGRAMS)
def test_errors_of_the_command_line_are_one_line(name, capsys, prepared):
    assert command.main([name, "--none_such", "x"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("error: ") and captured.err.count("\n") == 1


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_at_the_root_are_the_programs(root, monkeypatch, prepared, name):
    monkeypatch.syspath_prepend(root)
    script = importlib.import_module(SCRIPTS[name].removesuffix(".py"))
    program = importlib.import_module(command.PROGRAMS[name].module)
    assert script.main is program.main and script.parse is program.parse
    assert all(getattr(script, public) is getattr(program, public) for public in script.__all__)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_and_command_prepare_alike_and_before_torch(root, name):
    statements = ast.parse((root / SCRIPTS[name]).read_text("utf-8")).body[1:3]
    threads = "environment.MAX_TRANSCRIBING_THREADS" if command.PROGRAMS[name].threads else ""
    assert [ast.unparse(each) for each in statements] == [
        "from ramospeech import environment",
        f"environment.prepare({threads})",
    ]
    assert command.PROGRAMS[name].threads in (None, environment.MAX_TRANSCRIBING_THREADS)


@pytest.mark.parametrize("name", ["transcribe", "average"])
def test_the_command_prepares_before_torch(root, monkeypatch, name):
    """The import of torch is what `prepare` must come before."""
    code = (
        "import json, sys; from ramospeech import __main__ as m, environment; seen = []\n"
        "environment.prepare = lambda threads: seen.append('torch' in sys.modules)\n"
        "try: m.main(sys.argv[1:])\n"
        "except SystemExit: print(json.dumps(seen))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, name, "--help"], cwd=root, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [False]

"""Commands in the documents are ones that the programs take: each is parsed; Python of the READMEs runs."""

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ramospeech import cli
from ramospeech.__main__ import PROGRAMS
from ramospeech.errors import UsageError

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [*(ROOT / name for name in ("README.md", "README.zh-CN.md")), *sorted((ROOT / "docs").glob("*.md"))]
OLDER = {each.older: name for name, each in PROGRAMS.items() if each.older != "python -m ramospeech.model"}
OLDER["./speech2text.sh"] = "transcribe"


def commands(path: Path) -> list[list[str]]:
    """[program, argument, ...] of each indented line of a document that runs a program of ours."""
    text = path.read_text("utf-8").replace("\\\n", " ")
    found = []
    for line in re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE):
        line = line.split(" < ")[0].split(" > ")[0].split(" | ")[0]
        line = re.sub(r"^(horovodrun( --?[\w-]+ \S+)+|time|nice) ", "", line)
        for start, name in [*OLDER.items(), *((f"ramospeech {name}", name) for name in PROGRAMS)]:
            if line.startswith(f"{start} ") or line == start:
                found.append([name, *shlex.split(line[len(start) :], comments=True)])
    return [each for each in found if "..." not in each and not any("*" in word for word in each)]


class Parsed(Exception):  # noqa: N818
    """The command line was taken."""


CASES = sorted({tuple(command) for path in DOCUMENTS for command in commands(path)})


@pytest.mark.parametrize("command", CASES, ids=" ".join)
def test_the_commands_of_the_documents_are_taken(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Options and their values; files are looked for after that."""
    parse_args = cli.Parser.parse_known_args

    def parsed(parser, *arguments, **options):
        parse_args(parser, *arguments, **options)
        raise Parsed

    monkeypatch.setattr(cli.Parser, "parse_known_args", parsed)
    name, *arguments = command
    module = importlib.import_module(PROGRAMS[name].module)
    main = getattr(module, PROGRAMS[name].function)
    monkeypatch.chdir(ROOT)
    with pytest.raises((Parsed, SystemExit)) as end:
        main.__wrapped__(arguments)
    assert end.type is Parsed or end.value.code == 0


def test_wrong_commands_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(PROGRAMS["transcribe"].module)
    with pytest.raises(UsageError):
        module.main.__wrapped__(["--no_such_option", "a.wav"])


def test_documents_have_commands() -> None:
    assert {command[0] for command in CASES} >= {"transcribe", "train", "evaluate", "prepare", "align"}


def test_the_readmes_have_the_same_commands() -> None:
    english, chinese = (commands(ROOT / name) for name in ("README.md", "README.zh-CN.md"))
    assert english == chinese


@pytest.mark.slow
@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_python_of_the_readmes_runs(name: str, tmp_path: Path) -> None:
    """With a clip of the demo as talk.mp3: content decides, not the name."""
    (tmp_path / "talk.mp3").write_bytes((ROOT / "demo" / "audio" / "test" / "0004.ogg").read_bytes())
    for code in re.findall(r"```python\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL):
        command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.strip(), done.stderr

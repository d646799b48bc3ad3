"""Types of options: what they take, and that what no run can use is refused with its bounds."""

import argparse
from types import SimpleNamespace

import pytest

from ramospeech import cli
from ramospeech.errors import UsageError
from ramospeech.programs import transcribe


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (cli.count, ["1", "7", "2147483647"], ["0", "-1", "1.5", "nan", "inf", "", "1e3", "9" * 20]),
        (cli.count_or_0, ["0", "3"], ["-1", "x"]),
        (cli.positive, ["1e-9", "3"], ["0", "-0.0", "inf", "nan", "-inf", "1e999", "one"]),
        (cli.positive_or_0, ["0", "2.5"], ["-1e-9", "nan", "inf"]),
        (cli.fraction, ["0", "0.999"], ["1", "-0.1", "nan"]),
        (cli.seed, ["0", str(2**63 - 1)], ["-1", str(2**63), "0.5"]),
        (cli.number(float, -5, 5), ["-5", "5"], ["5.1", "-inf"]),
    ],
)
def test_numbers_within_and_outside_of_bounds(kind, good, bad):
    for text in good:
        assert str(kind(text)) == text or kind(text) == float(text)
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError, match=r"must be a (whole|finite) number"):
            kind(text)


@pytest.mark.parametrize("line", [["--epochs", "0"], ["--epochs"], ["--other", "1"], []])
def test_errors_of_the_command_line_are_one_line(line):
    parser = cli.Parser(prog="x")
    parser.add_argument("--epochs", type=cli.count, required=True)
    with pytest.raises(UsageError) as caught:
        parser.parse_args(line)
    assert "\n" not in str(caught.value) and "--epochs" in str(caught.value) + " ".join(line)


@pytest.mark.parametrize(
    ("argv0", "module", "called_as", "command"),
    [
        ("/usr/lib/x/train.py", None, None, "python train.py"),
        ("train.py", None, None, "python train.py"),
        ("/usr/bin/ramospeech", None, "ramospeech lm", "ramospeech lm"),
        ("/x/ramospeech/corpora/__main__.py", "ramospeech.corpora.__main__", None, "python -m ramospeech.corpora"),
        ("/x/ramospeech/tune.py", "ramospeech.tune", None, "python -m ramospeech.tune"),
    ],
)
def test_a_program_is_named_as_it_was_called(monkeypatch, argv0, module, called_as, command):
    monkeypatch.setattr(cli, "called_as", called_as)
    monkeypatch.setattr(cli.sys, "argv", [argv0])
    monkeypatch.setitem(cli.sys.modules, "__main__", SimpleNamespace(__spec__=module and SimpleNamespace(name=module)))
    assert cli.command() == cli.Parser().prog == command


@pytest.mark.parametrize(
    ("called_as", "command"), [(None, "python speech2text.py"), ("ramospeech train", "ramospeech transcribe")]
)
def test_programs_name_each_other_as_they_were_called(monkeypatch, called_as, command):
    monkeypatch.setattr(cli, "called_as", called_as)
    assert cli.transcribing() == command


def test_defaults_are_shown_where_there_are_any():
    parser = cli.Parser(prog="x")
    parser.add_argument("--a", default=3, help="first")
    parser.add_argument("--b", help="second")
    parser.add_argument("--c", nargs="+", default=[], help="third")
    assert parser.format_help().split("FILE ")[1].split("\n")[1:4] == [
        "  --a A          first (default: 3)",
        "  --b B          second",
        "  --c C [C ...]  third",
    ]


@pytest.mark.parametrize("line", [["--dev_share", "0.1"], ["--dev_share=0.1"], ["--dev_fraction", "0.1"]])
def test_an_old_name_of_an_option_is_taken_with_a_note(line, capsys):
    parser = cli.Parser(prog="x", renamed={"--dev_share": "--dev_fraction"})
    parser.add_argument("--dev_fraction", type=float)
    parser.add_argument("words", nargs="*")
    assert parser.parse_args([*line, "--", "--dev_share"]) == argparse.Namespace(
        dev_fraction=0.1, words=["--dev_share"]
    )
    note = "note: --dev_share is called --dev_fraction now; the old name works in this version\n"
    assert capsys.readouterr().err == (note if "share" in line[0] else "")


def test_any_program_reads_options_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('format = "srt"\nhotword = ["肖战", "北京"]\nresume = true\nbeam_width = 7\n')
    args = transcribe.parse(["a.wav", "--config", str(path), "--beam_width=9"])
    assert (args.inputs, args.format, args.hotword, args.resume, args.beam_width) == (
        ["a.wav"], "srt", ["肖战", "北京"], True, 9,
    )  # fmt: skip
    for content, message in (
        ("colour = 1", "'colour' is not an option"),
        ("beam_width = 0", "beam_width = 0: must be"),
    ):
        path.write_text(content)
        with pytest.raises(UsageError, match=message):
            transcribe.parse(["a.wav", f"--config={path}"])
    for name, message in (("nothing.toml", r"nothing.toml: cannot be read \(No such file"), (".", "Is a directory")):
        with pytest.raises(UsageError, match=message):
            transcribe.parse(["--config", str(tmp_path / name), "a.wav"])
    path.write_text("colour")
    with pytest.raises(UsageError, match="cannot be read as options"):
        transcribe.parse(["--config", str(path), "a.wav"])

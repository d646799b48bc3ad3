"""Lines with time and level, on stderr and in a file."""

import re
from pathlib import Path

import pytest

from ramospeech.errors import TrainingError, program
from ramospeech.training import Monitor, RunLog

STAMP = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING|ERROR)\] "


@pytest.mark.parametrize(
    ("line", "level", "text"),
    [
        ("epoch 1: fine", "INFO", "epoch 1: fine"),
        ("warning: few clips", "WARNING", "few clips"),
        ("你好", "INFO", "你好"),
    ],
)
def test_lines_have_time_and_level(tmp_path, capsys, line, level, text):
    RunLog(tmp_path / "run" / "a.log").say(line)
    printed = capsys.readouterr().err
    assert re.fullmatch(STAMP + re.escape(text) + "\n", printed) and f" {level}] " in printed
    assert (tmp_path / "run" / "a.log").read_text(encoding="utf-8") == printed


def test_a_new_run_begins_a_new_file_and_a_resumed_one_appends(tmp_path):
    path = tmp_path / "a.log"
    for append, expected in ((False, ["one"]), (True, ["one", "one"]), (False, ["one"])):
        RunLog(path, append).say("one")
        assert [line.split("] ")[1] for line in path.read_text().splitlines()] == expected


def test_a_file_that_cannot_be_written_is_named_once(tmp_path, capsys):
    (tmp_path / "a.log").mkdir()
    log = RunLog(tmp_path / "a.log")
    log.say("one")
    log.say("two")
    printed = capsys.readouterr().err
    assert printed.count("a.log: cannot be written") == 1 and "] one\n" in printed and "] two\n" in printed


@pytest.mark.parametrize("rank_0", [True, False])
def test_other_ranks_say_their_own_lines_only(tmp_path: Path, capsys, rank_0: bool):
    log = RunLog(tmp_path / "a.log" if rank_0 else None)
    monitor = Monitor(tmp_path / "events", rank_0, 5, log=log)
    monitor.say("for all")
    monitor.say("worker 1: left out", everywhere=True)
    monitor.close()
    printed = capsys.readouterr().err
    assert ("for all" in printed) == rank_0 and "worker 1: left out" in printed
    assert (tmp_path / "a.log").exists() == rank_0


def test_the_error_that_ends_a_program_is_in_the_file(tmp_path, capsys):
    path = tmp_path / "a.log"

    @program
    def fails(keep: bool) -> None:
        if keep:
            RunLog(path)
        raise TrainingError("nothing left to train on")

    assert fails(True) == 1
    assert capsys.readouterr().err == "error: nothing left to train on\n"
    assert re.fullmatch(STAMP + "nothing left to train on\n", path.read_text(encoding="utf-8"))
    assert " ERROR] " in path.read_text(encoding="utf-8")
    size = path.stat().st_size
    assert fails(False) == 1 and path.stat().st_size == size, "the log of the run before is not this program's"

"""Transcripts of a run that was stopped are taken up by the next one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ramospeech.errors import UsageError
from ramospeech.programs.journal import VERSION, Journal
from ramospeech.transcript import Token, Transcript
from ramospeech.translate import Translation

OPTIONS = {"model": "accurate", "hotword": ["北京"]}


def transcript(name: str) -> Transcript:
    tokens = (Token("ni3", "你", 0.1, 1 / 3, 0.1 + 0.2), Token("hao3", "好", 0.4, 0.5))
    nbest = (Translation("你好", -2.5, ("ni3", "hao3"), (0, 2)), Translation("拟好", -4.5))
    return Transcript(name, "你好", ("ni3", "hao3"), tokens, 1.5, -1 / 3, None, nbest, ("a warning",), ((0.5, 1.25),))


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{name}.wav" for name in "abcd"]
    for path in found:
        path.write_bytes(path.name.encode())
    return found


def made(paths: list[Path], asked: list[str], stop: str = "", bad: str = "") -> Iterator[Transcript]:
    for path in paths:
        if path.stem == stop:
            raise KeyboardInterrupt
        asked.append(path.stem)
        yield Transcript(path.name, error="damaged") if path.stem == bad else transcript(path.name)


def run(output: Path, paths: list[Path], resume: bool = False, stop: str = "", bad: str = "", **options) -> list:
    asked: list[str] = []
    with Journal(str(output), {**OPTIONS, **options}, resume) as journal:
        found = list(journal.complete(paths, lambda missing: made(missing, asked, stop, bad)))
    return [asked, found]


def test_what_was_made_is_not_made_again(tmp_path: Path, paths: list[Path]) -> None:
    output = tmp_path / "out" / "a.tsv"
    with pytest.raises(KeyboardInterrupt):
        run(output, paths, stop="c")
    asked, found = run(output, paths, resume=True)
    assert asked == ["c", "d"] and found == [transcript(path.name) for path in paths]
    assert not list(output.parent.iterdir())  # nothing is left of it


def test_a_failed_recording_and_a_changed_one_are_tried_again(tmp_path: Path, paths: list[Path]) -> None:
    output = tmp_path / "out/"
    with pytest.raises(KeyboardInterrupt):
        run(output, paths, stop="d", bad="b")
    paths[0].write_bytes(b"another recording")
    asked, found = run(output, paths, resume=True)
    assert asked == ["a", "b", "d"] and found == [transcript(path.name) for path in paths]


def test_a_file_that_changes_meanwhile_shifts_nothing(tmp_path: Path, paths: list[Path]) -> None:
    output = tmp_path / "a.tsv"
    with pytest.raises(KeyboardInterrupt):
        run(output, paths, stop="c")

    def changing(missing: list[Path]) -> Iterator[Transcript]:
        paths[1].write_bytes(b"another recording")
        return made(missing, [])

    with Journal(str(output), OPTIONS, resume=True) as journal:
        assert list(journal.complete(paths, changing)) == [transcript(path.name) for path in paths]


def test_a_line_that_was_cut_off_is_made_again(tmp_path: Path, paths: list[Path]) -> None:
    output = tmp_path / "a.tsv"
    with pytest.raises(KeyboardInterrupt):
        run(output, paths, stop="d")
    journal = tmp_path / "a.tsv.unfinished"
    journal.write_bytes(journal.read_bytes()[:-40])
    asked, found = run(output, paths, resume=True)
    assert asked == ["c", "d"] and found == [transcript(path.name) for path in paths]


def test_without_resume_a_run_begins_anew(tmp_path: Path, paths: list[Path]) -> None:
    output = tmp_path / "a.tsv"
    with pytest.raises(KeyboardInterrupt):
        run(output, paths, stop="c")
    assert run(output, paths)[0] == list("abcd")


def test_it_refuses_in_one_line(tmp_path: Path, paths: list[Path]) -> None:
    with pytest.raises(UsageError, match=r"stdout.*--output"):
        Journal("-", OPTIONS, resume=True)
    with pytest.raises(UsageError, match=r"a\.tsv\.unfinished cannot be read"):
        run(tmp_path / "a.tsv", paths, resume=True)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.tsv", paths, stop="c")
    with pytest.raises(UsageError, match=r"other options \(model\)"):
        run(tmp_path / "a.tsv", paths, resume=True, model="fast")
    assert json.loads((tmp_path / "a.tsv.unfinished").read_text().splitlines()[0]) == {VERSION: 2, **OPTIONS}


def test_a_journal_of_other_transcripts_is_not_resumed(tmp_path: Path, paths: list[Path]) -> None:
    output = tmp_path / "a.tsv"
    with pytest.raises(KeyboardInterrupt):
        run(output, paths, stop="c")
    journal = tmp_path / "a.tsv.unfinished"
    journal.write_text(journal.read_text().replace(f'"{VERSION}": 2', f'"{VERSION}": 1'))
    with pytest.raises(UsageError, match=r"other options \(version of the transcripts\)"):
        run(output, paths, resume=True)


def test_stdout_has_no_journal(tmp_path: Path, paths: list[Path]) -> None:
    with Journal("-", OPTIONS, resume=False) as journal:
        assert len(list(journal.complete(paths, lambda missing: made(missing, [])))) == 4
    assert len(list(tmp_path.iterdir())) == 4

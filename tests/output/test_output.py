"""The formats of transcripts, and that nothing is left half-written."""

import base64
import io
import itertools
import json
import os
import re
import sys
from dataclasses import replace

import pytest

from ramospeech import output
from ramospeech.errors import ListError, OutputError, UsageError
from ramospeech.output import WRITERS, Output, cues, get_writer, output_file, read_tsv, words
from ramospeech.pipeline import Token, Transcript, Translation


def tokens_at(*starts: float, length: float = 0.16) -> tuple[Token, ...]:
    return tuple(Token("hao3", "好", start, start + length) for start in starts)


GOOD = Transcript(
    id="x/a.wav",
    text="你好",
    pinyin=("ni3", "hao3"),
    tokens=(Token("ni3", "你", 0.08, 0.24), Token("hao3", "好", 0.4, 0.56, 0.87654)),
    seconds=1.5,
    score=-1.25,
    nbest=(Translation("你好", -2.0), Translation("拟好", -4.5)),
    warnings=("x/a.wav: 320 bytes behind its end are not audio; they were left out",),
)
BAD = Transcript(id="y/b\tc\n.wav", error="y/b.wav: the file is empty")


def document(form: str, *transcripts: Transcript) -> str:
    file = io.StringIO()
    writer = get_writer(form, file)
    for transcript in transcripts:
        writer.write(transcript)
    writer.close()
    return file.getvalue()


def test_txt():
    assert document("txt", GOOD, BAD, Transcript("c", pinyin=("ni3", "hao3"))) == "你好\n\nni3 hao3\n"


def test_tsv():
    assert document("tsv", GOOD, BAD) == (
        "id\tpinyin\thanzi\tseconds\tscore\terror\n"
        "x/a.wav\tni3 hao3\t你好\t1.500\t-1.2500\t\n"
        "y/b c .wav\t\t\t0.000\t\ty/b.wav: the file is empty\n"
    )


def test_json():
    first, second = json.loads(document("json", GOOD, BAD))
    assert first["text"] == "你好"
    assert first["pinyin"] == "ni3 hao3"
    assert first["tokens"] == [
        {"pinyin": "ni3", "hanzi": "你", "start": 0.08, "end": 0.24, "confidence": None},
        {"pinyin": "hao3", "hanzi": "好", "start": 0.4, "end": 0.56, "confidence": 0.877},
    ]
    assert (first["warnings"], second["warnings"]) == (list(GOOD.warnings), [])
    assert first["nbest"] == [{"text": "你好", "score": -2.0}, {"text": "拟好", "score": -4.5}]
    assert first["error"] is None
    assert second["id"] == BAD.id
    assert second["error"] == BAD.error
    assert json.loads(document("json")) == []


def test_srt():
    assert document("srt", GOOD) == "1\n00:00:00,080 --> 00:00:01,060\n你好\n\n"
    assert document("srt", BAD) == ""


def test_vtt_escapes_markup():
    unknown = Transcript("a", pinyin=("<UNK>",), tokens=(Token("<UNK>", "", 3661.0, 3661.1),), seconds=4000.0)
    assert document("vtt", unknown) == "WEBVTT\n\n01:01:01.000 --> 01:01:01.833\n&lt;UNK&gt;\n\n"


def test_textgrid_covers_the_recording():
    text = document("textgrid", GOOD)
    assert re.findall(r'name = "(.+)"', text) == ["segments", "hanzi", "pinyin"]
    times = [float(value) for value in re.findall(r"            x(?:min|max) = (\S+)", text.split("item [3]")[1])]
    assert times == [0.0, 0.08, 0.08, 0.24, 0.24, 0.4, 0.4, 0.56, 0.56, 1.5]
    assert re.findall(r'text = "(.*)"', text.split("item [3]")[1]) == ["", "ni3", "", "hao3", ""]
    quotes = replace(GOOD, tokens=(Token("a1", 'a"b', 0.0, 1.0),))
    assert 'text = "a""b"' in document("textgrid", quotes)


@pytest.mark.parametrize("transcript", [BAD, Transcript("silence.wav", seconds=2.0)])
def test_textgrid_and_html_of_nothing(transcript):
    assert document("textgrid", transcript).count("intervals: size = 1") == 3
    assert "<ruby" not in document("html", transcript)


def test_html_holds_the_recording_and_marks_doubt(tmp_path):
    path = tmp_path / "a & b.wav"
    path.write_bytes(b"RIFF0000")
    tokens = (Token("ni3", "你", 0.08, 0.24, 0.2), Token("hao3", "好", 0.4, 0.56, 0.9), Token("<UNK>", "", 1.0, 1.1))
    page = document("html", replace(GOOD, id=str(path), tokens=tokens))
    assert f'src="data:audio/x-wav;base64,{base64.b64encode(b"RIFF0000").decode()}"' in page
    assert '<ruby data-start="0.080" data-end="0.240" class="doubtful">你<rt>ni3</rt></ruby>' in page
    assert '<ruby data-start="0.400" data-end="0.560">好<rt>hao3</rt></ruby>' in page
    assert "&lt;UNK&gt;" in page and "<UNK>" not in page and "a &amp; b.wav" in page
    assert GOOD.warnings[0] in page


def test_html_links_a_recording_that_is_elsewhere():
    page = document("html", GOOD)
    assert 'src="x/a.wav"' in page and page.count("<ruby") == 2
    assert "y/b.wav: the file is empty" in document("html", BAD)


def test_html_loses_no_token(rng):
    starts = rng.exponential(0.5, 500).cumsum()
    tokens = tuple(Token("a1", chr(0x4E00 + i), s, s + 0.1) for i, s in enumerate(starts))
    page = document("html", Transcript("a", tokens=tokens, seconds=starts[-1] + 1))
    assert "".join(re.findall(r">(.)<rt>", page)) == "".join(token.hanzi for token in tokens)


def test_an_unknown_format():
    with pytest.raises(UsageError, match="txt, json, srt, vtt, tsv"):
        get_writer("docx", io.StringIO())


def test_cues_are_cut_at_the_longest_pause():
    times = [*(i * 0.25 for i in range(12)), *(4.0 + i * 0.25 for i in range(15))]
    transcript = Transcript("a", tokens=tokens_at(*times), seconds=10.0)
    assert [(round(start, 2), text) for start, _, text in cues(transcript)] == [(0.0, "好" * 12), (4.0, "好" * 15)]


def test_cues_keep_their_limits_and_lose_nothing(rng):
    starts = rng.exponential(0.5, 2000).cumsum()
    tokens = tuple(Token("a1", chr(0x4E00 + i), s, s + 0.1) for i, s in enumerate(starts))
    found = list(cues(Transcript("a", tokens=tokens, seconds=starts[-1] + 1)))
    assert "".join(text for _, _, text in found) == "".join(token.hanzi for token in tokens)
    assert max(len(text) for _, _, text in found) <= 20
    assert all(0 < end - start <= 7.0 for start, end, _ in found)
    assert all(a[1] <= b[0] or a[1] - b[0] < 0.11 for a, b in itertools.pairwise(found))


def test_many_equal_pauses_split_evenly():
    transcript = Transcript("a", tokens=tokens_at(*(0.2 * i for i in range(5000))), seconds=1001.0)
    assert min(len(text) for _, _, text in cues(transcript)) >= 5


def test_a_document_in_a_file(tmp_path):
    with Output("txt", str(tmp_path / "new" / "a.txt"), several=True) as target:
        target.write(GOOD)
        assert not (tmp_path / "new" / "a.txt").exists()
    assert (tmp_path / "new" / "a.txt").read_text(encoding="utf-8") == "x/a.wav\t你好\n"
    assert os.listdir(tmp_path / "new") == ["a.txt"]


def test_all_formats_in_a_folder(tmp_path):
    other = Transcript("y/a.mp3", text="好", pinyin=("hao3",), tokens=tokens_at(0.0), seconds=1.0)
    with Output("all", str(tmp_path / "out"), several=True) as target:
        target.write(GOOD)
        target.write(other)
        target.write(BAD)
    names = {"transcripts.txt", "transcripts.json", "transcripts.tsv"}
    names |= {f"{stem}.{form}" for stem in ("a", "a-2", "b\tc\n") for form in ("srt", "vtt", "TextGrid", "html")}
    assert set(os.listdir(tmp_path / "out")) == names
    assert "你好" in (tmp_path / "out" / "a.srt").read_text(encoding="utf-8")
    assert "\n好\n" in (tmp_path / "out" / "a-2.srt").read_text(encoding="utf-8")


@pytest.mark.parametrize("form", WRITERS)
def test_one_recording_to_stdout_in_every_format(capsys, form):
    with Output(form, "-", several=False) as target:
        target.write(GOOD)
    assert capsys.readouterr().out == document(form, GOOD)


def test_subtitles_of_several_need_a_folder(tmp_path):
    for form in ("srt", "all"):
        with pytest.raises(UsageError, match="--output DIR"):
            Output(form, "-", several=True)
    (tmp_path / "a.srt").touch()
    with pytest.raises(UsageError, match="--output DIR"):
        Output("srt", str(tmp_path / "a.srt"), several=True)


def test_nothing_is_left_when_the_work_fails(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(RuntimeError), Output("txt", str(tmp_path / "a.txt"), several=False) as target:
        target.write(GOOD)
        raise RuntimeError
    assert os.listdir(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_full_disk_or_a_wrong_folder_is_named(tmp_path):
    with pytest.raises(UsageError, match="No space left"), output_file(tmp_path / "a.txt") as file:
        raise OSError(28, "No space left on device")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="not written"), output_file(tmp_path / "file" / "a.txt") as file:
        file.write("x")


def test_file_names_that_are_not_unicode(tmp_path):
    with Output("tsv", str(tmp_path / "a.tsv"), several=False) as target:
        target.write(Transcript(os.fsdecode(b"\xff.wav"), text="好"))
    assert "\\udcff.wav" in (tmp_path / "a.tsv").read_text(encoding="utf-8")


def test_reading_a_table_back(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(document("tsv", GOOD, BAD), encoding="utf-8-sig", newline="\r\n")
    (two, first), (three, second) = read_tsv(path)
    assert (two, three) == (2, 3)
    assert (first["id"], first["pinyin"], first["hanzi"]) == ("x/a.wav", "ni3 hao3", "你好")
    assert second["error"] == BAD.error


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.tsv:1: the header"),
        (b"name\tpinyin\n", r"a\.tsv:1: the header"),
        (b"id\tpinyin\nx\n", r"a\.tsv:2: 1 cells where the header has 2"),
        (b"id\tpinyin\n\xff\t\n", "not UTF-8"),
    ],
)
def test_a_bad_table_is_named(tmp_path, content, message):
    path = tmp_path / "a.tsv"
    path.write_bytes(content)
    with pytest.raises(ListError, match=message):
        list(read_tsv(path))


def test_txt_of_several_names_them():
    file = io.StringIO()
    writer = get_writer("txt", file, several=True)
    for transcript in (GOOD, BAD):
        writer.write(transcript)
    assert file.getvalue() == "x/a.wav\t你好\ny/b c .wav\t\n"


def spoken(text: str, *pauses: tuple[int, float], step: float = 0.2) -> Transcript:
    """A transcript whose hanzi follow each other every `step` s; pauses: (before which one, how many seconds)."""
    tokens, now = [], 0.0
    for number, hanzi in enumerate(text):
        now += dict(pauses).get(number, 0.0)
        tokens.append(Token("a1", hanzi, now, now + step))
        now += step
    return Transcript("a", text=text, tokens=tuple(tokens), seconds=now + 1)


LONG = "我们今天下午去图书馆学习人工智能技术然后一起去吃北京烤鸭"
WORDS = ["我们", "今天", "下午", "图书馆", "学习", "人工智能", "技术", "然后", "一起", "北京", "烤鸭"]


@pytest.mark.parametrize("text", [LONG, LONG[2:], LONG * 3, LONG[5:] + LONG[:9]])
def test_without_a_pause_no_word_is_cut(text):
    parts = [text for _, _, text in cues(spoken(text))]
    assert "".join(parts) == text and len(parts) > 1
    assert all(5 <= len(part) <= 20 for part in parts)
    cuts = set(itertools.accumulate(map(len, parts)))
    for word in WORDS:
        for at in range(len(text)):
            if text.startswith(word, at):
                assert not cuts & set(range(at + 1, at + len(word))), word


@pytest.mark.parametrize("place", [9, 11, 14, 18])
def test_a_pause_goes_before_words(place):
    first, second = (text for _, _, text in cues(spoken(LONG, (place, 0.3))))
    assert first == LONG[:place] and second == LONG[place:]


def test_a_long_pause_begins_a_new_cue():
    assert [text for _, _, text in cues(spoken("你好再见", (2, 1.5)))] == ["你好", "再见"]
    assert [text for _, _, text in cues(spoken("你好再见", (2, 0.5)))] == ["你好再见"]


def test_slow_speech_keeps_to_the_seconds():
    found = list(cues(spoken(LONG, step=0.9)))
    assert "".join(text for _, _, text in found) == LONG
    assert all(end - start <= 7.0 for start, end, _ in found)


def test_without_jieba_one_line_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jieba", None)
    words._segmenter.cache_clear()
    assert "".join(text for _, _, text in cues(spoken(LONG * 2))) == LONG * 2
    list(cues(spoken(LONG)))
    words._segmenter.cache_clear()
    assert capsys.readouterr().err.count("jieba is not installed") == 1


LONG_NAMES = ["录" * 81 + ".flac", "a" * 251 + ".wav", "é" * 125 + ".mp3"]


@pytest.mark.parametrize("name", LONG_NAMES)
def test_a_long_name_is_shortened_and_the_rest_is_written(tmp_path, name):
    same = name[:-8] + "z" + name[-7:]
    with Output("all", str(tmp_path), several=True) as target:
        for id in (name, GOOD.id, f"x/{name}", same):
            target.write(replace(GOOD, id=id))
    names = os.listdir(tmp_path)
    assert len([each for each in names if each.endswith(".srt")]) == 4
    assert all(len(os.fsencode(each)) <= 255 for each in names)
    assert "a.srt" in names and not any(each.endswith(".part") for each in names)
    assert name in (tmp_path / "transcripts.tsv").read_text(encoding="utf-8")


def test_a_file_named_as_long_as_is_legal(tmp_path):
    path = tmp_path / ("字" * 83 + ".txt")
    with Output("txt", str(path), several=False) as target:
        target.write(GOOD)
    assert path.read_text(encoding="utf-8") == "你好\n"


def test_the_files_of_one_recording_fail_alone(tmp_path):
    (tmp_path / "b.srt").mkdir()
    (tmp_path / "b.srt" / "full").touch()
    with Output("all", str(tmp_path), several=True) as target:
        target.write(GOOD)
        with pytest.raises(OutputError, match=r"y/b\.wav: .*b\.srt: not written"):
            target.write(replace(GOOD, id="y/b.wav"))
        target.write(replace(GOOD, id="z/c.wav"))
    assert {"a.srt", "b.vtt", "c.srt", "c.vtt", "transcripts.json"} <= set(os.listdir(tmp_path))
    assert len(json.loads((tmp_path / "transcripts.json").read_text(encoding="utf-8"))) == 3


def test_a_document_that_fails_leaves_the_others(tmp_path):
    (tmp_path / "transcripts.json").mkdir()
    (tmp_path / "transcripts.json" / "full").touch()
    with (
        pytest.raises(UsageError, match=r"transcripts\.json: not written"),
        Output("all", str(tmp_path), True) as target,
    ):
        target.write(GOOD)
    assert (tmp_path / "transcripts.txt").read_text(encoding="utf-8") == "x/a.wav\t你好\n"
    assert (tmp_path / "transcripts.tsv").exists() and (tmp_path / "a.srt").exists()


def test_a_disk_that_fills_up_within_a_document_leaves_the_others(tmp_path, monkeypatch):
    def full(self, transcript):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output.JsonWriter, "write", full)
    with (
        pytest.raises(UsageError, match=r"transcripts\.json: .*No space left"),
        Output("all", str(tmp_path), True) as target,
    ):
        target.write(GOOD)
        target.write(replace(GOOD, id="b.wav"))
    assert "b.wav" in (tmp_path / "transcripts.txt").read_text(encoding="utf-8")
    assert not [name for name in os.listdir(tmp_path) if "json" in name]


def test_a_folder_that_cannot_be_written_is_named_at_once(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="not written"), Output("all", str(tmp_path / "file" / "x") + "/", True):
        pytest.fail("must not get here")

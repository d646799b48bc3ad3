"""Text to read: paragraphs with times, doubtful words marked; and what else may be chosen about the formats."""

import io
import json

import numpy as np
import pytest

from ramospeech.output import Style, get_writer
from ramospeech.output.paragraphs import paragraphs, readable
from ramospeech.transcript import Token, Transcript


def spoken(text: str, pauses: dict[int, float] | None = None, doubtful: tuple[int, ...] = (), step: float = 0.25):
    """A transcript whose hanzi follow each other every `step` s; pauses: before which one, how many seconds."""
    tokens, now = [], 0.0
    for number, hanzi in enumerate(text):
        now += (pauses or {}).get(number, 0.0)
        tokens.append(Token("a1", hanzi, now, now + step, 0.3 if number in doubtful else 0.9))
        now += step
    return Transcript("a.wav", text, ("a1",) * len(text), tuple(tokens), now + 1)


def document(form: str, style: Style, *transcripts: Transcript, several: bool = False) -> str:
    file = io.StringIO()
    writer = get_writer(form, file, several, style)
    for transcript in transcripts:
        writer.write(transcript)
    writer.close()
    return file.getvalue()


TEXT = "我们今天下午去图书馆学习人工智能技术然后一起去吃北京烤鸭"


@pytest.mark.parametrize("pause", [1.6, 5.0, 70.0])
def test_a_long_pause_begins_a_paragraph(pause):
    found = readable(spoken(TEXT * 2, {len(TEXT): pause}), Style())
    minutes, seconds = divmod(int(len(TEXT) * 0.25 + pause), 60)
    assert found == f"[00:00:00] {TEXT}\n\n[00:{minutes:02}:{seconds:02}] {TEXT}"


def test_a_short_pause_is_a_space():
    assert readable(spoken("你好再见", {2: 0.5}), Style()) == "[00:00:00] 你好 再见"
    assert readable(spoken("你好再见", {2: 0.1}), Style()) == "[00:00:00] 你好再见"


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_and_paragraphs_have_a_bounded_length(seed):
    rng = np.random.default_rng(seed)
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 2000)))
    transcript = spoken(text, {number: rng.exponential(0.5) for number in range(0, 2000, 7)})
    found = list(paragraphs(transcript))
    assert [token for tokens in found for token in tokens] == list(transcript.tokens)
    assert min(map(len, found[:-1])) >= 20 and max(map(len, found)) <= 450
    assert list(paragraphs(Transcript("a"))) == [] and readable(Transcript("a"), Style()) == ""


def test_doubtful_words_are_marked():
    transcript = spoken(TEXT, doubtful=(2, 14))
    found = readable(transcript, Style())
    assert found == "[00:00:00] " + TEXT.replace("今天下午", "[今天下午?]").replace("人工智能", "[人工智能?]")
    assert readable(transcript, Style(doubtful=0.0)) == f"[00:00:00] {TEXT}"
    assert readable(transcript, Style(doubtful=1.0)).count("?]") > 8
    page = document("html", Style(doubtful=0.2), transcript)
    assert 'class="doubtful"' not in page and 'class="doubtful"' in document("html", Style(), transcript)


def test_syllables_without_hanzi_and_words_of_letters():
    syllables = tuple(Token(pinyin, "", n, n + 0.2, 0.9) for n, pinyin in enumerate(["ni3", "hao3"]))
    assert readable(Transcript("a", tokens=syllables, seconds=9.0), Style()) == "[00:00:00] ni3 hao3"
    words = tuple(Token("", hanzi, n / 4, n / 4 + 0.2, 0.9) for n, hanzi in enumerate(["打", "open", "app", "吧"]))
    assert readable(Transcript("a", tokens=words, seconds=9.0), Style()) == "[00:00:00] 打open app吧"


def test_txt_in_paragraphs():
    first, second = spoken("你好"), Transcript("b.wav", error="b.wav: no such file")
    style = Style(paragraphs=True)
    assert document("txt", style, first) == "[00:00:00] 你好\n"
    assert document("txt", style, first, second, several=True) == "a.wav\n\n[00:00:00] 你好\n\nb.wav\n\n\n\n"
    assert document("txt", Style(), first) == "你好\n"


def test_json_has_segments_and_words_where_asked_for():
    [entry] = json.loads(document("json", Style(words=True), spoken("我们今天学习", {4: 2.0})))
    assert entry["segments"] == [
        {"start": 0.0, "end": 1.5, "text": "我们今天"},
        {"start": 3.0, "end": 4.0, "text": "学习"},
    ]
    assert [word["text"] for word in entry["words"]] == ["我们", "今天", "学习"]
    assert entry["words"][1] == {"start": 0.5, "end": 1.0, "text": "今天"}
    assert entry["score_scale"] == "nats" and "channel" not in entry
    [plain] = json.loads(document("json", Style(), spoken("你好")))
    assert "words" not in plain

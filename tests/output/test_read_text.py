"""What people read in each format: punctuation, numbers in digits, script; and what stays as recognised."""

import io
import json
from dataclasses import replace

import pytest

from ramospeech import output
from ramospeech.output import Style, cues, get_writer
from ramospeech.transcript import Token, Transcript


def document(form: str, *transcripts: Transcript, style: Style | None = None) -> str:
    file = io.StringIO()
    writer = get_writer(form, file, style=style)
    for transcript in transcripts:
        writer.write(transcript)
    writer.close()
    return file.getvalue()


def displayed() -> Transcript:
    """An utterance with a mark, a number in digits and a traditional character."""
    shown = (("你", None), ("好", "好，"), ("二", "20"), ("十", ""), ("个", "個"), ("吧", "吧。"))
    tokens = tuple(
        Token(f"a{i}", hanzi, 0.2 * i, 0.2 * i + 0.2, 0.9, display) for i, (hanzi, display) in enumerate(shown)
    )
    return Transcript("x/a.wav", "你好二十个吧", tuple(token.pinyin for token in tokens), tokens, 2.0)


def test_what_people_read_has_punctuation_digits_and_script():
    transcript = displayed()
    assert transcript.display == "你好，20個吧。"
    assert document("txt", transcript) == "你好，20個吧。\n"
    assert "\n你好，20個吧\n" in document("srt", transcript)  # the last mark of a subtitle is left out
    assert "\n你好，20個吧\n" in document("vtt", transcript)
    assert [text for _, _, text in output.timed_words(transcript.tokens)] == ["你好", "20個", "吧"]


def test_scores_are_of_what_was_recognised():
    transcript = displayed()
    plain = replace(transcript, tokens=tuple(replace(token, display=None) for token in transcript.tokens))
    assert document("tsv", transcript) == document("tsv", plain)
    [entry], [without] = json.loads(document("json", transcript)), json.loads(document("json", plain))
    assert entry.pop("display") == "你好，20個吧。"
    assert [segment["text"] for segment in entry.pop("segments")] == ["你好，20個吧。"]
    assert [segment["text"] for segment in without.pop("segments")] == ["你好二十个吧"]
    assert entry == without


def test_a_page_has_the_syllables_of_a_number_together():
    page = document("html", displayed())
    assert 'data-start="0.400" data-end="0.800">20<rt>a2 a3</rt>' in page
    assert ">好，<rt>a1</rt>" in page


@pytest.mark.parametrize("count", [21, 30, 45])
def test_cues_are_cut_at_marks_and_never_within_numbers(count: int):
    shown = [None if i % 7 else "走。" for i in range(1, count + 1)]
    tokens = tuple(Token("zou3", "走", 0.2 * i, 0.2 * i + 0.2, 0.9, display) for i, display in enumerate(shown))
    texts = [text for _, _, text in cues(Transcript("a", tokens=tokens, seconds=60.0))]
    assert all(len(text.replace("。", "")) % 7 == 0 for text in texts[:-1])
    digits = tuple(replace(token, display="1" * count if i == 0 else "") for i, token in enumerate(tokens))
    assert [text for _, _, text in cues(Transcript("a", tokens=digits, seconds=60.0))] == ["1" * count]


def test_paragraphs_have_marks_instead_of_spaces():
    tokens = [Token("a1", c, 0.5 * i, 0.5 * i + 0.1, 0.9, "我，" if i == 1 else None) for i, c in enumerate("你我他她")]
    tokens[1] = replace(tokens[1], confidence=0.1)
    transcript = Transcript("a", "你我他她", tokens=tuple(tokens), seconds=3.0)
    text = document("txt", transcript, style=Style(paragraphs=True))
    assert text == "[00:00:00] 你 [我?]，他 她\n"

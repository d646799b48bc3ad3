"""Transcripts of models that write characters: hanzi and words of letters, with their times."""

import pytest

from ramospeech.output.cues import cues
from ramospeech.text.units import spaced
from ramospeech.transcript import Token, Transcript, written_tokens


@pytest.mark.parametrize(
    ("pieces", "words", "text"),
    [
        (["打开", "吧"], ["打", "开", "吧"], "打开吧"),
        (["打app▁ok吧"], ["打", "app", "ok", "吧"], "打app ok吧"),
        (["hi", "yo"], ["hi", "yo"], "hi yo"),  # of two pieces: two words
        (["a▁▁b▁"], ["a", "b"], "a b"),
        (["", "好"], ["好"], "好"),
        ([], [], ""),
    ],
)
def test_words_are_joined_and_separated(pieces, words, text):
    times = [(float(n), n + 0.5) for n in range(sum(map(len, pieces)))]
    tokens = written_tokens(pieces, times)
    assert [token.hanzi for token in tokens] == words and all(token.pinyin == "" for token in tokens)
    assert spaced(token.hanzi for token in tokens) == text


def test_a_word_lasts_from_its_first_letter_to_its_last():
    times = [(0.0, 0.1), (0.1, 0.2), (0.2, 0.3), (0.5, 0.6), (0.6, 0.7)]
    tokens = written_tokens([["好", "o", "k", "▁", "a"]], times)
    assert tokens == (Token("", "好", 0.0, 0.1), Token("", "ok", 0.1, 0.3), Token("", "a", 0.6, 0.7))


def test_subtitles_separate_words():
    tokens = tuple(Token("", word, 0.2 * n, 0.2 * n + 0.2) for n, word in enumerate(["打", "app", "ok", "吧"]))
    [(_, _, text)] = cues(Transcript("a", "打app ok吧", (), tokens, 2.0))
    assert text == "打app ok吧"

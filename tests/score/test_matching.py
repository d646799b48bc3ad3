"""Ids matched by their ends, and variants of characters."""

import doctest

import pytest

from ramospeech.errors import ListError
from ramospeech.score import match_ids, script


@pytest.mark.parametrize(
    ("references", "hypotheses", "expected"),
    [
        (["a.wav", "b.wav"], ["b.wav", "a.wav"], {"a.wav": "a.wav", "b.wav": "b.wav"}),
        (["x/y/a.wav"], ["/home/z/y/a.wav"], {"x/y/a.wav": "/home/z/y/a.wav"}),
        (["x/a.wav", "y/a.wav"], ["data/y/a.wav", "data/x/a.wav"],
         {"x/a.wav": "data/x/a.wav", "y/a.wav": "data/y/a.wav"}),
        (["d/x/a.wav"], ["a"], {"d/x/a.wav": "a"}),
        (["a"], ["x/a.wav"], {"a": "x/a.wav"}),
        (["talk.1"], ["talk.2"], {}),
        (["a.wav"], ["a.mp3"], {}),
        (["aa.wav"], ["a.wav"], {}),
        (["x/a.wav"], ["x\\a.wav"], {"x/a.wav": "x\\a.wav"}),
        (["./a.wav"], ["a.wav"], {"./a.wav": "a.wav"}),
        # Some are equal, so x and y are folders of one corpus: its clips of the same name are not each other.
        (["x/a.wav", "x/b.wav"], ["x/a.wav", "y/b.wav"], {"x/a.wav": "x/a.wav"}),
        (["x/a.wav", "x/b.wav"], ["x/a.wav", "b.wav"], {"x/a.wav": "x/a.wav", "x/b.wav": "b.wav"}),
        # The closer of two takes it.
        (["x/y/a.wav"], ["z/a.wav", "y/a.wav"], {"x/y/a.wav": "y/a.wav"}),
        ([], ["a"], {}),
    ],
)  # fmt: skip
def test_matches(references, hypotheses, expected):
    assert match_ids(references, hypotheses) == expected


@pytest.mark.parametrize(
    ("references", "hypotheses", "message"),
    [
        (["x/a.wav", "y/a.wav"], ["a.wav"], r"hypothesis a\.wav may be x/a\.wav or y/a\.wav"),
        (["a.wav"], ["x/a.wav", "y/a.wav"], r"reference a\.wav may be x/a\.wav or y/a\.wav"),
        ([f"{i}/a.wav" for i in range(9)], ["a.wav"], "or 4 others"),
        (["x/a.wav", "y/a.wav"], ["x/a", "a"], r"hypothesis a may be"),
    ],
)
def test_ambiguity_is_named(references, hypotheses, message):
    with pytest.raises(ListError, match=message):
        match_ids(references, hypotheses)


def test_without_opencc_the_remedy_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "opencc", None)
    script._converter.cache_clear()
    with pytest.raises(script.UsageError, match="--script exact"):
        script.simplified(("鷄",))
    script._converter.cache_clear()


def test_docstring_examples():
    assert doctest.testmod(script).failed == 0

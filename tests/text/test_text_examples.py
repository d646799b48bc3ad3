"""The examples in the docstrings."""

import doctest

import pytest

from ramospeech.text import hanzi, pinyin, vocabulary


@pytest.mark.parametrize("module", [hanzi, pinyin, vocabulary])
def test_examples(module):
    result = doctest.testmod(module)
    assert result.failed == 0 and result.attempted > 0

"""Files of training text: what a line is, and which characters are the same."""

import gzip
from pathlib import Path

import pytest

from ramospeech.errors import ListError
from ramospeech.lm.text import TextFile


@pytest.mark.parametrize("packed", [False, True])
def test_lines_end_at_line_feeds_and_hanzi_are_the_usual_ones(packed: bool, tmp_path: Path) -> None:
    content = "\ufeff你好\u2028世界\x85\r\n\n\ufeff⻓城\uf967倒\ufe00，二○二四\n再\x0c见".encode()
    path = tmp_path / "text"
    path.write_bytes(gzip.compress(content) if packed else content)
    assert list(TextFile(path).lines()) == ["你好\u2028世界", "长城不倒，二〇二四", "再\x0c见"]


def test_another_encoding_is_named_by_line(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes("你好\n".encode() + "再见\n".encode("gbk"))
    with pytest.raises(ListError, match="text:2: not UTF-8"):
        list(TextFile(tmp_path / "text").lines())

"""A translator trained in the test on a few sentences."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ramospeech.translate import NgramTranslator, train_ngram
from ramospeech.translate.ngram import engine

SENTENCES = """你好吗
我们今天去北京
今天天气很好
他们在学习中文
明天我们去上海
这是一个好主意
不是我不明白
银行在哪里
他一直在这里等你
我想买一杯水
展览馆里有很多人
"""


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ngram") / "text.txt"
    path.write_text(SENTENCES * 3, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_model(text_file: Path) -> Path:
    path = text_file.parent / "small.safetensors"
    assert train_ngram.main([str(text_file), "--output", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def small_translator(small_model: Path) -> NgramTranslator:
    return NgramTranslator.load(small_model)


@pytest.fixture(params=["numpy", "compiled"])
def lattices(request: pytest.FixtureRequest) -> Callable:
    """Each of the two searches, as `engine.lattices`."""
    if request.param == "compiled":
        pytest.importorskip("ramospeech.translate.ngram._search")
    return getattr(engine, f"{request.param}_lattices")

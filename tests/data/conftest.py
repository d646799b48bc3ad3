"""A corpus of tones and a loader of it."""

import pytest
from speech import make_corpus

from ramospeech.corpora import read_list
from ramospeech.data import Loader
from ramospeech.text import Vocabulary


@pytest.fixture
def corpus(tmp_path):
    """(clips, folder of their audio)."""
    return read_list(make_corpus(tmp_path) / "tones_train.txt"), tmp_path / "audio"


@pytest.fixture
def loader(corpus):
    """loader(options) -> a loader of the corpus."""
    clips, root = corpus
    return lambda **options: Loader(clips, root, Vocabulary.inventory(), reduction=8, **options)

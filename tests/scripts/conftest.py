"""A corpus of tones, and train.py on it in this process."""

import pytest
from speech import make_corpus

from ramospeech.programs import train


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, clips=8)
    return folder


@pytest.fixture
def run(capsys):
    """Runs train.py on a corpus: its exit status and stderr."""

    def run_train(corpus, out, *options):
        where = ["--data_type", "tones", "--config_path", corpus / "lists", "--data_root", corpus / "audio"]
        words = (*where, "--model_path", out, "--device", "cpu", "--threads", 1, *options)
        status = train.main([str(word) for word in words])
        return status, capsys.readouterr().err

    return run_train

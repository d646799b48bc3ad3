"""Batches for a GPU are put into memory that it copies from by itself, by the threads that read."""

import threading

import numpy as np
import pytest
import soundfile
import torch

from ramospeech.corpora import Clip
from ramospeech.data import Loader
from ramospeech.text import Vocabulary


@pytest.mark.parametrize("pin", [False, True])
def test_batches_are_pinned_by_the_threads_that_read(tmp_path, monkeypatch, pin):
    threads = []

    def pinned(tensor):
        threads.append(threading.current_thread())
        return tensor.clone()

    monkeypatch.setattr(torch.Tensor, "pin_memory", pinned)
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), 16_000)
    clips = [Clip("a.wav", ("a",), "", 1.0), Clip("none.wav", ("a",), "", 1.0)]
    loader = Loader(clips, tmp_path, Vocabulary(("<blank>", "<UNK>", "a")), 8, workers=1, pin=pin)
    found = list(loader([[0, 1], [0]]))
    assert [len(batch) for batch in found] == [1, 1] and len(found[0].unreadable) == 1
    assert len(threads) == (4 if pin else 0) and threading.main_thread() not in threads
    assert found[0].waveforms.shape == (1, 16_000) and found[0].to(torch.device("cpu")).labels.tolist() == [[2]]

"""--batch_seconds auto and --fits: the search, what all workers agree on, and what a try leaves behind."""

from argparse import Namespace

import pytest
import torch

from ramospeech.errors import UsageError
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.parallel import SingleProcess
from ramospeech.programs import train
from ramospeech.training import check_options, fitting
from ramospeech.training.fitting import Fitting, largest, noise, settle_batch_seconds
from ramospeech.training.folder import RunFolder

UNITS = ("<blank>", "<UNK>", "a", "b", "c")


@pytest.mark.parametrize("limit", [16.0, 17.0, 100.0, 999.0, 5000.0])
def test_the_search_ends_close_below_the_limit(limit):
    tried = []
    found = largest(lambda seconds: tried.append(seconds) or seconds <= limit, 16.0)
    assert limit / 1.15 <= found <= limit and found in tried and len(tried) <= 18


def test_the_ends_of_the_search():
    assert largest(lambda seconds: False, 16.0) == 0.0
    assert largest(lambda seconds: True, 16.0, most=100.0) == pytest.approx(100.0, rel=0.15)
    assert largest(lambda seconds: seconds <= 16.0, 16.0, most=10.0) == 10.0


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = ModelConfig(UNITS, features="fbank", maps=(4, 4, 8, 8), fc=8, rnn=8, rnn_layers=1)
    return AcousticModel(config)


def bounded(monkeypatch, model, limit):
    """A model whose memory is exceeded by more than so many seconds."""
    loss = model.loss

    def checked(batch, *more, **named):
        if batch.padded_amount > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss(batch, *more, **named)

    monkeypatch.setattr(model, "loss", checked)


ARGS = Namespace(max_window=200, max_seq_length=64, amp="no", batch_seconds="auto", fits=False, load_model=False)


def test_a_try_leaves_the_model_as_it_was(monkeypatch, model):
    bounded(monkeypatch, model, 9.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    tries = Fitting(ARGS, model, SingleProcess(), torch.device("cpu"))
    assert [tries.fits(seconds) for seconds in (2.0, 8.0, 10.0, 4.0)] == [True, True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random) and all(p.grad is None for p in model.parameters())
    assert 0.8 * 8 - 1 <= tries.largest() <= 0.8 * 9


def test_all_workers_agree(monkeypatch, model):
    class Two(SingleProcess):
        size = 2

        def all_gather_object(self, item):
            return [item, False]

    assert not Fitting(ARGS, model, Two(), torch.device("cpu")).fits(2.0)
    with pytest.raises(UsageError, match="does not hold one clip of 2 s; give a lower --max_window"):
        Fitting(ARGS, model, Two(), torch.device("cpu")).largest()


def test_the_batch_that_is_tried():
    batch = noise(10.0, 2.0, 6)
    assert (len(batch), batch.padded_amount) == (5, 10.0) and batch.labels.shape == (5, 6)


def test_what_the_program_says(tmp_path, monkeypatch, model):
    run, gpu = RunFolder(tmp_path, "a"), torch.device("cuda", 0)
    with pytest.raises(UsageError, match="measure a GPU's memory; on the CPU give seconds"):
        settle_batch_seconds(ARGS, model, SingleProcess(), torch.device("cpu"), run)
    monkeypatch.setattr(fitting.Fitting, "__init__", lambda self, *_: None)
    monkeypatch.setattr(fitting.Fitting, "largest", lambda self: 240.0)
    monkeypatch.setattr(fitting.Fitting, "fits", lambda self, seconds: seconds < 300)
    args = Namespace(**vars(ARGS))
    assert "240: fits" in settle_batch_seconds(args, model, SingleProcess(), gpu, run) and args.batch_seconds == 240.0
    for seconds, answer in ((120.0, "fits"), (480.0, "does not fit")):
        line = settle_batch_seconds(Namespace(**{**vars(ARGS), "batch_seconds": seconds, "fits": True}), model,
                                    SingleProcess(), gpu, run)  # fmt: skip
        assert f"{seconds:g}: {answer} in the memory" in line
    run.config.write_text('{"batch_seconds": 96.0}')
    args = Namespace(**{**vars(ARGS), "load_model": True})
    settle_batch_seconds(args, model, SingleProcess(), gpu, run)
    assert args.batch_seconds == 96.0
    assert settle_batch_seconds(args, model, SingleProcess(), gpu, run) is None
    with pytest.raises(UsageError, match="--batch_seconds auto: not with --elastic"):
        check_options(train.parse(["--data_type", "a", "--batch_seconds", "auto", "--elastic"]))

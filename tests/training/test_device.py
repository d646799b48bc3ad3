"""Which device a run trains on: --device, --gpu_rank, both, and a recipe; GPUs are pretended."""

from pathlib import Path

import pytest
import torch

from ramospeech.errors import UsageError
from ramospeech.parallel import SingleProcess
from ramospeech.programs import train
from ramospeech.training import choose_device, options, parse_with_recipe


class Hosts(SingleProcess):
    """The second of `size` workers on this host, or the only one."""

    def __init__(self, size: int = 1) -> None:
        self.size = self.local_size = size
        self.rank = self.local_rank = min(1, size - 1)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch):
    """Call it with the number of GPUs that torch is to see."""
    threads = torch.get_num_threads()

    def see(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "set_device", lambda number: None)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        monkeypatch.setattr("ramospeech.training.device.keep_freed_memory", lambda: True)

    yield see
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("there", "workers", "gpu_rank", "device", "expected"),
    [
        (0, 1, None, None, "cpu"),
        (4, 1, None, None, "cuda:0"),
        (4, 1, 0, None, "cpu"),
        (4, 2, 2, None, "cuda:1"),
        (4, 1, None, "cpu", "cpu"),
        (4, 1, None, "cuda", "cuda:0"),
        (4, 1, None, "cuda:3", "cuda:3"),
        (4, 2, None, "cuda", "cuda:1"),
        (0, 1, 0, "cpu", "cpu"),
        (4, 1, 1, "cuda", "cuda:0"),
        (4, 1, 2, "cuda:1", "cuda:1"),
        (4, 3, None, "cpu", "cpu"),
    ],
)
def test_the_device_that_is_meant(gpus, there, workers, gpu_rank, device, expected) -> None:
    gpus(there)
    assert str(choose_device(gpu_rank, "no", None, Hosts(workers), device)) == expected


@pytest.mark.parametrize(
    ("there", "workers", "gpu_rank", "device", "message"),
    [
        (4, 1, 9, None, "--gpu_rank 9: this host has 4 GPUs"),
        (4, 8, 4, None, "8 workers on this host for 4 GPUs"),
        (4, 1, 0, "cuda", r"--device cuda and --gpu_rank 0 \(the CPU\) disagree"),
        (4, 1, 2, "cpu", r"--device cpu and --gpu_rank 2 \(the first 2 GPUs\) disagree"),
        (4, 1, 1, "cuda:1", r"--device cuda:1 and --gpu_rank 1 \(the first GPU\) disagree"),
        (4, 1, 1, "mps", r"--device mps and --gpu_rank 1 \(the first GPU\) disagree"),
        (0, 1, None, "cuda", "--device cuda: this host has 0 GPUs"),
        (4, 1, None, "cuda:4", "--device cuda:4: this host has 4 GPUs"),
        (4, 2, None, "cuda:1", "--device cuda:1: one GPU for 2 workers"),
        (4, 8, None, "cuda", "8 workers on this host for 4 GPUs"),
        (4, 1, None, "mps", "--device mps: this host has no Apple GPU"),
        (4, 1, None, "gpu", "--device gpu: unknown"),
        (4, 1, None, "cuda:", "--device cuda:: unknown"),
        (4, 1, None, "cuda:-1", "--device cuda:-1: unknown"),
    ],
)
def test_a_device_that_cannot_be_is_refused_in_one_line(gpus, there, workers, gpu_rank, device, message) -> None:
    gpus(there)
    with pytest.raises(UsageError, match=message) as error:
        choose_device(gpu_rank, "no", None, Hosts(workers), device)
    assert "\n" not in str(error.value)


def test_half_precision_needs_a_gpu(gpus) -> None:
    gpus(4)
    assert choose_device(None, "fp16", None, Hosts(), "cuda").type == "cuda"
    with pytest.raises(UsageError, match="--amp fp16 needs a GPU"):
        choose_device(None, "fp16", None, Hosts(), "cpu")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--device", "cuda:1"], (None, "cuda:1")),
        (["--device=cuda"], (None, "cuda")),
        (["--gpu_rank", "2"], (2, None)),
        ([], (0, None)),
    ],
)
def test_the_command_line_wins_over_the_device_of_a_recipe(tmp_path: Path, words, expected) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('data_type = "mine"\ngpu_rank = 0\n')
    args = parse_with_recipe(options(train.__doc__), ["--recipe", str(path), *words])
    assert (args.gpu_rank, args.device) == expected

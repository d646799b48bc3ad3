"""States of frozen layers that are computed once for each clip."""

import pytest
import torch

from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.model.kept import KeptStates

UNITS = ("<blank>", "<UNK>", "ma1")


def batch(rng, *lengths):
    waveforms = torch.zeros(len(lengths), max(lengths))
    for row, length in enumerate(lengths):
        waveforms[row, :length] = torch.from_numpy(rng.normal(0, 0.1, length)).float()
    return waveforms, torch.tensor(lengths)


class Counting:
    """Frames of 10 samples as states; counts the clips that it is asked for."""

    clips = 0

    def __call__(self, waveforms, lengths):
        self.clips += len(waveforms)
        return waveforms[:, : waveforms.shape[1] // 10 * 10].unflatten(1, (-1, 10)), lengths // 10


@pytest.mark.parametrize("lengths", [(50,), (50, 90), (120, 40, 70)])
def test_each_clip_is_computed_once_in_whatever_batch(rng, lengths):
    kept, compute = KeptStates(2**20), Counting()
    waveforms, counts = batch(rng, *lengths)
    states, frames = kept(compute, waveforms, counts)
    assert frames.tolist() == [length // 10 for length in lengths] and compute.clips == len(lengths)
    for row, length in enumerate(lengths):
        alone, _ = kept(compute, waveforms[row : row + 1, :length], counts[row : row + 1])
        assert torch.equal(alone[0], states[row, : length // 10])
        torch.testing.assert_close(alone[0], waveforms[row, :length].unflatten(0, (-1, 10)), atol=1e-3, rtol=1e-3)
        assert not states[row, length // 10 :].any()
    twice, _ = kept(compute, waveforms.repeat(2, 1), counts.repeat(2))
    assert torch.equal(twice, states.repeat(2, 1, 1)) and compute.clips == len(lengths)


@pytest.mark.parametrize(("room", "computed"), [(0, 4), (100, 3), (1000, 2)])
def test_what_finds_no_room_is_computed_again(rng, room, computed):
    kept, compute = KeptStates(room), Counting()
    waveforms, counts = batch(rng, 50, 40)  # 5 and 4 frames of 10 numbers in 2 bytes
    first, _ = kept(compute, waveforms, counts)
    assert torch.equal(kept(compute, waveforms, counts)[0], first) and compute.clips == computed


@pytest.mark.parametrize(("room", "latest"), [(200, 9), (1000, 2)])
def test_the_latest_clips_stay(rng, room, latest):
    kept, compute = KeptStates(room, latest), Counting()  # of two clips
    clips = [batch(rng, 50) for _ in range(3)]
    for number in (0, 1, 0, 2, 1, 2, 0):
        kept(compute, *clips[number])
    assert compute.clips == 4  # 0, 1, 2 for 0, and 0 for 1
    large = batch(rng, 1000)
    kept(compute, *large), kept(compute, *large)
    assert compute.clips == 6, "more than there is room for"


def test_a_model_gives_the_same_with_kept_states(rng):
    torch.manual_seed(0)
    model = AcousticModel(ModelConfig(UNITS, "whisper", width=64, layers=2, rnn=4)).eval()
    clips = batch(rng, 16_000, 9_000, 12_345)
    expected, frames = model(*clips)
    model.kept = KeptStates(2**20)
    for _ in range(2):
        found, lengths = model(*clips)
        assert torch.equal(lengths, frames)
        for row, length in enumerate(frames.tolist()):
            torch.testing.assert_close(found[row, :length], expected[row, :length], atol=2e-3, rtol=2e-3)
    model.train()
    model(*clips)[0].sum().backward()
    assert model.encoder.rnn.weight_ih_l0.grad is not None and model.encoder.conv1.weight.grad is None

"""The network of the original: its size and names, and that padding and neighbours change nothing."""

import pytest
import torch
from torch import Tensor, nn

from ramospeech.model import DFCNN, AcousticModel, MaskedBatchNorm2d, ModelConfig
from ramospeech.model.encoders import DfcnnSizes


def small(dropout: float = 0.0, bins: int = 16, reduction: int = 8) -> DFCNN:
    torch.manual_seed(0)
    network = DFCNN(bins, DfcnnSizes((4, 6, 8, 8), 12, 10, 2, reduction, dropout))
    network.reset_parameters()
    for module in network.modules():  # as after some training
        if isinstance(module, MaskedBatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.3)
            nn.init.normal_(module.bias, 0, 0.5)
            module.get_buffer("running_mean").normal_(0, 0.5)
    return network


def padded(clips: list[Tensor], extra: int = 0) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(clip) for clip in clips])
    batch = nn.utils.rnn.pad_sequence(clips, batch_first=True)
    return nn.functional.pad(batch, (0, 0, 0, extra)), lengths


def original() -> AcousticModel:
    """The network of the original toolkit: its sizes are the defaults, its units were 1,215."""
    units = ("<blank>", "<UNK>", *(f"a{i}" for i in range(1213)))
    return AcousticModel(ModelConfig(units, features="spectrogram", normalise="clip"))


def test_size_of_the_original() -> None:
    assert original().num_parameters == 2_779_903


def test_the_printed_tree_is_that_of_the_original() -> None:
    lines = original().tree().split("\n")
    children = [line.strip().split(":")[0] for line in lines if line.startswith("  (")]
    names = ["dropout", "conv1", "conv2", "conv3", "conv4", "fc1", "fc2", "fc3", "rnn"]
    assert lines[0] == "AcousticModel(" and children == [f"({name})" for name in names]
    assert "  (fc3): Linear(in_features=128, out_features=1215, bias=True)" in lines


def test_names_of_the_original() -> None:
    def names(kinds: str) -> list[str]:
        return kinds.split()

    network = original().encoder
    assert isinstance(network, DFCNN)
    two = "conv1 norm1 relu1 dropout1 conv2 norm2 relu2 maxpool dropout2"
    expected = {
        "conv1": names(two),
        "conv2": names(two),
        "conv3": names("conv1 relu1 dropout1 norm1 conv2 norm2 relu2 maxpool dropout2"),
        "conv4": names("conv1 norm1 relu1 dropout1 conv2 relu2 conv3 norm2 relu3 dropout2"),
    }
    for stage, layers in expected.items():
        assert [name for name, _ in getattr(network, stage).named_children()] == [f"{stage}_{x}" for x in layers]
    assert "conv1.conv1_conv1.bias" not in network.state_dict()
    rates = [m.p for m in network.modules() if isinstance(m, nn.Dropout)]
    assert rates == [0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2, 0.5]
    assert (network.fc1.in_features, network.fc2.in_features, network.rnn.dropout) == (3200, 256, 0.1)


@pytest.mark.parametrize(("reduction", "expected"), [(8, [9, 5, 1, 7, 8]), (4, [18, 10, 2, 15, 17])])
def test_a_clip_alone_is_a_clip_in_a_batch(reduction: int, expected: list[int]) -> None:
    network = small(reduction=reduction).eval()
    clips = [torch.randn(size, 16) for size in (75, 40, 8, 63, 71)]
    together, lengths = network(*padded(clips, extra=20))
    assert lengths.tolist() == expected
    for row, clip, length in zip(together, clips, lengths.tolist(), strict=True):
        alone, _ = network(clip.unsqueeze(0), torch.tensor([len(clip)]))
        assert alone.shape[1] == length
        assert torch.allclose(row[:length], alone[0], atol=1e-5)


def test_gradients_are_those_of_the_plain_network() -> None:
    """The same clip twice, padded, against torch's own layers on the clip once: same statistics, same gradients."""
    network = small().double().train()
    clip = torch.randn(43, 16, dtype=torch.float64)
    weights = torch.randn(5, 12, dtype=torch.float64)
    parameters = {name: tensor for name, tensor in network.named_parameters() if tensor.requires_grad}

    ours, _ = network(*padded([clip, clip], extra=21))
    found = torch.autograd.grad((ours[:, :5] * weights).sum() / 2, list(parameters.values()))

    x = clip.view(1, 1, 43, 16)
    for stage in (network.conv1, network.conv2, network.conv3, network.conv4):
        for layer in stage:
            if isinstance(layer, MaskedBatchNorm2d):
                x = nn.functional.batch_norm(x, None, None, layer.weight, layer.bias, True)
            else:
                x = layer(x)
    x = network.fc1(x.transpose(1, 2).flatten(2)).relu()
    plain = network.fc2(nn.LSTM.forward(network.rnn, x)[0])
    expected = torch.autograd.grad((plain * weights).sum(), list(parameters.values()))

    assert torch.allclose(ours[0], plain[0], atol=1e-9) and torch.allclose(ours[1], plain[0], atol=1e-9)
    for name, mine, other in zip(parameters, found, expected, strict=True):
        assert torch.allclose(mine, other, atol=1e-8), name


def test_garbage_in_the_padding_leaves_training_alone() -> None:
    """Posteriors, gradients and running statistics; SpecAugment, for one, may write into the padding."""
    clips = [torch.randn(size, 16, dtype=torch.float64) for size in (70, 33, 50)]
    results = []
    for garbage in (0.0, 5.0):
        network = small().double().train()
        batch, lengths = padded(clips, extra=25)
        for row, length in zip(batch, lengths.tolist(), strict=True):
            row[length:] = garbage
        log_probs, lengths = network(batch, lengths)
        rows = torch.cat([row[:length] for row, length in zip(log_probs, lengths.tolist(), strict=True)])
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        gradients = torch.autograd.grad(rows.square().sum(), trained)
        results.append([rows, *gradients, *(buffer.double() for buffer in network.buffers())])
    for first, second in zip(*results, strict=True):
        assert torch.allclose(first, second, atol=1e-9)


def test_log_posteriors_in_float32_under_autocast() -> None:
    model = AcousticModel(ModelConfig(("<blank>", "<UNK>", "a"), maps=(4, 4, 8, 8), fc=8, rnn=8)).train()
    with torch.autocast("cpu", torch.bfloat16):
        log_probs, _ = model(torch.randn(2, 8000), torch.tensor([8000, 7000]))
    assert log_probs.dtype == torch.float32
    assert torch.allclose(log_probs.exp().sum(-1), torch.ones(2, log_probs.shape[1]), atol=1e-5)
    log_probs.sum().backward()


def test_bins_that_do_not_divide_by_eight() -> None:
    log_probs, _ = small(bins=21)(torch.randn(1, 16, 21), torch.tensor([16]))
    assert log_probs.shape == (1, 2, 12)


def test_a_clip_too_short_is_named() -> None:
    with pytest.raises(ValueError, match=r"clip 1 of the batch has 7 frames.*at least 8"):
        small()(torch.randn(2, 30, 16), torch.tensor([30, 7]))


def test_dropout_is_off_in_eval() -> None:
    network, given = small(dropout=1.0), padded([torch.randn(30, 16)])
    assert not torch.equal(network.train()(*given)[0], network(*given)[0])
    assert torch.equal(network.eval()(*given)[0], network(*given)[0])


@pytest.mark.parametrize("reduction", [4, 8])
def test_folded_it_gives_the_same(reduction: int) -> None:
    network = small(reduction=reduction).double().eval()
    batch, lengths = padded([torch.randn(n, 16, dtype=torch.double) for n in (64, 41, 17)])
    expected, frames = network(batch, lengths)
    network.optimise_for_inference()
    assert sum(isinstance(module, MaskedBatchNorm2d) for module in network.modules()) == 1  # after a ReLU
    found, same = network(batch, lengths)
    assert torch.equal(frames, same)
    for row, want, length in zip(found, expected, frames.tolist(), strict=True):
        assert torch.allclose(row[:length], want[:length], atol=1e-12)

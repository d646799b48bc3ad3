import pytest
import torch

from ramospeech.errors import ModelError
from ramospeech.model import AcousticModel, ModelConfig, load_model, save_model
from ramospeech.model.units import PartsLinear, shared_rows
from ramospeech.text import Vocabulary, parts

UNITS = Vocabulary.inventory().units


def config(**options):
    sizes = {"maps": (4, 6, 8, 10), "fc": 12, "rnn": 10, "rnn_layers": 2, "features": "fbank", "units": UNITS[:40]}
    return ModelConfig(**{"architecture": "convnext", **sizes, **options})


@pytest.fixture(params=[4, 8])
def network(request):
    torch.manual_seed(0)
    return AcousticModel(config(reduction=request.param)).network.eval()


def test_padding_and_neighbours_change_nothing(network):
    lengths = torch.tensor([37, 50, 16, 8])
    features = torch.randn(4, 50, 80)
    together, frames = network(features, lengths)
    assert frames.tolist() == (lengths // network.reduction).tolist()
    for i, length in enumerate(lengths.tolist()):
        alone, count = network(features[i : i + 1, :length], lengths[i : i + 1])
        torch.testing.assert_close(together[i, : frames[i]], alone[0, : int(count)])


def test_posteriors_are_normalised_and_differentiable(network):
    network.train()
    log_probs, _ = network(torch.randn(2, 40, 80), torch.tensor([40, 33]))
    torch.testing.assert_close(log_probs.exp().sum(2), torch.ones(log_probs.shape[:2]))
    log_probs[0].sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_a_clip_without_an_output_frame_is_named(network):
    with pytest.raises(ValueError, match="clip 1 of the batch has 3 frames"):
        network(torch.randn(2, 20, 80), torch.tensor([20, 3]))


def test_dfcnn_takes_the_same_options():
    for reduction in (4, 8):
        model = AcousticModel(config(architecture="dfcnn", reduction=reduction, share_parts=True)).eval()
        log_probs, frames = model(torch.randn(1, 16000), torch.tensor([16000]))
        assert frames.tolist() == [98 // reduction] and log_probs.shape[1:] == (98 // reduction, 40)
        assert model.seconds_per_frame == pytest.approx(reduction / 100)


def test_syllables_share_rows_part_by_part():
    torch.manual_seed(0)
    layer = PartsLinear(5, UNITS)
    rows = layer.rows()
    expected = torch.zeros(len(UNITS), 5)
    # the same sum from the parts' names, without the table
    names = {}
    for unit, indices in zip(UNITS, shared_rows(UNITS).tolist(), strict=True):
        split = parts.split(unit)
        for kind, index in zip((*split, unit.rstrip("12345")), indices, strict=True):
            if parts.OTHER not in split:
                assert names.setdefault((indices.index(index), kind), index) == index
                expected[UNITS.index(unit)] += layer.parts[index].detach()
    torch.testing.assert_close(rows.detach(), expected)
    assert not rows[:2].any()  # the blank and <UNK> share nothing
    ma1, ma2, ba1 = (UNITS.index(unit) for unit in ("ma1", "ma2", "ba1"))
    rows[ma1].sum().backward()
    moved = layer.rows().detach() + layer.parts.grad.new_zeros(1)
    layer.parts.data -= layer.parts.grad
    moved = layer.rows().detach() - moved
    assert moved[ma2].sum() < moved[ba1].sum() < 0 == moved[0].sum()


def test_what_no_network_has_is_refused():
    for wrong in ({"reduction": 6}, {"blocks": (1,)}, {"blocks": (-1, 2)}):
        with pytest.raises(ModelError, match=next(iter(wrong))):
            config(**wrong)


def test_a_file_gives_the_same_model_back(tmp_path):
    model = AcousticModel(config(share_parts=True)).eval()
    save_model(model, tmp_path / "model.safetensors", {})
    again = load_model(tmp_path / "model.safetensors")
    assert again.config == model.config
    clip = torch.randn(1, 8000), torch.tensor([8000])
    torch.testing.assert_close(again(*clip)[0], model(*clip)[0])

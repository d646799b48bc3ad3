"""Heads over initials, finals and tones: their labels, their loss, and that no file has them."""

import pytest
import torch

from ramospeech import losses
from ramospeech.data import Batch, pad
from ramospeech.model import AcousticModel, AuxiliaryHeads, ModelConfig, load_model, save_model
from ramospeech.text import parts

UNITS = ("<blank>", "<UNK>", "a1", "ba1", "ma3", "shi4", "ma4")
SIZES = {"maps": (2, 2, 4, 4), "fc": 8, "rnn": 8, "rnn_layers": 1, "dropout_scale": 0.0, "reduction": 4}
LABELS = torch.tensor([[3, 4, 6], [5, 1, -1], [-1, 99, 0]])  # the padding may hold anything
LABEL_LENGTHS = torch.tensor([3, 2, 0])
LENGTHS = torch.tensor([9, 7, 5])


def heads(weight: float = 1.0) -> AuxiliaryHeads:
    torch.manual_seed(0)
    return AuxiliaryHeads(8, UNITS, weight)


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_the_loss_is_the_mean_of_three(weight: float) -> None:
    states, made = torch.randn(3, 9, 8), heads(weight)
    expected = torch.zeros(())
    for name, classes in (("initial", parts.INITIALS), ("final", parts.FINALS), ("tone", parts.TONES)):
        assert made.outputs[name].out_features == len(classes) + 1
        ids = [[1 + classes.index(getattr(parts.split(UNITS[i]), name)) for i in row] for row in ([3, 4, 6], [5, 1, 0])]
        log_probs = made.outputs[name](states).log_softmax(-1)
        expected = expected + losses.ctc(log_probs, LENGTHS, torch.tensor([*ids, [0, 0, 0]]), LABEL_LENGTHS).sum
    torch.testing.assert_close(made.loss(states, LENGTHS, LABELS, LABEL_LENGTHS), weight * expected / 3)


def test_a_part_that_does_not_fit_adds_nothing() -> None:
    """ma3 ma4 needs three frames for its initials and its finals, and two for its tones."""
    states, made = torch.randn(1, 2, 8, requires_grad=True), heads()
    found = made.loss(states, torch.tensor([2]), torch.tensor([[4, 6]]), torch.tensor([2]))
    tones = made.outputs["tone"](states).detach().log_softmax(-1)
    assert found.detach().item() == pytest.approx(-float(tones[0, 0, 3] + tones[0, 1, 4]) / 3, rel=1e-5)
    found.backward()
    assert states.grad is not None and states.grad.isfinite().all()


def test_a_model_learns_through_them_and_its_file_has_none(rng, tmp_path) -> None:
    torch.manual_seed(0)
    model = AcousticModel(ModelConfig(UNITS, **SIZES))
    count, before = model.num_parameters, set(model.state_dict())
    waveforms = [rng.normal(0, 0.1, 16_000).astype("float32")] * 2
    batch: Batch = pad(waveforms, [[3, 4], [5]], [])
    model.eval()
    alone = model.loss(batch)
    model.auxiliary = heads(0.5)
    states, lengths = model.encode(batch.waveforms, batch.lengths)
    more = model.auxiliary.loss(states, lengths, batch.labels, batch.label_lengths)
    both = model.loss(batch)
    torch.testing.assert_close(both.sum, alone.sum + more)
    assert both.count == alone.count and model.num_parameters == count
    assert len(list(model.parameters())) > len(list(model.encoder.parameters())) + 2
    both.sum.backward()
    assert all(p.grad is not None and p.grad.any() for p in model.auxiliary.parameters())
    save_model(model, tmp_path / "m.safetensors", {})
    assert set(load_model(tmp_path / "m.safetensors").state_dict()) == before

"""All that runs on a GPU, on a pretended second device: nothing forgets to move a tensor, and results are the CPU's."""

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from pretend import DEVICE, Pretended, pretended_device
from torch import Tensor, nn

from ctc_decode import GreedyDecoder
from ramospeech import losses
from ramospeech.augment import Chain, FrequencyWarp, SpecAugment
from ramospeech.corpora import Clip
from ramospeech.data import Batch, dummy_batch, pad
from ramospeech.model import (
    AcousticModel,
    AttentionObjective,
    AuxiliaryHeads,
    MaskedBatchNorm2d,
    ModelConfig,
    Teacher,
)
from ramospeech.model.heads import CtcObjective
from ramospeech.model.layers import batch_norm
from ramospeech.model.layers.recurrent import BiLSTM
from ramospeech.parallel import SingleProcess
from ramospeech.pipeline import Transcriber
from ramospeech.programs.train_translator import training_loss
from ramospeech.text import Vocabulary
from ramospeech.training import Average, Trainer, dev_sums, evaluate
from ramospeech.training.guard import WINDOW, Guard
from ramospeech.training.loop import Step
from ramospeech.translate.error_model import Syllables
from ramospeech.translate.seq2seq.causal import CausalConfig, CausalTransformer
from ramospeech.translate.seq2seq.dataset import TextBatch
from ramospeech.translate.seq2seq.model import Seq2Seq, Seq2SeqConfig
from ramospeech.translate.seq2seq.objective import causal_loss

pytestmark = pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")  # here it copies

SIZES = {"maps": (2, 2, 4, 4), "fc": 8, "rnn": 6, "rnn_layers": 1, "dropout": 0.0, "features": "fbank"}
UNITS = Vocabulary.inventory().units[:30]
LSTM = {
    "rnn_type": "lstm",
    "rnn_layers": 2,
}  # torch's other layers transpose in place, unseen by a pretended tensor


def new_model(**options) -> AcousticModel:
    torch.manual_seed(1)
    return AcousticModel(ModelConfig(units=UNITS, **(SIZES | options)))


@pytest.fixture(autouse=True)
def one_kind_of_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU sums as a GPU does, since Adam makes much of the last digits of small gradients."""
    monkeypatch.setattr(batch_norm, "sums_of_channels", batch_norm.sums_by_reductions)


def new_batch(clips: int = 3) -> Batch:
    """Clips of different lengths, one too short for its labels among them."""
    rng = np.random.default_rng(5)
    sizes, labels = [7_000, 5_000, 2_200][:clips], [[3, 4, 4], [5], [2, 3, 4]][:clips]
    names = [Clip(f"{i}.wav", tuple(UNITS[label] for label in ids), "", 1.0) for i, ids in enumerate(labels)]
    return pad([rng.normal(0, 0.1, size).astype(np.float32) for size in sizes], labels, names)


def new_trainer(model: AcousticModel, device: torch.device, average: float = 0.0) -> Trainer:
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)  # the fused one refuses a device that it does not know
    return Trainer(model, optimizer, model.loss, SingleProcess(), device, dummy_batch(), seed=3, average=average)


def here(tensor: Tensor) -> Tensor:
    return tensor.data_there if isinstance(tensor, Pretended) else tensor.detach()


def assert_same(there: nn.Module, cpu: nn.Module) -> None:
    for name, expected in cpu.state_dict().items():
        found = there.state_dict()[name]
        assert found.device == DEVICE, f"{name} is not on the device"
        torch.testing.assert_close(here(found), expected, atol=1e-4, rtol=1e-4, msg=name)


def test_the_pretended_device_refuses_what_a_gpu_refuses() -> None:
    with pretended_device() as device:
        there = torch.arange(3.0, device=device)
        assert (there + 1.0).cpu().tolist() == [1.0, 2.0, 3.0] and there.sum().item() == 3.0
        assert (there * torch.tensor(2.0)).tolist() == [0.0, 2.0, 4.0]
        for mixed in (
            lambda: there + torch.ones(3),
            lambda: torch.ones(3).add_(there),
            lambda: torch.cat([there, there.cpu()]),
        ):
            with pytest.raises(RuntimeError, match="two devices"):
                mixed()
        with pytest.raises(RuntimeError):
            there.numpy()


@pytest.mark.parametrize("packed", [False, True], ids=["as elsewhere", "as with CUDA"])
@pytest.mark.parametrize(
    ("objective", "options"),
    [
        (CtcObjective("ctc"), {}),
        (CtcObjective("ace"), {"share_parts": True}),
        (
            CtcObjective("ctc_ace", ace_ramp=1, smoothing=0.1, consistency=0.2),
            {"features": "spectrogram", "normalise": "bin"},
        ),
        (CtcObjective("ctc"), {"heads": ("ctc", "attention"), "speller": 8, "speller_dropout": 0.0}),
    ],
    ids=["ctc", "ace, shared parts", "all losses, spectrogram", "with a speller"],
)
def test_training_is_that_of_the_cpu(packed: bool, objective: CtcObjective, options: dict, monkeypatch) -> None:
    if packed:
        monkeypatch.setattr(BiLSTM, "forward", BiLSTM.packed)
    models = [new_model(**options), new_model(**options)]
    batches = [new_batch(), Batch(*vars(new_batch(0)).values()), new_batch(2)]
    for model in models:
        model.ctc.objective = objective
        model.augment = Chain([FrequencyWarp(model.features.extract.frequencies, 0.1), SpecAugment()])
    cpu = new_trainer(models[0], torch.device("cpu"), average=0.5)
    expected = [cpu.step(batch, lr=0.01) for batch in batches]
    with pretended_device() as device:
        there = new_trainer(models[1].to(device), device, average=0.5)
        found = [there.step(batch, lr=0.01) for batch in batches]
        assert [step.taken for step in found] == [step.taken for step in expected] == [True, False, True]
        assert [step.skipped for step in found] == [step.skipped for step in expected]
        for mine, theirs in zip(found, expected, strict=True):
            assert mine.loss == pytest.approx(theirs.loss, rel=1e-4, nan_ok=True)
        assert_same(models[1], models[0])
        with there.averaged(), cpu.averaged():
            assert_same(models[1], models[0])


@pytest.mark.parametrize("longest", [3000, 40], ids=["all clips", "the first clip is too long for the teacher"])
@pytest.mark.parametrize("lengths_there", [False, True], ids=["lengths on the CPU", "lengths there"])
def test_teaching_and_auxiliary_heads_are_those_of_the_cpu(longest: int, lengths_there: bool) -> None:
    def loss(device: torch.device) -> Tensor:
        student, batch = new_model(), new_batch()
        torch.manual_seed(2)
        student.auxiliary = AuxiliaryHeads(student.encoder.dim, UNITS, 0.5)
        known = AcousticModel(ModelConfig(UNITS, "whisper", width=64, layers=1, rnn=6, share_parts=True))
        known.encoder.max_frames = longest
        student.to(device).eval()
        teacher = Teacher(known.to(device), student)
        batch.waveforms, batch.labels = batch.waveforms.to(device), batch.labels.to(device)
        moved = batch.to(device) if lengths_there else batch
        found = student.loss(moved, teacher=teacher).sum
        found.backward()
        assert all(p.grad is not None for p in student.auxiliary.parameters())
        return here(found)

    expected = loss(torch.device("cpu"))
    with pretended_device() as device:
        torch.testing.assert_close(loss(device), expected, rtol=1e-3, atol=1e-3)


def test_a_run_resumes_on_another_device() -> None:
    whole = new_trainer(new_model(), torch.device("cpu"), average=0.5)
    expected = [whole.step(new_batch(), lr=0.01).loss for _ in range(6)]
    with pretended_device() as device:
        state, found = None, []
        for where in (torch.device("cpu"), device, torch.device("cpu")):
            part = new_trainer(new_model().to(where), where, average=0.5)
            if state:
                part.load_state(state)
            assert all(p.device == where for p in part.parameters)
            found += [part.step(new_batch(), lr=0.01).loss for _ in range(2)]
            assert all(
                value.device == where for s in part.optimizer.state.values() for n, value in s.items() if n != "step"
            )
            state = part.state()
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("heads", [("ctc",), ("attention",), ("ctc", "attention")], ids=" ".join)
def test_validation_is_that_of_the_cpu(heads: tuple[str, ...]) -> None:
    models = [new_model(heads=heads), new_model(heads=heads)]
    decoder, batches = GreedyDecoder(UNITS), [new_batch(), new_batch(2)]
    expected = evaluate(
        models[0], batches, lambda b: dev_sums(models[0], decoder, b), SingleProcess(), torch.device("cpu")
    )
    with pretended_device() as device:
        models[1].to(device)
        found = evaluate(models[1], batches, lambda b: dev_sums(models[1], decoder, b), SingleProcess(), device)
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("attention", ["location", "dot"])
@pytest.mark.parametrize(
    ("architecture", "sizes"),
    [
        ("las", {"extractor": "vgg", **LSTM}),
        ("las", {"extractor": "deepspeech2", **LSTM}),
        ("pyramidal", {"pyramid_layers": 2}),
    ],
    ids=["vgg", "deepspeech2", "pyramidal"],
)
def test_spellers_and_their_encoders_are_those_of_the_cpu(architecture: str, sizes: dict, attention: str) -> None:
    def made(device: torch.device) -> list[Tensor]:
        torch.manual_seed(1)
        options = {"rnn": 4, "dropout": 0.0, "speller": 8, "speller_dropout": 0.0, "attention": attention, **sizes}
        model, batch = AcousticModel(ModelConfig(UNITS, architecture, heads=("attention",), **options)), new_batch()
        model.attention.objective = AttentionObjective(smoothing=0.1, teacher_forcing=(0.0,))
        moved = batch.to(device)
        loss = model.to(device).train().loss(moved)
        loss.sum.backward()
        assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
        states, lengths = model.eval().encode(moved.waveforms, moved.lengths)
        units = model.attention.greedy(states, lengths, 9)
        return [here(loss.sum), here(model.attention.embedding.weight.grad), torch.tensor([len(ids) for ids in units])]

    expected = made(torch.device("cpu"))
    with pretended_device() as device:
        for found, wanted in zip(made(device), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "synchronised"])
def test_batch_norm_is_that_of_the_cpu(shared: bool) -> None:
    layers = [MaskedBatchNorm2d(3).double(), MaskedBatchNorm2d(3).double()]
    x = torch.randn(2, 3, 9, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with pretended_device() as device:
        layers[1].to(device)
        seen = []
        for layer, where in zip(layers, (torch.device("cpu"), device), strict=True):
            if shared:
                layer.set_all_reduce(lambda values: seen.append(values.device) or 2 * values)
            given = x.clone().to(where).requires_grad_()
            y = layer(given, torch.tensor([7, 8, 14, 15, 16, 17]).to(where))
            (y * y.detach().cos()).sum().backward()
            layer.results = [here(value) for value in (y, given.grad, layer.weight.grad, layer.bias.grad)]
        assert seen == ([torch.device("cpu")] * 2 + [DEVICE] * 2) * shared
    for mine, theirs in zip(layers[1].results, layers[0].results, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-12, rtol=1e-12)


def test_what_a_diverging_run_goes_back_to_is_kept_on_the_cpu() -> None:
    with pretended_device() as device:
        trainer = new_trainer(new_model().to(device), device, average=0.5)
        guard = Guard(trainer)
        trainer.step(new_batch(), lr=0.01)
        good = copy.deepcopy(here(trainer.parameters[0]))
        trainer.steps = WINDOW
        for _ in range(WINDOW):
            guard.watch(Step(1.0, 1.0, 1.0, 1.0, 1, 0, 0, True, False, False))
        kept = guard._good
        assert kept and not any(isinstance(t, Pretended) for t in kept["model"].values())
        assert not any(isinstance(t, Pretended) for s in kept["optimizer"]["state"].values() for t in s.values())
        assert not any(isinstance(t, Pretended) for t in kept["average"]["averages"])
        trainer.step(new_batch(), lr=0.01)
        trainer.consecutive_bad_steps = 10 * WINDOW
        assert "restored the weights" in guard.watch(Step(math.nan, 1.0, 1.0, 1.0, 1, 0, 0, False, False, False))
        assert torch.equal(here(trainer.parameters[0]), good) and trainer.parameters[0].device == DEVICE


def test_an_average_stays_on_the_device() -> None:
    with pretended_device() as device:
        layer = nn.Linear(2, 2).to(device)
        average = Average(layer, 0.5)
        average.load_state({"steps": 3, "averages": [torch.ones(2, 2), torch.zeros(2)]})
        average.update()
        with average.applied():
            assert layer.weight.device == DEVICE and not torch.equal(here(layer.weight), torch.ones(2, 2))


@pytest.mark.parametrize("folded", [False, True])
def test_transcripts_are_those_of_the_cpu(folded: bool, tmp_path) -> None:
    import soundfile

    names = []
    for i, row in enumerate(new_batch().waveforms.numpy()):
        names.append(str(tmp_path / f"{i}.wav"))
        soundfile.write(names[-1], row, 16_000)
    models = [new_model().eval(), new_model().eval()]
    for model in models:
        if folded:
            model.optimise_for_inference()
    expected = list(Transcriber(models[0]).transcribe_batch(names))
    with pretended_device():
        found = list(Transcriber(models[1], device="meta").transcribe_batch(names))
        assert next(models[1].parameters()).device == DEVICE
    assert [t.pinyin for t in found] == [t.pinyin for t in expected] and not any(t.error for t in found)


@pytest.mark.parametrize("causal", [False, True])
def test_translator_training_is_that_of_the_cpu(causal: bool) -> None:
    observed = torch.randn(len(Syllables()), 40, generator=torch.Generator().manual_seed(1))
    batch = TextBatch(torch.randint(1, len(Syllables()), (4, 5)), torch.randint(2, 40, (4, 5)))

    def run(device: torch.device) -> tuple[float, Tensor]:
        torch.manual_seed(2)
        network: Any = Seq2Seq(Seq2SeqConfig(len(Syllables()), 40, 8, 2, 8, 0.0))
        if causal:
            network = CausalTransformer(CausalConfig(len(Syllables()), 16, 2, 2, 24))
        network.to(device)
        there = observed.to(device)
        trainer = Trainer(network, torch.optim.AdamW(network.parameters(), lr=0.01),
                          lambda b, step: (causal_loss if causal else training_loss)(network, there, b, step),
                          SingleProcess(), device, batch)  # fmt: skip
        loss = [trainer.step(batch, lr=0.01).loss for _ in range(2)][1]
        return loss, here(network.character.weight)

    expected = run(torch.device("cpu"))
    with pretended_device() as device:
        found = run(device)
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    torch.testing.assert_close(found[1], expected[1], atol=1e-5, rtol=1e-4)


def test_ace_counts_frames_exactly_in_mixed_precision() -> None:
    """A clip of 1,001 frames, which bfloat16 would make 1,000."""
    log_probs = torch.randn(2, 1_001, 6, generator=torch.Generator().manual_seed(1)).log_softmax(-1)
    given = torch.tensor([1_001, 517]), torch.tensor([[2, 3, 3], [4, 0, 0]]), torch.tensor([3, 1])
    with torch.autocast("cpu", torch.bfloat16):
        mixed = losses.ace(log_probs, *given)
    assert torch.equal(mixed.sum, losses.ace(log_probs, *given).sum)

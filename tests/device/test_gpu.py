"""On a GPU: the same numbers as on the CPU, in training, a change of devices and transcription. `make test-gpu`."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import seeds
import torch
from speech import make_corpus
from torch import Tensor, nn

from ramospeech.data import Batch, dummy_batch, pad
from ramospeech.model import AcousticModel, AuxiliaryHeads, MaskedBatchNorm2d, ModelConfig, Teacher
from ramospeech.model.heads import CtcObjective
from ramospeech.model.layers.padding import padding_rows
from ramospeech.model.layers.recurrent import BiLSTM
from ramospeech.parallel import SingleProcess
from ramospeech.pipeline import Transcriber
from ramospeech.programs import train_translator
from ramospeech.text import Vocabulary
from ramospeech.training import Trainer
from ramospeech.translate import train_ngram

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA GPU on this machine"),
    pytest.mark.xdist_group("gpu"),
]
ROOT = Path(__file__).resolve().parents[2]
UNITS = Vocabulary.inventory().units[:60]
SIZES = {"maps": (8, 8, 16, 16), "fc": 32, "rnn": 24, "rnn_layers": 2, "dropout": 0.0}
OBJECTIVES = [
    CtcObjective("ctc"),
    CtcObjective("ace"),
    CtcObjective("ctc_ace", ace_ramp=1, smoothing=0.1, consistency=0.2),
]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def full_precision() -> Iterator[None]:
    """Float32 is float32: no TF32."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def new_model(objective: CtcObjective = OBJECTIVES[0], **options) -> AcousticModel:
    torch.manual_seed(1)
    model = AcousticModel(ModelConfig(units=UNITS, **(SIZES | options)))
    model.ctc.objective = objective
    return model


def new_batch(seed: int = 5, clips: int = 6) -> Batch:
    """Clips of 1 to 2 seconds with 2 to 6 labels."""
    chance = np.random.default_rng(seed)
    waveforms = [chance.normal(0, 0.1, size).astype(np.float32) for size in chance.integers(16_000, 32_000, clips)]
    labels = [chance.integers(2, len(UNITS), count).tolist() for count in chance.integers(2, 7, clips)]
    return pad(waveforms, labels, dummy_batch().clips * clips)


def gradients(model: AcousticModel, device: torch.device) -> tuple[Tensor, dict[str, Tensor]]:
    model.to(device).train()
    loss = model.loss(new_batch().to(device), 5)
    (loss.sum / loss.count).backward()
    return loss.sum.detach().cpu(), {n: p.grad.cpu() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("objective", OBJECTIVES, ids=["ctc", "ace", "all losses"])
@pytest.mark.parametrize(
    "options",
    [
        {"features": "fbank", "share_parts": True},
        {"features": "spectrogram"},
        {"heads": ("ctc", "attention"), "speller": 24, "speller_layers": 2, "speller_dropout": 0.0},
        {
            "heads": ("ctc", "attention"),
            "speller": 24,
            "speller_type": "gru",
            "attention": "dot",
            "speller_dropout": 0.0,
        },
    ],
    ids=str,
)
def test_losses_and_gradients_are_those_of_the_cpu_in_float64(objective: CtcObjective, options: dict) -> None:
    expected, cpu = gradients(new_model(objective, **options).double(), CPU)
    found, gpu = gradients(new_model(objective, **options).double(), CUDA)
    torch.testing.assert_close(found, expected, atol=0, rtol=1e-9)
    assert gpu.keys() == cpu.keys()
    for name, grad in cpu.items():
        torch.testing.assert_close(gpu[name], grad, atol=1e-9 * (1 + float(grad.abs().max())), rtol=1e-7, msg=name)


def test_a_teacher_in_bfloat16_is_close_to_that_of_the_cpu() -> None:
    """Its posteriors and the loss, and the student's gradients, with lengths on either device."""

    def taught(device: torch.device, moved: Batch) -> tuple[Tensor, Tensor]:
        student = new_model(share_parts=True).to(device).eval()
        torch.manual_seed(2)
        student.auxiliary = AuxiliaryHeads(student.encoder.dim, UNITS, 0.5).to(device)
        known = AcousticModel(ModelConfig(UNITS, "whisper", width=64, layers=2, rnn=16, share_parts=True))
        teacher = Teacher(known.to(device), student)
        posteriors, _ = teacher.posteriors(moved.waveforms, moved.lengths)
        loss = student.loss(moved, teacher=teacher).sum
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in student.ctc.parameters())
        assert all(p.grad is None for p in teacher.model.parameters())
        return posteriors.float().cpu(), loss.detach().cpu()

    batch = new_batch()
    expected, loss = taught(CPU, batch)
    there = batch.to(CUDA)
    mixed = replace(there, lengths=batch.lengths, label_lengths=batch.label_lengths)
    for moved in (there, mixed):
        found, other = taught(CUDA, moved)
        assert (found.exp() - expected.exp()).abs().max() < 0.05
        torch.testing.assert_close(other, loss, rtol=0.02, atol=0.1)


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-11), (torch.float32, 1e-4), (torch.float16, 2e-2), (torch.bfloat16, 1e-1)],
)
@pytest.mark.parametrize("shared", [False, True], ids=["alone", "synchronised"])
def test_batch_norm_is_that_of_the_cpu(dtype: torch.dtype, tolerance: float, shared: bool) -> None:
    """Half precision against float32 on the CPU."""
    precise = dtype if dtype == torch.float64 else torch.float32
    generator = torch.Generator().manual_seed(1)
    x = 2 * torch.randn(3, 8, 40, 20, dtype=precise, generator=generator) + 1
    weights = torch.randn(3, 8, 40, 20, dtype=precise, generator=generator)
    results = []
    for device, kind in ((CPU, precise), (CUDA, dtype)):
        layer = MaskedBatchNorm2d(8).to(device, precise)
        nn.init.uniform_(layer.weight, 0.5, 0.5)
        if shared:
            layer.set_all_reduce(lambda values: 2 * values)
        given = x.clone().to(device, kind).requires_grad_()
        y = layer(given, padding_rows(torch.tensor([40, 31, 12]), 40, device))
        assert y.dtype == kind and not y[2, :, 12:].any()
        (y.to(precise) * weights.to(device)).sum().backward()
        assert given.grad is not None
        results.append([y, given.grad, layer.weight.grad, layer.bias.grad, layer.running_mean, layer.running_var])
    for expected, found in zip(*results, strict=True):
        scale = float(expected.abs().max())
        torch.testing.assert_close(found.detach().cpu().to(precise), expected.detach(), atol=tolerance * scale, rtol=0)


def test_both_ways_through_the_lstm_agree() -> None:
    torch.manual_seed(1)
    layer = BiLSTM(6, 5, 2).double().to(CUDA).eval()
    x, lengths = torch.randn(3, 9, 6, dtype=torch.float64, device=CUDA), torch.tensor([4, 9, 1])
    torch.testing.assert_close(layer.packed(x, lengths), layer.reversing(x, lengths))


def curve(device: torch.device, amp: str = "no", steps: int = 20) -> list[float]:
    """Losses of a training without anything random."""
    model = new_model(features="fbank").to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    trainer = Trainer(model, optimizer, model.loss, SingleProcess(), device, dummy_batch(), amp=amp, average=0.9)
    taken = [trainer.step(new_batch(seed % 4), lr=1e-3) for seed in range(steps)]
    assert all(step.taken for step in taken) or amp == "fp16"  # the scale of fp16 may have to fall first
    with trainer.averaged():
        assert all(tensor.isfinite().all() for tensor in model.state_dict().values())
    return [step.loss for step in taken]


def test_training_follows_the_cpu() -> None:
    assert curve(CUDA) == pytest.approx(curve(CPU), rel=1e-3)


@pytest.mark.parametrize(("amp", "tolerance"), [("bf16", 0.05), ("fp16", 0.05)])
def test_mixed_precision_follows_float32(amp: str, tolerance: float) -> None:
    mixed, full = curve(CUDA, amp, 30), curve(CUDA, "no", 30)
    assert mixed[0] == pytest.approx(full[0], rel=tolerance)
    assert np.mean(mixed[-5:]) == pytest.approx(np.mean(full[-5:]), rel=3 * tolerance)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder)
    return folder


def run(program: str, *words: object) -> str:
    """Standard error of a program that succeeds."""
    line = [sys.executable, str(ROOT / program), *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=600, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def train(corpus: Path, out: Path, *words: object) -> list[float]:
    """The dev losses of a training without anything random."""
    places = ["--data_type", "tones", "--config_path", corpus / "lists", "--data_root", corpus / "audio"]
    sizes = [
        "--features",
        "fbank",
        "--maps",
        "4",
        "4",
        "8",
        "8",
        "--fc",
        "16",
        "--rnn",
        "16",
        "--rnn_layers",
        "1",
        "--warmup",
        "2",
        "--batch_size",
        "8",
    ]
    plain = [*seeds.PLAIN.split(), "--schedule", "constant"]
    told = run("train.py", *places, *sizes, *plain, "--model_path", out, *words)
    return [float(loss) for loss in re.findall(r"dev loss (\d+\.\d+)", told)]


def test_a_run_goes_from_cpu_to_gpu_and_back(corpus: Path, tmp_path: Path) -> None:
    expected = train(corpus, tmp_path / "whole", "--device", "cpu", "--epochs", 3, "--ema_decay", 0.9)
    found = []
    for epochs, device in ((1, "cpu"), (2, "cuda"), (3, "cpu")):
        more = ["--load_model"] if epochs > 1 else []
        found += train(corpus, tmp_path / "parts", "--device", device, "--epochs", epochs, "--ema_decay", 0.9, *more)
    assert len(expected) == 3 and found == pytest.approx(expected, rel=5e-3)


@pytest.mark.parametrize("amp", ["no", "bf16", "fp16"])
def test_training_on_the_gpu_with_everything_on(corpus: Path, tmp_path: Path, amp: str) -> None:
    options = [
        "--loss",
        "ctc_ace",
        "--cr_ctc_weight",
        "0.2",
        "--label_smoothing",
        "0.1",
        "--share_parts",
        "--ema_decay",
        "0.9",
        "--epochs",
        "2",
    ]
    places = ["--data_type", "tones", "--config_path", corpus / "lists", "--data_root", corpus / "audio"]
    told = run("train.py", *places, *options, "--model_path", tmp_path, "--device", "cuda:0", "--amp", amp)
    assert "on cuda:0" in told and (tmp_path / "dfcnn.safetensors").is_file()


@pytest.mark.parametrize(("network", "limit"), [("transformer", 0.2), ("lstm", 0.2), ("causal", 20.0)])
def test_the_translator_trains_on_the_gpu(tmp_path: Path, network: str, limit: float) -> None:
    """limit: of the mean CER, or of a language model's perplexity."""
    text, dev, ngram = tmp_path / "text.txt", tmp_path / "dev.tsv", tmp_path / "ngram.safetensors"
    text.write_text("你好吗\n我们今天去北京\n今天天气很好\n银行在哪里\n" * 40, encoding="utf-8")
    dev.write_text("jin1 tian1 tian1 qi4 hen3 hao3\t今天天气很好\n", encoding="utf-8")
    assert train_ngram.main([str(text), "--output", str(ngram)]) == 0
    small = [
        "--network",
        network,
        "--width",
        "64",
        "--layers",
        "1",
        "--decoder",
        "32",
        "--batch_characters",
        "300",
        "--warmup",
        "5",
        "--lr",
        "1e-2",
        "--dev_step",
        "10",
    ]
    places = ["--model_path", str(tmp_path), "--ngram", str(ngram), "--dev", str(dev)]
    losses = []
    for device, steps, more in (("cuda", "10", []), ("cpu", "20", ["--load_model"]), ("cuda", "150", ["--load_model"])):
        words = [str(text), *places, *small, "--device", device, "--steps", steps, *more]
        assert train_translator.main(words) == 0
        losses.append(train_translator.load_state(tmp_path / "translator.state.pt")["progress"]["best"])
    assert losses[-1] <= losses[0] and losses[-1] < limit


@pytest.mark.parametrize("batch_seconds", [None, 8.0])
def test_transcripts_are_those_of_the_cpu(batch_seconds: float | None) -> None:
    clips = sorted((ROOT / "demo" / "audio" / "test").glob("*.ogg"))[:20]
    expected = Transcriber.from_pretrained(device="cpu").transcribe_batch(clips, batch_seconds)
    found = Transcriber.from_pretrained(device="cuda").transcribe_batch(clips, batch_seconds)
    different = [(a.text, b.text) for a, b in zip(expected, found, strict=True) if a.text != b.text]
    assert len(clips) == 20 and len(different) <= 1, different  # rounding may tip one balance

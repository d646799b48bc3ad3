"""A model that learns from another one: who gets gradients, which frames meet, and what cannot be."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ramospeech import losses
from ramospeech.data import Batch, pad
from ramospeech.errors import ModelError
from ramospeech.losses.teaching import merged_frames
from ramospeech.model import AcousticModel, CtcObjective, ModelConfig, Teacher

UNITS = ("<blank>", "<UNK>", "a1", "ba1", "ma3", "shi4")
DFCNN = {"architecture": "dfcnn", "maps": (2, 2, 4, 4), "fc": 8, "rnn": 8, "rnn_layers": 1, "dropout_scale": 0.0}
WHISPER = {"architecture": "whisper", "width": 64, "layers": 1, "rnn": 8}


def model(seed: int = 0, units: tuple[str, ...] = UNITS, **config: object) -> AcousticModel:
    torch.manual_seed(seed)
    made = AcousticModel(ModelConfig(units, **({} if "architecture" in config else DFCNN) | config))  # type: ignore[arg-type]
    for parameter in made.ctc.parameters():
        torch.nn.init.normal_(parameter, std=0.5)  # so that not all frames are alike
    return made.eval()


def batch(rng, seconds: tuple[float, ...] = (1.3, 0.7, 1.0)) -> Batch:
    waveforms = [rng.normal(0, 0.1, round(16_000 * s)).astype("float32") for s in seconds]
    return pad(waveforms, [[2, 3], [4], [5, 2, 3]][: len(seconds)], [None] * len(seconds))  # type: ignore[list-item]


def divergence(student: AcousticModel, teacher: AcousticModel, given: Batch, factors: tuple[int, int]) -> Tensor:
    """The sum over the clips, each alone."""
    total = torch.zeros(())
    for row, count in enumerate(given.lengths.tolist()):
        alone = given.waveforms[row : row + 1, :count], given.lengths[row : row + 1]
        (own, _), (taught, _) = student(*alone), teacher(*alone)
        own, taught = merged_frames(own, factors[0]), merged_frames(taught, factors[1])
        frames = torch.tensor([own.shape[1]]), torch.tensor([taught.shape[1]])
        total = total + losses.teaching(own, frames[0], taught, frames[1], torch.tensor([1])).sum
    return total


@pytest.mark.parametrize(
    ("own", "others", "factors"),
    [
        ({"reduction": 4}, {"reduction": 4}, (1, 1)),
        ({"reduction": 8}, {"reduction": 4}, (1, 2)),
        ({"reduction": 4}, {"reduction": 8}, (2, 1)),
        ({"reduction": 8}, WHISPER, (1, 2)),
        ({"reduction": 4}, {**WHISPER, "mean_pairs": False}, (1, 2)),
    ],
)
def test_half_labels_half_teacher(rng, own, others, factors) -> None:
    student, known = model(1, **own), model(2, **others)
    given = batch(rng)
    teacher = Teacher(known, student)
    assert teacher.factors == factors
    labels = student.loss(given)
    expected = 0.5 * labels.sum + 0.5 * divergence(student, known, given, factors)
    loss = student.loss(given, teacher=teacher)
    torch.testing.assert_close(loss.sum, expected, rtol=1e-3, atol=1e-3)
    assert (loss.count, loss.skipped) == (labels.count, labels.skipped)


def test_only_the_student_learns(rng) -> None:
    student, known = model(1), model(2, **WHISPER)
    teacher = Teacher(known.train(), student, 1.0)
    assert not teacher.model.training
    student.train()
    before = {name: tensor.clone() for name, tensor in known.state_dict().items()}
    student.loss(batch(rng), teacher=teacher).sum.backward()
    assert all(p.grad is None for p in known.parameters())
    assert all(p.grad is not None and p.grad.any() for p in student.ctc.parameters())
    assert known.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in known.state_dict().items())
    assert "teacher" not in " ".join(student.state_dict())


def test_weight_0_is_the_labels_alone_and_1_the_teacher_alone(rng) -> None:
    student, known, given = model(1), model(2), batch(rng)
    assert student.loss(given, teacher=Teacher(known, student, 0.0)).sum == student.loss(given).sum
    assert student.loss(given, teacher=Teacher(student, student, 1.0)).sum.abs() < 1e-3


def test_padding_changes_nothing(rng) -> None:
    student, teacher = model(1), Teacher(model(2, **WHISPER), model(1))
    given = batch(rng)
    wide = torch.nn.functional.pad(given.waveforms, (0, 7_000), value=0.3)
    more = Batch(wide, given.lengths, given.labels, given.label_lengths, given.clips)
    torch.testing.assert_close(
        student.loss(more, teacher=teacher).sum, student.loss(given, teacher=teacher).sum, rtol=1e-4, atol=1e-4
    )


def test_two_views_have_one_teacher(rng) -> None:
    """Without dropout and masks both views are one: the divergence is that of one view."""
    student, given = model(1), batch(rng)
    teacher = Teacher(model(2), student)
    one = student.loss(given, teacher=teacher)
    student.ctc.objective = CtcObjective(consistency=0.2)
    torch.testing.assert_close(student.loss(given, teacher=teacher).sum, one.sum, rtol=1e-4, atol=1e-4)


def test_clips_that_the_teacher_cannot_take_learn_from_labels(rng, monkeypatch) -> None:
    student = model(1)
    known = model(2, **WHISPER)
    known.encoder.max_frames = 110  # 1.1 s: the first clip is longer
    teacher, given = Teacher(known, student), batch(rng)
    log_probs, frames = student(given.waveforms, given.lengths)
    short = Batch(given.waveforms[1:, :16_000], given.lengths[1:], given.labels[1:], given.label_lengths[1:], [])
    expected = teacher.loss(*student(short.waveforms, short.lengths), short)
    torch.testing.assert_close(teacher.loss(log_probs, frames, given).sum, expected.sum, rtol=1e-4, atol=1e-4)
    assert teacher.describe([1.0, 1.2, 40.0])[1].startswith("warning: 2 of 3 training clips are longer than the 1.1 s")
    assert len(teacher.describe([1.0, 0.5])) == 1
    known.encoder.max_frames = 10
    assert teacher.loss(log_probs, frames, given).sum == 0
    assert student.loss(given, teacher=teacher).sum.isfinite()


def test_a_batch_that_is_used_again_keeps_what_it_was_taught(rng, monkeypatch) -> None:
    student, given = model(1), replace(batch(rng), taught={})
    teacher, other = Teacher(model(2), student), Teacher(model(3), student)
    first, another = student.loss(given, teacher=teacher).sum, student.loss(given, teacher=other).sum
    assert first != another
    monkeypatch.setattr(Teacher, "posteriors", None)
    again = given.to(torch.device("cpu"))
    assert student.loss(again, teacher=teacher).sum == first and student.loss(again, teacher=other).sum == another


def test_what_cannot_teach() -> None:
    student = model(1)
    with pytest.raises(ModelError, match=r"--teacher big: it writes 7 units .* train 6 \(pinyin\), not the same"):
        Teacher(model(2, (*UNITS, "you3")), student, name="big")
    with pytest.raises(ModelError, match="not the same ones"):
        Teacher(model(2, (*UNITS[:-2], *UNITS[:-3:-1])), student)
    other = model(2)
    other.encoder.reduction = 6
    with pytest.raises(ModelError, match="its frames are 60 ms and those of the model to train 40 ms"):
        Teacher(other, model(1, reduction=4))
    assert math.isclose(Teacher(model(2), student, 0.3).weight, 0.3)

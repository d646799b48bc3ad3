"""What a run says to the person who started it: what is unusual in its options, and what to do with its model."""

import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import torch

from ramospeech.cli import transcribing
from ramospeech.data import FilteredClips
from ramospeech.errors import TrainingError
from ramospeech.model import AcousticModel
from ramospeech.model.layers.bfloat16 import multiplies_bfloat16
from ramospeech.training.defaults import is_old_dropout
from ramospeech.training.folder import RunFolder
from ramospeech.training.log import RunLog
from ramospeech.training.options import BATCH_SIZE
from ramospeech.training.progress import Progress

USUAL_BLANK_STEPS = 1_000  # in our runs the first syllables came after 100 to 1,000 steps
FEW_DEV_CLIPS = 30
LITTLE_AUDIO = 3_600.0  # seconds
MANY_UNKNOWN, MOST_UNKNOWN = 0.1, 0.5  # fractions of the tokens of labels


def on_batches(seconds: Sequence[float], batch_seconds: float, batch_size: int) -> str | None:
    """Return a line where --batch_seconds leaves room for fewer than --batch_size of the clips (their seconds)."""
    usual = max(1, int(batch_seconds / sorted(seconds)[len(seconds) // 2])) if seconds else batch_size
    if usual >= batch_size:
        return None
    return (
        f"--batch_size {batch_size} is an upper limit: --batch_seconds {batch_seconds:g} holds about {usual} of these "
        "clips; raise it for larger batches"
    )


def on_epochs(epochs: int, save_step: int, dev_step: int, has_dev: bool) -> list[str]:
    """When models are kept and dev is measured, which --save_step and --dev_step count in epochs."""
    lines = []
    if save_step > epochs:
        lines.append(f"--save_step {save_step}: no model is kept by it, the run has {epochs} epoch(s)")
    elif save_step:
        lines.append(f"keeps the model of every {save_step} epoch(s), first after epoch {save_step}")
    if has_dev and dev_step > 1:
        first = min(dev_step, epochs)
        lines.append(f"measures dev every {dev_step} epochs and after the last, first after epoch {first}")
    return lines


def on_blank(step: int) -> str:
    """For a dev set without one syllable."""
    line = f"step {step}: the model gives the blank only, so far; usual before about {USUAL_BLANK_STEPS:,} steps"
    if step < USUAL_BLANK_STEPS:
        return line
    return line + ": if it stays so, try a higher or a lower --lr, and look at the labels of the lists"


def on_finished(done: int, wanted: int, unit: str) -> str:
    """For a run that is resumed and has nothing left to do; unit: the option that says how long it is."""
    return (
        f"{done} of {wanted} {unit} are done; give more --{unit}, or leave out --load_model and choose another "
        "--model_name to train anew"
    )


def on_little(dev_clips: int, seconds: float, from_nothing: bool) -> list[str]:
    """Return a line where an error rate says little, or there is too little to learn from; seconds: of all clips."""
    lines = []
    if 0 < dev_clips < FEW_DEV_CLIPS:
        lines.append(
            f"warning: {dev_clips} dev clips are few: their error rate says little, and the best model may be so by "
            f"chance; give {FEW_DEV_CLIPS} or more"
        )
    if from_nothing and seconds < LITTLE_AUDIO:
        lines.append(
            f"warning: {seconds / 60:.0f} minutes of speech are too little for a model that understands new sentences; "
            "start from one that does: --init_from accurate"
        )
    return lines


def on_unknown(lists: Sequence[Path], train: FilteredClips, units: str) -> list[str]:
    """Return a line where many labels are outside the units. Raises TrainingError where nearly all of them are."""
    if train.unknown < MANY_UNKNOWN * len(train.clips):
        return []
    tokens = sum(len(clip.tokens) for clip in train.clips)
    fraction = train.unknown / tokens
    found = f"{', '.join(map(str, lists))}: {fraction:.0%} of the labels are not among the units ({units})"
    if fraction > MOST_UNKNOWN:
        raise TrainingError(f"{found}; give the --units of the labels, and a --unit_list that `ramospeech units` makes")
    if fraction > MANY_UNKNOWN:
        return [f"warning: {found} and are learnt as <UNK>; --unit_list lists takes those of the lists"]
    return []


def on_changed(start: str, model: AcousticModel, freeze: int) -> list[str]:
    """Return a line where the weights of --init_from were trained with other sizes of the encoder than now, and one
    where the model has other units."""
    lines = []
    if model.new_units:
        new, units = len(model.new_units), len(model.config.units)
        lines.append(
            f"{units - new:,} of the {units:,} units have weights in {start}; {new:,} are new, such as "
            f"{model.new_units[0]!r}"
        )
    if not model.changed:
        return lines
    before = ", ".join(f"{name} {value}" for name, value in model.changed.items())
    now = ", ".join(f"{name} {getattr(model.config.sizes, name)}" for name in model.changed)
    frozen = ", but --freeze keeps some: better --freeze 0" if freeze and model.encoder.cut not in model.changed else ""
    return [*lines, f"the weights of {start} were trained with {before}; with {now} they need training{frozen}"]


def on_precision(amp: str, device: torch.device, architecture: str) -> list[str]:
    """Return a line where this CPU would train a Whisper encoder faster in bfloat16."""
    if amp != "no" or device.type != "cpu" or architecture != "whisper" or not multiplies_bfloat16():
        return []
    return ["this CPU multiplies tiles of bfloat16: --amp bf16 trains this encoder about twice as fast"]


def on_other_lists(args: Namespace, model: AcousticModel) -> list[str]:
    """Return a line where a resumed run reads other lists than before, whose error rates do not compare."""
    before = model.summary.get("options", {}) if args.load_model else {}
    train, dev = (
        [f"--{name}" for name in names if name in before and before[name] != getattr(args, name)]
        for names in (("train_manifest",), ("data_type", "dev_manifest", "valid_ratio"))
    )
    if not train and not dev:
        return []
    line = f"warning: resumed with other lists than before ({', '.join(train + dev)})"
    return [line + "; the best dev rate so far is that of the lists before" if dev else line]


def on_start(
    args: Namespace,
    model: AcousticModel,
    device: torch.device,
    workers: int,
    train: FilteredClips,
    dev: FilteredClips,
    events: Path,
) -> list[str]:
    """Return the first lines of a run."""
    lines = [f"{model.config.describe()}: {model.num_parameters:,} parameters on {device}, {workers} worker(s)"]
    if is_old_dropout(args, model.config.architecture):
        lines.append("warning: --dropout is --dropout_scale for this encoder; the old name works in this version only")
    lines += on_changed(args.init_from, model, args.freeze)
    lines += on_other_lists(args, model)
    lines += on_precision(args.amp, device, model.config.architecture)
    if args.freeze:
        learning = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        kept = "; what the others make of a clip is computed once" if model.kept else ""
        lines.append(f"{learning:,} parameters learn (--freeze {args.freeze}){kept}")
    lines += [f"train: {train.describe()}", f"dev: {dev.describe()}"]
    lines += on_little(len(dev.clips), sum(train.seconds), not args.init_from)
    if args.batch_size != BATCH_SIZE and (on := on_batches(train.seconds, args.batch_seconds, args.batch_size)):
        lines.append(on)
    lines += on_epochs(args.epochs, args.save_step, args.dev_step, bool(dev.clips))
    return [*lines, *model.tree().split("\n"), f"TensorBoard: tensorboard --logdir {events}"]


def on_end(
    run: RunFolder,
    save_step: int,
    train: FilteredClips,
    has_dev: bool,
    progress: Progress,
    unreadable: list[set[str]],
    skipped: int,
    rate: str = "SER",
) -> list[str]:
    """Return the last lines of a run; unreadable: messages of each worker; rate: the title of the error rate."""
    lines, unread = [f"trained on {train.describe()}"], set().union(*unreadable)
    if unread or skipped:
        lines.append(f"in training {len(unread)} could not be read, {skipped} times a clip had no finite loss")
    if progress.before is not None:
        lines.append(f"dev {rate} {progress.before:.2%} before, {progress.best:.2%} after")
    if save_step and progress.epoch < save_step:
        lines.append(f"--save_step {save_step}: no model of an epoch was kept, {progress.epoch} epoch(s) were trained")
    what = f"dev {rate} {progress.best:.2%}, the best" if has_dev else "of the last step; no dev clips"
    return [*lines, on_model(run.best, what, transcribe_command(run.best))]


def say(line: str, rank: int) -> None:
    """Print a line on rank 0."""
    if rank == 0:
        RunLog().say(line)


def on_model(path: Path, what: str, own: str) -> str:
    """Tell where the model is and how to use it; own: a command that a file of one's own is the last part of."""
    return f"The model is {path} ({what}). To use it: {own}"


def transcribe_command(path: Path) -> str:
    """Return the command that transcribes a recording with a model."""
    return f"{transcribing()} --model {shlex.quote(str(path))} RECORDING"


def resume_command(launcher: Sequence[str]) -> str:
    """Return the command that resumes this run, which the workers' launcher started."""
    return shlex.join([*launcher, *sys.argv, *([] if "--load_model" in sys.argv else ["--load_model"])])

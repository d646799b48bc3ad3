"""The command line of train.py."""

import argparse
from pathlib import Path

from ramospeech.augment import BATCH_EFFECTS, EFFECTS, SNR
from ramospeech.cli import (
    Parser,
    count,
    count_or_0,
    few,
    fraction,
    number,
    peak_rate,
    positive,
    positive_or_0,
    seed,
)
from ramospeech.errors import UsageError
from ramospeech.features import FEATURES, MODES
from ramospeech.model import ENCODERS, sizes_of_encoders
from ramospeech.settings import add_options
from ramospeech.text.units import UNITS
from ramospeech.training.defaults import FINE_TUNING, RECOMMENDED
from ramospeech.training.schedule import SCALINGS, SCHEDULES

RENAMED = {  # options of version 0.1
    "--weights": "--corpus_weights",
    "--clip": "--max_grad_norm",
    "--average": "--ema_decay",
    "--smoothing": "--label_smoothing",
    "--consistency": "--cr_ctc_weight",
    "--join": "--concat_seconds",
    "--silence": "--pad_silence",
    "--augment_ramp": "--augment_warmup",
}
BATCH_SIZE = 256  # clips: more than --batch_seconds usually holds

DROP_WORST = "fraction of a corpus, its clips of highest loss, to leave out after a third of the run"


def options(about: str) -> argparse.ArgumentParser:
    """Return the command line; `about` is the program's docstring: what it does, and after an empty line examples."""
    description, epilog = about.split("\n\n", 1)
    parser = Parser(renamed=RENAMED, description=description, epilog=epilog)
    flag = argparse.BooleanOptionalAction

    data = parser.add_argument_group("data")
    data.add_argument("--recipe", metavar="NAME", help="options in a .toml file, or in data_config/recipes/NAME.toml")
    data.add_argument("--data_type", help="corpus names joined by commas, or all")
    data.add_argument("--train_manifest", nargs="+", metavar="LIST", help="lists to train on, instead of --data_type")
    data.add_argument("--dev_manifest", nargs="+", metavar="LIST", help="lists to choose the best model on")
    data.add_argument("--config_path", default="data_config", help="folder of <corpus>_{train,dev,test}.txt")
    data.add_argument("--data_root", default="data", help="folder that the lists' paths are relative to")
    data.add_argument(
        "--corpus_weights",
        dest="weights",
        nargs="+",
        metavar="CORPUS=W",
        help="how often each corpus is seen per epoch",
    )
    data.add_argument("--max_window", type=count, default=1600, help="longest training clip, in frames of 10 ms")
    data.add_argument("--max_seq_length", type=count, default=64, help="longest training label, in units")
    data.add_argument("--batch_seconds", type=positive, default=120.0, help="audio in a worker's batch, with padding")
    data.add_argument("--batch_size", type=count, default=BATCH_SIZE, help="clips in a worker's batch, at most")
    data.add_argument("--num_workers", type=few, default=2, help="threads that read audio")

    model = parser.add_argument_group("model")
    model.add_argument("--model_path", default="runs", help="folder of the model")
    model.add_argument("--model_name", default="dfcnn", help="name of the model's files")
    model.add_argument("--load_model", action="store_true", help="resume the run of that name")
    model.add_argument("--init_from", metavar="MODEL", help="fine-tune: accurate, fast, or a file; its sizes are kept")
    model.add_argument(
        "--freeze", type=count_or_0, help="lowest layers of a Whisper encoder to freeze (with --init_from: all)"
    )
    model.add_argument(
        "--freeze_steps", type=count_or_0, default=0, help="steps for which the layers of --freeze stay frozen"
    )
    model.add_argument("--model", choices=sorted(ENCODERS), help="architecture of the encoder (default: dfcnn)")
    own = {name: f"{encoder.default_features}, {encoder.default_normalise}" for name, encoder in ENCODERS.items()}
    defaults = "; ".join(f"{name}: {values}" for name, values in own.items())
    model.add_argument("--units", choices=UNITS, help="what the model writes (default: pinyin, or those of the model)")
    model.add_argument(
        "--unit_list",
        metavar="FILE",
        help="file of units, one per line, as `python -m ramospeech.text.units` makes them; lists: those of the "
        "training lists (default: all syllables of Mandarin; characters: lists)",
    )
    model.add_argument(
        "--features", choices=FEATURES, help=f"input features (defaults, with those of --normalise: {defaults})"
    )
    model.add_argument("--normalise", choices=MODES, help="normalise mean and variance of features per clip or per bin")
    model.add_argument(
        "--share_parts",
        action=flag,
        default=None,
        help="output weights of initials, finals and tones are shared (default: dfcnn: on)",
    )
    sizes = parser.add_argument_group("sizes of the encoder, with their defaults")
    add_options(sizes, sizes_of_encoders())

    loss = parser.add_argument_group("loss and augmentation")
    loss.add_argument("--loss", choices=("ctc", "ace", "ctc_ace"), default="ctc", help="training loss")
    loss.add_argument("--ace_weight", type=positive_or_0, default=0.1, help="weight of ACE in ctc_ace")
    loss.add_argument(
        "--auxiliary",
        type=positive_or_0,
        help=f"weight of CTC over initials, finals and tones, in training only {default_of('auxiliary')}",
    )
    loss.add_argument("--teacher", metavar="MODEL", help="learn from this model's posteriors too: accurate, or a file")
    loss.add_argument(
        "--teacher_weight", type=fraction, default=0.5, help="fraction of the loss that compares with the teacher"
    )
    loss.add_argument(
        "--speeds", type=number(float, 0.5, 2), nargs="+", default=(0.9, 1.0, 1.1), help="factors of speed perturbation"
    )
    loss.add_argument(
        "--augment",
        nargs="+",
        metavar="NAME[=P]",
        help=f"effects and their probabilities: all, or {' '.join(EFFECTS)}; with --windows: {' '.join(BATCH_EFFECTS)}",
    )
    loss.add_argument("--noise", metavar="DIR", help="folder of noise recordings, for --augment noise")
    loss.add_argument("--music", metavar="DIR", help="folder of music recordings, for --augment music")
    loss.add_argument("--rooms", metavar="DIR", help="folder of room impulse responses, for half of --augment room")
    loss.add_argument(
        "--noise_snr",
        type=number(float, -100, 100),
        nargs=2,
        default=SNR,
        help="range of the signal-to-noise ratio, dB",
    )
    loss.add_argument("--warp", type=fraction, help=f"VTLP: largest stretch of frequencies {default_of('warp')}")
    loss.add_argument("--spec_augment", action=flag, default=True, help="SpecAugment: mask bands and spans")
    loss.add_argument(
        "--augment_warmup",
        dest="augment_ramp",
        metavar="FRACTION",
        type=fraction,
        help=f"fraction of the run over which --warp and SpecAugment grow {default_of('augment_ramp')}",
    )

    windows = parser.add_argument_group("windows: all audio on the device, batches made there")
    windows.add_argument(
        "--windows",
        type=number(float, 1, 600),
        nargs="+",
        metavar="SECONDS",
        help="train on joined clips that fill windows of one of these lengths, drawn for each step",
    )
    windows.add_argument(
        "--mix", nargs="+", metavar="CORPUS=SHARE", help="fraction of the time per corpus (default: by length)"
    )
    windows.add_argument("--noise_windows", type=fraction, default=0.0, help="fraction of windows without speech")
    windows.add_argument("--drop_worst", nargs="+", metavar="CORPUS=F", help=DROP_WORST)
    windows.add_argument("--steps", type=count, help="optimiser steps of the whole run; dev is measured --epochs times")
    windows.add_argument("--max_minutes", type=positive, help="minutes of the whole run, instead of --steps")

    optimiser = parser.add_argument_group("optimiser (AdamW)")
    optimiser.add_argument("--epochs", type=count, default=60, help="passes over the training lists")
    optimiser.add_argument("--lr", type=peak_rate, default=1e-3, help="peak learning rate of one worker")
    optimiser.add_argument("--head_lr", type=peak_rate, help="peak learning rate above the encoder (default: --lr)")
    optimiser.add_argument("--warmup", type=count, default=500, help="steps of linear warm-up, at most a fifth of all")
    optimiser.add_argument("--weight_decay", type=number(float, 0, 10), default=1e-2, help="weight decay of matrices")
    optimiser.add_argument(
        "--max_grad_norm",
        dest="clip",
        metavar="NORM",
        type=positive,
        default=5.0,
        help="clip the gradient to this norm",
    )
    optimiser.add_argument(
        "--ema_decay",
        dest="average",
        metavar="DECAY",
        type=fraction,
        help=f"decay of the exponential moving average of weights; 0: none {default_of('average')}",
    )
    optimiser.add_argument(
        "--layer_decay",
        type=number(float, 0.1, 1),
        default=1.0,
        help="factor of the learning rate per layer downwards, with --init_from",
    )
    optimiser.add_argument(
        "--l2_sp",
        type=positive_or_0,
        default=0.0,
        help="weight of the L2 distance from the weights of --init_from (100)",
    )
    optimiser.add_argument("--seed", type=seed, default=1, help="random seed")

    machine = parser.add_argument_group("machine")
    machine.add_argument("--gpu_rank", type=count_or_0, help="GPUs to use on each host (0: the CPU; default: all)")
    machine.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1 or mps (default: what --gpu_rank says)")
    machine.add_argument("--amp", choices=("no", "bf16", "fp16"), default="no", help="mixed precision")
    machine.add_argument("--sync_batchnorm", action=flag, default=False, help="batch norm statistics over all workers")
    machine.add_argument(
        "--threads", type=few, help="CPU threads of a worker (default: OMP_NUM_THREADS, or cores / workers)"
    )

    machine.add_argument(
        "--elastic",
        action=flag,
        default=False,
        help="continue when workers are lost, leave or join (docs/distributed.md)",
    )

    saving = parser.add_argument_group("saving")
    saving.add_argument("--save_step", type=count_or_0, default=0, help="also keep the model of every N-th epoch")
    saving.add_argument("--dev_step", type=count, default=1, help="measure the dev lists every N epochs")
    _rarely_needed(parser.add_argument_group("rarely needed"))
    return parser


def _rarely_needed(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--cache_gb", type=positive_or_0, default=1.0, help="decoded audio kept in memory, per worker")
    group.add_argument("--ace_ramp", type=count_or_0, default=1000, help="steps over which --ace_weight grows from 0")
    group.add_argument(
        "--label_smoothing",
        dest="smoothing",
        metavar="WEIGHT",
        type=fraction,
        default=0.0,
        help="label smoothing: weight of the uniform distribution",
    )
    group.add_argument(
        "--cr_ctc_weight",
        dest="consistency",
        metavar="WEIGHT",
        type=positive_or_0,
        default=0.0,
        help="weight of the CR-CTC consistency loss (0.2); doubles the time of a step",
    )
    group.add_argument(
        "--concat_seconds",
        dest="join",
        metavar="S",
        type=positive_or_0,
        default=0.0,
        help="join clips, with pauses, up to this many seconds",
    )
    group.add_argument(
        "--pad_silence",
        dest="silence",
        metavar="S",
        type=number(float, 0, 5),
        default=0.0,
        help="pad clips with up to this many seconds of silence at each end",
    )
    group.add_argument("--lr_scaling", choices=SCALINGS, default="sqrt", help="growth of --lr with the workers")
    group.add_argument("--schedule", choices=SCHEDULES, default="cosine", help="learning rate after the warm-up")
    group.add_argument("--fp16_gradients", action="store_true", help="send gradients in half precision")
    group.add_argument("--save_minutes", type=positive, default=10.0, help="minutes between saves within an epoch")
    group.add_argument(
        "--patience", type=count_or_0, default=0, help="stop after this many evaluations without improvement; 0: never"
    )


def default_of(name: str) -> str:
    """Return the default of an option that depends on what the run starts from."""
    fine = "" if FINE_TUNING[name] == RECOMMENDED[name] else f", with --init_from {FINE_TUNING[name]:g}"
    return f"(default: {RECOMMENDED[name]:g}{fine}; with --load_model that of the run)"


def check_options(args: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go together."""
    if args.consistency and args.loss == "ace":
        raise UsageError(f"--cr_ctc_weight {args.consistency}: needs --loss ctc or ctc_ace")
    if args.join > args.max_window / 100:
        raise UsageError(
            f"--concat_seconds {args.join:g}: must be at most --max_window, which is {args.max_window / 100:g} seconds"
        )
    if args.noise_snr[0] > args.noise_snr[1]:
        raise UsageError(f"--noise_snr {args.noise_snr[0]:g} {args.noise_snr[1]:g}: give the lower level first")
    if args.l2_sp and not args.init_from:
        raise UsageError(f"--l2_sp {args.l2_sp:g}: pulls towards the weights of --init_from; give that option too")
    if args.auxiliary and args.init_from:
        raise UsageError(f"--auxiliary {args.auxiliary:g}: helps a model that knows nothing; leave out --init_from")
    _check_windows(args)
    for suffix in (".safetensors", ".pt", ".pth"):
        args.model_name = args.model_name.removesuffix(suffix)
    if not args.model_name or Path(args.model_name).name != args.model_name:
        raise UsageError(f"--model_name {args.model_name!r}: a plain name; its folder goes into --model_path")


def _check_windows(args: argparse.Namespace) -> None:
    """Raise UsageError for options of --windows that stand without it, or that it does not have."""
    for name in ("mix", "noise_windows", "drop_worst", "steps", "max_minutes", "music", "rooms"):
        if getattr(args, name) and not args.windows:
            raise UsageError(f"--{name}: works on windows only; give their lengths, such as --windows 6 12")
    if args.windows and (args.join or args.silence):
        raise UsageError("--windows: joins clips by itself; leave out --concat_seconds and --pad_silence")
    if args.windows and max(args.windows) > args.batch_seconds:
        raise UsageError(f"--windows {max(args.windows):g}: --batch_seconds {args.batch_seconds:g} hold none")
    if args.steps and args.max_minutes:
        raise UsageError("--steps and --max_minutes both say how long the run is: give one of them")

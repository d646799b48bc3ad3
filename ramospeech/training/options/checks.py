"""Which options of train.py do not go together."""

import argparse
from pathlib import Path

from ramospeech.audio.voice import check_voice
from ramospeech.errors import UsageError
from ramospeech.model.file import STATE

LAST = ".last.safetensors"


def check_options(args: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go together; put what `--continue_from` stands for in its place."""
    if args.continue_from:
        _continue(args, Path(args.continue_from))
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
    if args.freeze_output and not args.init_from:
        raise UsageError("--freeze_output: keeps output layers of --init_from; give that option too")
    if args.auxiliary and args.init_from:
        raise UsageError(f"--auxiliary {args.auxiliary:g}: helps a model that knows nothing; leave out --init_from")
    if args.init_uniform and (args.init_from or args.load_model):
        raise UsageError(f"--init_uniform {args.init_uniform:g}: for a new model; leave it out, or start from nothing")
    if args.remove_silence:
        if args.windows:
            raise UsageError("--remove_silence: works on clips, and --windows joins them; leave one out")
        check_voice("--remove_silence")
    if args.loss_scale and args.amp != "fp16":
        raise UsageError(f"--loss_scale {args.loss_scale:g}: is of half precision; add --amp fp16")
    if args.valid_ratio and args.dev_manifest:
        raise UsageError(f"--valid_ratio {args.valid_ratio:g}: --dev_manifest gives the dev clips; leave one out")
    if args.finetune and not args.continue_from:
        raise UsageError("--finetune: needs --continue_from FILE, the model to start from")
    if len(args.teacher_forcing) != len(args.teacher_forcing_steps) + 1:
        raise UsageError(
            f"--teacher_forcing: {len(args.teacher_forcing)} ratios and {len(args.teacher_forcing_steps)} stages of "
            "--teacher_forcing_steps; give one ratio more than stages"
        )
    _check_workers(args)
    _check_windows(args)
    for suffix in (".safetensors", ".pt", ".pth"):
        args.model_name = args.model_name.removesuffix(suffix)
    if not args.model_name or Path(args.model_name).name != args.model_name:
        raise UsageError(f"--model_name {args.model_name!r}: a plain name; its folder goes into --model_path")


def _continue(args: argparse.Namespace, path: Path) -> None:
    """Resume the run of a file, or with --finetune start a new one from it."""
    if args.finetune:
        if args.init_from:
            raise UsageError("--finetune and --init_from both say what to start from: give one of them")
        args.init_from = str(path)
        return
    name = path.name.removesuffix(STATE).removesuffix(LAST).removesuffix(".safetensors")
    if not path.with_name(name + STATE).is_file():
        if not path.is_file():
            raise UsageError(f"--continue_from {path}: no such file; check the path of the model")
        raise UsageError(
            f"--continue_from {path}: there is no {name}{STATE} beside it, which resuming needs; give the file of "
            "a run's latest or best model, or add --finetune to start a new run from this one"
        )
    args.load_model, args.model_path, args.model_name = True, str(path.parent), name


def _check_workers(args: argparse.Namespace) -> None:
    """Raise UsageError for options of several workers that contradict each other; settle --gradients."""
    if args.fp16_gradients and args.gradients == "bf16":
        raise UsageError("--fp16_gradients and --gradients bf16 disagree: give only one of the two")
    if args.fp16_gradients:
        args.gradients = "fp16"
    if args.batch_seconds == "auto" and args.elastic:
        raise UsageError(
            "--batch_seconds auto: not with --elastic, whose hosts may differ; give seconds (--fits tries them)"
        )
    if args.accumulate > 1 and args.windows:
        raise UsageError(
            f"--accumulate {args.accumulate}: not with --windows, whose batches may be as large as you like"
        )


def _check_windows(args: argparse.Namespace) -> None:
    """Raise UsageError for options of --windows that stand without it, or that it does not have."""
    for name in ("mix", "noise_windows", "drop_worst", "steps", "max_minutes", "music", "rooms"):
        if getattr(args, name) and not args.windows:
            raise UsageError(f"--{name}: works on windows only; give their lengths, such as --windows 6 12")
    if args.reuse > 1 and not args.windows:
        raise UsageError("--reuse: works on windows only; give their lengths, such as --windows 6 12")
    if args.reuse > 1 and args.batch_seconds == "auto":  # the batches to keep are counted before it is known
        raise UsageError("--reuse: not with --batch_seconds auto; give seconds, such as 100")
    if args.windows and (args.join or args.silence):
        raise UsageError("--windows: joins clips by itself; leave out --concat_seconds and --pad_silence")
    if args.windows and args.batch_seconds != "auto" and max(args.windows) > args.batch_seconds:
        raise UsageError(f"--windows {max(args.windows):g}: --batch_seconds {args.batch_seconds:g} hold none")
    if args.steps and args.max_minutes:
        raise UsageError("--steps and --max_minutes both say how long the run is: give one of them")

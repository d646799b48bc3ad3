#!/usr/bin/env python3
"""Train an acoustic model: lists of recordings -> batches -> DFCNN + BiLSTM -> CTC and ACE -> weights.

    python train.py --data_type aishell                                  one process, CPU or GPU
    horovodrun -np 4 python train.py --data_type aishell                 four, on this host's GPUs
    horovodrun -np 8 -H a:4,b:4 python train.py --data_type aishell      eight, on two hosts
    python train.py --data_type aishell --load_model                     go on where the last run ended

Reads top to bottom: options, workers, data, model, loss, loop. Writes to --model_path: NAME.safetensors (the best
model on the dev lists), NAME.last.safetensors, NAME.state.pt (to resume), NAME.json (the configuration),
NAME.dropped.tsv (clips left out, with the reason) and tensorboard/NAME.
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

import ramospeech
from ctc_decode import GreedyDecoder
from ramospeech import corpora, losses, parallel
from ramospeech.augment import EFFECTS, SNR, Chain, FrequencyWarp, SpecAugment, WaveAugment
from ramospeech.corpora.lists import write_text
from ramospeech.data import (
    Batch,
    Loader,
    Plan,
    dropped_table,
    eval_plan,
    joined_plan,
    noise,
    padding_share,
    read_clips,
    train_plan,
)
from ramospeech.errors import ModelError, TrainingError, UsageError, program
from ramospeech.model import ARCHITECTURES, AcousticModel, ModelConfig, load_model, save_model
from ramospeech.text import Vocabulary
from ramospeech.training import (
    SCALINGS,
    SCHEDULES,
    Meter,
    Monitor,
    Stopper,
    Trainer,
    choose_device,
    dev_sums,
    evaluate,
    learning_rate,
    load_state,
    parse_with_recipe,
    save_state,
    scaled,
    show_clips,
)

SHOWN_CLIPS, SHOWN_TIMES = 3, 20  # dev clips whose posteriors TensorBoard shows, and how often in a run


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows every default, and the examples as they are."""


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        epilog=__doc__.split("\n\n", 1)[1],
        formatter_class=Help,
    )
    flag = argparse.BooleanOptionalAction

    data = parser.add_argument_group("data")
    data.add_argument("--recipe", metavar="NAME", help="options in a .toml file, or in data_config/recipes/NAME.toml")
    data.add_argument("--data_type", required=True, help="corpus names joined by commas, or all")
    data.add_argument("--config_path", default="data_config", help="folder of <corpus>_{train,dev,test}.txt")
    data.add_argument("--data_root", default="data", help="folder that the lists' paths are relative to")
    data.add_argument("--max_window", type=int, default=1600, help="longest training clip, in frames of 10 ms")
    data.add_argument("--max_seq_length", type=int, default=64, help="longest training label, in syllables")
    data.add_argument("--batch_seconds", type=float, default=120.0, help="audio in a worker's batch, with padding")
    data.add_argument("--batch_size", type=int, default=256, help="clips in a worker's batch, at most")
    data.add_argument("--num_workers", type=int, default=2, help="threads that read audio")
    data.add_argument("--cache_gb", type=float, default=1.0, help="decoded audio a worker keeps in memory")

    model = parser.add_argument_group("model")
    model.add_argument("--model_path", default="runs", help="folder of the model")
    model.add_argument("--model_name", default="dfcnn", help="its name there")
    model.add_argument("--load_model", action="store_true", help="resume it, or start from its weights")
    model.add_argument("--model", choices=sorted(ARCHITECTURES), default="dfcnn", help="architecture")
    model.add_argument("--features", choices=("spectrogram", "fbank"), default="spectrogram", help="first stage")
    model.add_argument("--normalise", choices=("clip", "bin", "none"), default="clip", help="of the features")
    model.add_argument("--maps", type=int, nargs=4, default=(32, 64, 128, 128), help="of the convolution blocks")
    model.add_argument("--fc", type=int, default=128, help="width of the layers around the LSTM")
    model.add_argument("--rnn", type=int, default=128, help="LSTM cells a direction")
    model.add_argument("--rnn_layers", type=int, default=4, help="LSTM layers")
    model.add_argument("--dropout", type=float, default=1.0, help="scale of the network's dropout rates")

    loss = parser.add_argument_group("loss and augmentation")
    loss.add_argument("--loss", choices=("ctc", "ace", "ctc_ace"), default="ctc", help="what is minimised")
    loss.add_argument("--ace_weight", type=float, default=0.1, help="of ACE in ctc_ace")
    loss.add_argument("--ace_ramp", type=int, default=1000, help="steps over which that weight grows from 0")
    loss.add_argument("--speeds", type=float, nargs="+", default=(0.9, 1.0, 1.1), help="speed perturbation")
    loss.add_argument("--augment", nargs="+", metavar="NAME[=P]", help=f"all, or of: {' '.join(EFFECTS)}")
    loss.add_argument("--noise", metavar="DIR", help="recordings of noise, for the effect of that name")
    loss.add_argument("--noise_snr", type=float, nargs=2, default=SNR, help="every noise's level in dB, from and to")
    loss.add_argument("--join", type=float, default=0.0, help="join clips, with pauses, up to this many seconds")
    loss.add_argument("--silence", type=float, default=0.0, help="add up to this many seconds at each end")
    loss.add_argument("--warp", type=float, default=0.0, help="stretch frequencies by up to this share (0.1)")
    loss.add_argument("--spec_augment", action=flag, default=True, help="mask bands and spans of the features")
    loss.add_argument("--augment_ramp", type=float, default=0.0, help="share of the run over which these two grow")

    optimiser = parser.add_argument_group("optimiser (AdamW)")
    optimiser.add_argument("--epochs", type=int, default=60, help="passes over the training lists")
    optimiser.add_argument("--lr", type=float, default=1e-3, help="peak learning rate of one worker")
    optimiser.add_argument("--lr_scaling", choices=SCALINGS, default="sqrt", help="of --lr with the workers")
    optimiser.add_argument("--warmup", type=int, default=500, help="steps of linear warm-up, at most a fifth of all")
    optimiser.add_argument("--schedule", choices=SCHEDULES, default="cosine", help="after the warm-up")
    optimiser.add_argument("--weight_decay", type=float, default=1e-2, help="of AdamW, on matrices only")
    optimiser.add_argument("--clip", type=float, default=5.0, help="largest gradient norm")
    optimiser.add_argument("--seed", type=int, default=1, help="of everything that is drawn")

    machine = parser.add_argument_group("machine")
    machine.add_argument("--gpu_rank", type=int, help="GPUs to use on each host (0: the CPU; default: all)")
    machine.add_argument("--amp", choices=("no", "bf16", "fp16"), default="no", help="mixed precision")
    machine.add_argument("--fp16_gradients", action="store_true", help="send gradients in half precision")
    machine.add_argument("--sync_batchnorm", action=flag, default=False, help="batch statistics over all workers")
    machine.add_argument("--threads", type=int, help="CPU threads a worker (default: cores / workers of the host)")

    saving = parser.add_argument_group("saving")
    saving.add_argument("--save_step", type=int, default=0, help="also keep the model of every N-th epoch")
    saving.add_argument("--save_minutes", type=float, default=10.0, help="save this often within an epoch")
    saving.add_argument("--dev_step", type=int, default=1, help="measure the dev lists every N epochs")
    return parser


def check_options(args: argparse.Namespace) -> None:
    """Raise UsageError for values that no run can use."""
    counts = ("epochs", "batch_size", "max_window", "max_seq_length", "num_workers", "dev_step", "warmup")
    for name in counts:
        if getattr(args, name) < 1:
            raise UsageError(f"--{name} {getattr(args, name)}: must be at least 1")
    for name in (
        "lr",
        "batch_seconds",
        "clip",
        "save_minutes",
        *(["threads"] if args.threads is not None else []),
    ):
        if not getattr(args, name) > 0:
            raise UsageError(f"--{name} {getattr(args, name)}: must be greater than 0")
    if any(not 0.5 <= factor <= 2.0 for factor in args.speeds):
        raise UsageError(f"--speeds {args.speeds}: each must lie within 0.5 and 2")
    for name in ("warp", "augment_ramp"):
        if not 0 <= getattr(args, name) < 1:
            raise UsageError(f"--{name} {getattr(args, name)}: must lie within 0 and 1")
    for name, most in (("join", args.max_window / 100), ("silence", 5.0)):
        if not 0 <= getattr(args, name) <= most:
            raise UsageError(f"--{name} {getattr(args, name)}: must lie within 0 and {most:g} seconds")
    for suffix in (".safetensors", ".pt", ".pth"):
        args.model_name = args.model_name.removesuffix(suffix)
    if not args.model_name or Path(args.model_name).name != args.model_name:
        raise UsageError(f"--model_name {args.model_name!r}: a plain name; its folder goes into --model_path")


def build(args: argparse.Namespace, files: dict[str, Path]) -> tuple[AcousticModel, dict[str, Any] | None]:
    """The model of the options; with --load_model the saved one, and the state to resume from where there is one.

    Raises: ModelError: nothing to load, or a model of another shape than the options ask for.
    """
    config = ModelConfig(
        architecture=args.model,
        features=args.features,
        normalise=args.normalise,
        units=Vocabulary.inventory().units,
        maps=tuple(args.maps),
        fc=args.fc,
        rnn=args.rnn,
        rnn_layers=args.rnn_layers,
        dropout=args.dropout,
    )
    if not args.load_model:
        torch.manual_seed(args.seed)
        return AcousticModel(config), None
    state = load_state(files["state"]) if files["state"].exists() else None
    weights = files["last"] if state and files["last"].exists() else files["best"]
    model = load_model(weights)
    # The model's own units stay: a 1,215-unit model goes on as one.
    if replace(config, units=model.config.units, dropout=model.config.dropout) != model.config:
        raise ModelError(
            f"{weights}: is a {model.config.describe()}, and the options ask for a {config.describe()}; give the same "
            "options, or another --model_name"
        )
    retrained = AcousticModel(replace(model.config, dropout=args.dropout))
    retrained.load_state_dict(model.state_dict())
    return retrained, state


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels, none for biases and normalisation."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def augmentation(args: argparse.Namespace, model: AcousticModel) -> Chain:
    """Of the features, as the options ask."""
    warp = [FrequencyWarp(model.features.extract.frequencies, args.warp)] if args.warp else []
    return Chain([*warp, *([SpecAugment()] if args.spec_augment else [])])


def training_loss(args: argparse.Namespace, model: AcousticModel, batch: Batch, step: int) -> losses.Loss:
    """The chosen loss of one batch."""
    log_probs, lengths = model(batch.waveforms, batch.lengths)
    given = (log_probs, lengths, batch.labels, batch.label_lengths)
    if args.loss == "ctc_ace":
        return losses.ctc_ace(*given, weight=losses.ramp(args.ace_weight, step, args.ace_ramp))
    return losses.ctc(*given) if args.loss == "ctc" else losses.ace(*given)


@program
def main(argv: list[str] | None = None) -> int:
    args = parse_with_recipe(options(), argv)
    check_options(args)

    # Workers: the others of horovodrun, or alone. From here on an error of one is an error of all.
    workers = parallel.connect()
    device = workers.together(lambda: choose_device(args.gpu_rank, args.amp, args.threads, workers))
    folder = Path(args.model_path)
    kinds = {"best": ".safetensors", "last": ".last.safetensors", "state": ".state.pt", "config": ".json",
             "dropped": ".dropped.tsv"}  # fmt: skip
    files = {kind: folder / (args.model_name + ending) for kind, ending in kinds.items()}
    workers.agree("command line", {k: v for k, v in vars(args).items() if k != "threads"})

    # Model: rank 0's weights and optimiser state for all.
    model, state = workers.rank_0(partial(build, args, files))
    model.augment = chain = augmentation(args, model)
    model.to(device)
    decoder = GreedyDecoder(model.vocabulary.units)

    # Data: rank 0 looks at the clips, all train on the same ones.
    lists = workers.together(
        lambda: {s: corpora.lists_of(args.data_type, s, args.config_path) for s in ("train", "dev")}
    )
    workers.agree("set of lists", [sha256(path.read_bytes()).hexdigest() for paths in lists.values() for path in paths])
    dev_limits = corpora.Limits(
        max_frames=None, reduction=model.reduction, vocabulary=model.vocabulary, durations="list"
    )
    limits = replace(dev_limits, max_frames=args.max_window, max_labels=args.max_seq_length)
    train, dev = workers.rank_0(
        lambda: (
            read_clips(lists["train"], args.data_root, limits),
            read_clips(lists["dev"], args.data_root, dev_limits),
        )
    )
    if not train.clips:
        raise TrainingError(f"{', '.join(map(str, lists['train']))}: no clip can be trained on: {train.describe()}")
    load = partial(Loader, data_root=args.data_root, vocabulary=model.vocabulary, reduction=model.reduction,
                   workers=args.num_workers, seed=args.seed)  # fmt: skip
    waves = workers.together(lambda: WaveAugment.of(args.augment or (), args.noise_snr, args.noise))
    train_loader = load(train.clips, speeds=args.speeds, augment=waves if waves.probabilities else None,
                        cache_bytes=int(args.cache_gb * 2**30))  # fmt: skip
    dev_loader = load(dev.clips, cache_bytes=int(args.cache_gb * 2**28))
    shape = {"batch_seconds": args.batch_seconds, "batch_size": args.batch_size, "workers": workers.size}
    epoch_plan: Callable[..., Plan] = partial(train_plan, train.seconds, seed=args.seed, **shape)
    if args.join or args.silence:
        epoch_plan = partial(joined_plan, train.clips, join=args.join, silence=args.silence,
                             max_labels=args.max_seq_length, seed=args.seed, **shape)  # fmt: skip
    dev_plan = eval_plan(dev.seconds, rank=workers.rank, **shape)
    shown = next(dev_loader([list(range(min(SHOWN_CLIPS, len(dev.clips))))])).to(device)

    # Optimiser.
    optimizer = torch.optim.AdamW(parameter_groups(model, args.weight_decay), lr=args.lr, betas=(0.9, 0.98), fused=True)
    if args.sync_batchnorm:
        workers.synchronise_batch_norm(model)
    trainer = Trainer(model, optimizer, partial(training_loss, args, model), workers, device, stand_in=noise(),
                      clip=args.clip, amp=args.amp, fp16_gradients=args.fp16_gradients, seed=args.seed)  # fmt: skip
    first_epoch, first_step, best = 0, 0, float("inf")
    if state:
        trainer.load_state(state)
        first_epoch, first_step, best = state["epoch"], state["epoch_step"], state["best"]
        if state["workers"] != workers.size:  # the same part of the epoch, in this run's steps
            first_step = round(first_step * len(epoch_plan(epoch=first_epoch)) / state["epoch_steps"])

    # How long: steps differ a little between epochs, so the schedule counts those of all.
    epoch_steps = [len(epoch_plan(epoch=e)) for e in range(args.epochs)]
    total = sum(epoch_steps)
    peak, warmup = scaled(args.lr, workers.size, args.lr_scaling), max(1, min(args.warmup, total // 5))
    setting = json.dumps({**vars(args), "workers": workers.size, "version": ramospeech.__version__}, indent=1)
    workers.rank_0(lambda: write_text(files["config"], setting + "\n"))
    workers.rank_0(lambda: write_text(files["dropped"], dropped_table([train, dev])))
    monitor = Monitor(folder / "tensorboard" / args.model_name, workers.rank == 0, total, trainer.steps)
    monitor.say(f"{model.config.describe()}: {model.num_parameters:,} parameters on {device}, {workers.size} worker(s)")
    for name, part in (("train", train), ("dev", dev)):
        monitor.say(f"{name}: {part.describe()}")
    monitor.say(f"TensorBoard: tensorboard --logdir {folder / 'tensorboard'}")
    monitor.text("config", f"```\n{setting}\n```", trainer.steps)

    def save(epoch: int, epoch_step: int, is_best: bool = False) -> None:
        """All workers: make the statistics one; rank 0: write the models and the state."""
        workers.average_batch_norm(model)
        keep = args.save_step and epoch_step == 0 and epoch % args.save_step == 0

        def write() -> None:
            summary = {"steps": trainer.steps, "epoch": epoch, "dev_ser": best, "hours": sum(train.seconds) / 3600,
                       "options": vars(args), "workers": workers.size}  # fmt: skip
            save_model(model, files["last"], summary)
            if is_best or not dev.clips:
                save_model(model, files["best"], summary)
            if keep:
                save_model(model, folder / f"{args.model_name}.epoch{epoch}.safetensors", summary)
            position = {"epoch": epoch, "epoch_step": epoch_step, "best": best, "workers": workers.size,
                        "epoch_steps": epoch_steps[min(epoch, args.epochs - 1)]}  # fmt: skip
            save_state(files["state"], {**trainer.state(), **position})

        workers.rank_0(write)

    def measure_dev(epoch: int) -> bool:
        """Dev loss and SER; returns whether this is the best model yet."""
        nonlocal best
        workers.average_batch_norm(model)
        batches = dev_loader(dev_plan)
        sums = evaluate(model, batches, partial(dev_sums, model, decoder), workers, device)
        loss, count, toned, toneless, length, clips, unreadable = sums
        ser = toned / max(length, 1)
        values = {
            "dev/loss": loss / max(count, 1),
            "dev/ser": ser,
            "dev/ser_toneless": toneless / max(length, 1),
        }
        monitor.scalars(values, trainer.steps)
        if len(shown) and workers.rank == 0 and epoch % -(-args.epochs // SHOWN_TIMES) == 0:
            show_clips(monitor, model, shown, decoder, trainer.steps)
        monitor.say(
            f"epoch {epoch}: dev loss {values['dev/loss']:.3f}, SER {ser:.2%} ({values['dev/ser_toneless']:.2%} "
            f"without tones) on {clips:.0f} clips" + (f", {unreadable:.0f} unreadable" if unreadable else "")
        )
        monitor.note(ser=f"{ser:.1%}")
        better, best = ser < best, min(ser, best)
        return better

    # The loop.
    meter, saved = Meter(), time.monotonic()
    reported: set[str] = set()
    with Stopper().listening() as stopper:
        for epoch in range(first_epoch, args.epochs):
            plan = epoch_plan(epoch=epoch)
            if epoch == first_epoch:
                monitor.say(f"epoch of {len(plan)} steps, padding {padding_share(train.seconds, plan):.1%}")
            mine = [step[workers.rank] for step in plan]
            for done, batch in enumerate(train_loader(mine[first_step:], epoch), first_step + 1):
                lr = learning_rate(trainer.steps, peak, warmup, total, args.schedule)
                wish = workers.rank == 0 and time.monotonic() - saved > 60 * args.save_minutes
                chain.strength = min(1.0, trainer.steps / max(1.0, args.augment_ramp * total))
                step = trainer.step(batch, lr, stop=stopper.wanted, save=wish)
                meter.add(step)
                for message in set(batch.unreadable) - reported:
                    reported.add(message)
                    print(f"worker {workers.rank}: left out: {message}", file=sys.stderr)
                monitor.progress(loss=f"{step.loss:.3f}", lr=f"{lr:.1e}", audio=f"{meter.speed:.0f}s/s")
                if trainer.steps % 20 == 0 or done == len(plan):
                    monitor.scalars({**meter.reset(), "train/lr": lr}, trainer.steps)
                if step.stop or step.save:
                    save(epoch, done)
                    saved = time.monotonic()
                if step.stop:
                    monitor.close()
                    if workers.rank == 0:
                        print(f"stopped and saved; go on with: {resume_command(workers.size)}", file=sys.stderr)
                    return 130
            first_step = 0
            last = epoch + 1 == args.epochs
            is_best = bool(dev.clips) and ((epoch + 1) % args.dev_step == 0 or last) and measure_dev(epoch + 1)
            save(epoch + 1, 0, is_best)
            saved = time.monotonic()
    monitor.close()
    return 0


def resume_command(workers: int) -> str:
    """The command that goes on with this run."""
    launch = ["horovodrun", "-np", str(workers)] if workers > 1 else []
    return shlex.join([*launch, "python", *sys.argv, *([] if "--load_model" in sys.argv else ["--load_model"])])


if __name__ == "__main__":
    raise SystemExit(main())

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

# ruff: noqa: E402  (torch reads the environment when it is imported)
from ramospeech import environment

environment.prepare()

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

import ramospeech
from ctc_decode import GreedyDecoder
from ramospeech import corpora, parallel
from ramospeech.augment import Chain, FrequencyWarp, SpecAugment, WaveAugment
from ramospeech.corpora.lists import write_text
from ramospeech.data import (
    Loader,
    Plan,
    Selection,
    dropped_table,
    epoch_plan,
    eval_plan,
    noise,
    padding_share,
    read_clips,
)
from ramospeech.errors import ModelError, TrainingError, UsageError, program
from ramospeech.model import AcousticModel, CtcObjective, ModelConfig, load_model, save_model, sizes_of_encoders
from ramospeech.settings import given
from ramospeech.text import Vocabulary
from ramospeech.training import (
    BATCH_SIZE,
    DevMetrics,
    Guard,
    Meter,
    Monitor,
    Stopper,
    Trainer,
    advice,
    check_options,
    choose_device,
    dev_sums,
    evaluate,
    learning_rate,
    load_state,
    options,
    parse_with_recipe,
    save_state,
    scaled,
    show_clips,
    tracked,
)

SHOWN_CLIPS, SHOWN_TIMES = 3, 20  # dev clips whose posteriors TensorBoard shows, and how often in a run


def build(args: Namespace, files: dict[str, Path]) -> tuple[AcousticModel, dict[str, Any] | None]:
    """The model of the options; with --load_model the saved one, and the state to resume from where there is one.

    Raises: ModelError: nothing to load, or a model of another shape than the options ask for.
    """
    config = ModelConfig(
        units=Vocabulary.inventory().units,
        architecture=args.model,
        features=args.features,
        normalise=args.normalise,
        share_parts=args.share_parts,
        **given(args, args.model, sizes_of_encoders()),
    )
    if not args.load_model:
        torch.manual_seed(args.seed)
        return AcousticModel(config), None
    state = load_state(files["state"]) if files["state"].exists() else None
    weights = files["last"] if state and files["last"].exists() else files["best"]
    model = load_model(weights)
    config = replace(config, units=model.config.units)  # a 1,215-unit model goes on as one
    if not config.matches(model.config):
        raise ModelError(
            f"{weights}: is a {model.config.describe()}, and the options ask for a {config.describe()}; give the same "
            "options, or another --model_name"
        )
    retrained = AcousticModel(config)
    retrained.load_state_dict(model.state_dict())
    return retrained, state


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels, none for biases and normalisation."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def augmentation(args: Namespace, model: AcousticModel) -> Chain:
    """Of the features, as the options ask."""
    warp = [FrequencyWarp(model.features.extract.frequencies, args.warp)] if args.warp else []
    return Chain([*warp, *([SpecAugment()] if args.spec_augment else [])])


def clip_weights(args: Namespace, lists: list[Path], train: Selection) -> list[float]:
    """How often each clip is to be seen in an epoch. Raises UsageError."""
    names = [path.name.removesuffix("_train.txt") for path in lists]
    weights = dict.fromkeys(names, 1.0)
    for word in args.weights or ():
        name, _, value = word.partition("=")
        try:
            weight = float(value)
        except ValueError:
            weight = -1.0
        if name not in weights or not 0 <= weight <= 100:
            raise UsageError(f"--weights {word}: write CORPUS=W, W from 0 to 100, CORPUS one of {', '.join(names)}")
        weights[name] = weight
    return [weights[names[source]] for source in train.sources]


@program
def main(argv: list[str] | None = None) -> int:
    args = parse_with_recipe(options(__doc__), argv)
    check_options(args)

    # Workers: the others of horovodrun, or alone. From here on an error of one is an error of all.
    workers = parallel.connect()
    device = workers.together(lambda: choose_device(args.gpu_rank, args.amp, args.threads, workers, args.device))
    folder = Path(args.model_path)
    kinds = {"best": ".safetensors", "last": ".last.safetensors", "state": ".state.pt", "config": ".json",
             "dropped": ".dropped.tsv"}  # fmt: skip
    files = {kind: folder / (args.model_name + ending) for kind, ending in kinds.items()}
    workers.agree("command line", {k: v for k, v in vars(args).items() if k != "threads"})

    # Model: rank 0's weights and optimiser state for all.
    model, state = workers.rank_0(partial(build, args, files))
    model.augment = chain = augmentation(args, model)
    model.ctc.objective = CtcObjective(args.loss, args.ace_weight, args.ace_ramp, args.smoothing, args.consistency)
    model.to(device)
    decoder = GreedyDecoder(model.vocabulary.units)

    # Data: rank 0 looks at the clips, all train on the same ones.
    lists = workers.together(
        lambda: {s: corpora.lists_of(args.data_type, s, args.config_path) for s in ("train", "dev")}
    )
    workers.agree("set of lists", [sha256(path.read_bytes()).hexdigest() for paths in lists.values() for path in paths])
    dev_limits = corpora.Limits(
        max_frames=model.max_frames, reduction=model.reduction, vocabulary=model.vocabulary, durations="list"
    )
    longest = min(args.max_window, model.max_frames or args.max_window)
    limits = replace(dev_limits, max_frames=longest, max_labels=args.max_seq_length)
    train, dev = workers.rank_0(
        lambda: (
            read_clips(
                lists["train"], args.data_root, limits, watch=partial(tracked, what="checking clips to train on")
            ),
            read_clips(lists["dev"], args.data_root, dev_limits, watch=partial(tracked, what="checking dev clips")),
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
    weights = workers.together(lambda: clip_weights(args, lists["train"], train))
    plan_of: Callable[..., Plan] = partial(epoch_plan, train.clips, weights, args.join, args.silence,
                                           args.max_seq_length, seed=args.seed, **shape)  # fmt: skip
    dev_plan = eval_plan(dev.seconds, rank=workers.rank, **shape)
    shown = next(dev_loader([list(range(min(SHOWN_CLIPS, len(dev.clips))))])).to(device)

    # Optimiser.
    optimizer = torch.optim.AdamW(parameter_groups(model, args.weight_decay), lr=args.lr, betas=(0.9, 0.98), fused=True)
    if args.sync_batchnorm:
        workers.synchronise_batch_norm(model)
    trainer = Trainer(model, optimizer, model.loss, workers, device, stand_in=noise(),
                      clip=args.clip, amp=args.amp, fp16_gradients=args.fp16_gradients, seed=args.seed,
                      average=args.average)  # fmt: skip
    guard = Guard(trainer)
    if state and state["epoch"] >= args.epochs:
        if workers.rank == 0:
            print(advice.on_finished(state["epoch"], args.epochs, "epochs"), file=sys.stderr)
        return 0
    first_epoch, first_step, best, worse = 0, 0, float("inf"), 0
    if state:
        trainer.load_state(state)
        first_epoch, first_step, best = state["epoch"], state["epoch_step"], state["best"]
        worse, guard.factor = state.get("worse", 0), state.get("lr_factor", 1.0)
        if state["workers"] != workers.size:  # the same part of the epoch, in this run's steps
            first_step = round(first_step * len(plan_of(epoch=first_epoch)) / state["epoch_steps"])

    # How long: steps differ a little between epochs, so the schedule counts those of all.
    epoch_steps = [len(plan_of(epoch=e)) for e in range(args.epochs)]
    total = sum(epoch_steps)
    peak, warmup = scaled(args.lr, workers.size, args.lr_scaling), max(1, min(args.warmup, total // 5))
    setting = json.dumps({**vars(args), "workers": workers.size, "version": ramospeech.__version__}, indent=1)
    workers.rank_0(lambda: write_text(files["config"], setting + "\n"))
    workers.rank_0(lambda: write_text(files["dropped"], dropped_table([train, dev])))
    monitor = Monitor(folder / "tensorboard" / args.model_name, workers.rank == 0, total, trainer.steps)
    monitor.say(f"{model.config.describe()}: {model.num_parameters:,} parameters on {device}, {workers.size} worker(s)")
    for name, part in (("train", train), ("dev", dev)):
        monitor.say(f"{name}: {part.describe()}")
    for line in (
        advice.on_batches(train.seconds, args.batch_seconds, args.batch_size)
        if args.batch_size != BATCH_SIZE
        else None,
        *advice.on_epochs(args.epochs, args.save_step, args.dev_step, bool(dev.clips)),
    ):
        if line:
            monitor.say(line)
    monitor.say(f"TensorBoard: tensorboard --logdir {folder / 'tensorboard'}")
    monitor.text("config", f"```\n{setting}\n```", trainer.steps)

    def save(epoch: int, epoch_step: int, is_best: bool = False) -> None:
        """All workers: make the statistics one; rank 0: write the models (averaged, if asked for) and the state."""
        keep = args.save_step and epoch_step == 0 and epoch % args.save_step == 0

        def write_models() -> None:
            summary = {"steps": trainer.steps, "epoch": epoch, "dev_ser": best, "hours": sum(train.seconds) / 3600,
                       "options": vars(args), "workers": workers.size}  # fmt: skip
            save_model(model, files["last"], summary)
            if is_best or not dev.clips:
                save_model(model, files["best"], summary)
            if keep:
                save_model(model, folder / f"{args.model_name}.epoch{epoch}.safetensors", summary)

        with trainer.averaged():
            workers.average_batch_norm(model)
            workers.rank_0(write_models)
        workers.average_batch_norm(model)
        position = {"epoch": epoch, "epoch_step": epoch_step, "best": best, "workers": workers.size, "worse": worse,
                    "lr_factor": guard.factor,
                    "epoch_steps": epoch_steps[min(epoch, args.epochs - 1)]}  # fmt: skip
        workers.rank_0(lambda: save_state(files["state"], {**trainer.state(), **position}))

    def measure_dev(epoch: int) -> bool:
        """Dev loss and SER; returns whether this is the best model yet."""
        nonlocal best, worse
        measure = partial(dev_sums, model, decoder)
        with trainer.averaged():
            workers.average_batch_norm(model)
            sums = evaluate(model, dev_loader(dev_plan), measure, workers, device)
        metrics = DevMetrics(*sums)
        ser = metrics.ser
        values = {"dev/loss": metrics.loss, "dev/ser": ser, "dev/ser_toneless": metrics.ser_toneless}
        monitor.scalars(values, trainer.steps)
        if len(shown) and workers.rank == 0 and epoch % -(-args.epochs // SHOWN_TIMES) == 0:
            show_clips(monitor, model, shown, decoder, trainer.steps)
        monitor.say(f"epoch {epoch}: {metrics.describe()}")
        if metrics.all_blank:
            monitor.say(advice.on_blank(trainer.steps))
        monitor.note(last_dev_ser=f"{ser:.1%}")
        better, best = ser < best, min(ser, best)
        worse = 0 if better else worse + 1
        return better

    # The loop.
    meter, saved = Meter(), time.monotonic()
    reported: set[str] = set()
    moved, skipped, first = 0, 0, trainer.steps
    with Stopper().listening() as stopper:
        for epoch in range(first_epoch, args.epochs):
            plan = plan_of(epoch=epoch)
            if epoch == first_epoch:
                monitor.say(f"epoch of {len(plan)} steps, padding {padding_share(train.seconds, plan):.1%}")
            mine = [step[workers.rank] for step in plan]
            for done, batch in enumerate(train_loader(mine[first_step:], epoch), first_step + 1):
                lr = guard.factor * learning_rate(trainer.steps, peak, warmup, total, args.schedule)
                wish = workers.rank == 0 and time.monotonic() - saved > 60 * args.save_minutes
                chain.strength = min(1.0, trainer.steps / max(1.0, args.augment_ramp * total))
                step = trainer.step(batch, lr, stop=stopper.wanted, save=wish)
                meter.add(step)
                moved, skipped = moved + step.taken, skipped + step.skipped
                if news := guard.watch(step):
                    monitor.say(news)
                for message in set(batch.unreadable) - reported:
                    reported.add(message)
                    monitor.say(f"worker {workers.rank}: left out: {message}", everywhere=True)
                monitor.progress(loss=f"{step.loss:.3f}", lr=f"{lr:.1e}", audio=f"{meter.speed:.0f}s/s")
                if trainer.steps % 20 == 0 or done == len(plan):
                    monitor.scalars({**meter.reset(), "train/lr": lr}, trainer.steps)
                if step.stop or step.save:
                    save(epoch, done)
                    saved = time.monotonic()
                if step.stop:
                    monitor.close()
                    if workers.rank == 0:
                        print(f"stopped and saved; go on with: {advice.resume_command(workers.size)}", file=sys.stderr)
                    return 130
            if not moved and trainer.steps > first:
                raise TrainingError(
                    f"epoch {epoch + 1} trained on nothing: {len(reported)} of its clips could not be read on worker "
                    f"{workers.rank}, {skipped} had no finite loss. Nothing was saved; try a lower --lr or --amp no, "
                    "and look at the recordings that are named above"
                )
            first_step = 0
            last = epoch + 1 == args.epochs
            is_best = bool(dev.clips) and ((epoch + 1) % args.dev_step == 0 or last) and measure_dev(epoch + 1)
            save(epoch + 1, 0, is_best)
            saved = time.monotonic()
            if args.patience and worse >= args.patience:
                monitor.say(f"epoch {epoch + 1}: no better on dev {worse} times in a row (--patience): the end")
                break
    monitor.close()
    unread = {message for messages in workers.gather(sorted(reported)) for message in messages}
    if workers.rank == 0:
        print(f"trained on {train.describe()}", file=sys.stderr)
        if unread or skipped:
            print(
                f"in training {len(unread)} could not be read, {skipped} times a clip had no finite loss",
                file=sys.stderr,
            )
        what = f"dev SER {best:.2%}, the best" if dev.clips else "of the last step; there are no dev clips"
        own = f"python speech2text.py --model {files['best']} RECORDING"
        print(advice.on_model(files["best"], what, own), file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

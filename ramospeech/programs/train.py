"""Train an acoustic model: lists of recordings -> batches -> encoder -> CTC and ACE -> weights.

    ramospeech train --data_type aishell                                  one process, CPU or GPU
    horovodrun -np 4 ramospeech train --data_type aishell                 four, on this host's GPUs
    horovodrun -np 8 -H a:4,b:4 ramospeech train --data_type aishell      eight, on two hosts
    torchrun --nproc_per_node 4 train.py --data_type aishell              four, by torch.distributed instead
    ramospeech train --data_type aishell --workers auto                   one for each GPU of this host
    ramospeech train --data_type aishell --load_model                     resume where the last run ended
    ramospeech train --data_type mine --init_from accurate                fine-tune the shipped model

Reads top to bottom: options, workers, model, data, loop. Writes to --model_path: NAME.safetensors (the best
model on the dev lists), NAME.last.safetensors, NAME.state.pt (to resume), NAME.json (the configuration),
NAME.log (its lines), NAME.metrics.jsonl (its curves), NAME.dropped.tsv (clips left out, with the reason),
NAME.trace.json (with --profile) and tensorboard/NAME.
"""

import argparse
import sys
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from ramospeech import parallel
from ramospeech.audio import cache_shards
from ramospeech.corpora.lists import write_text
from ramospeech.data import dropped_table, dummy_batch
from ramospeech.errors import program
from ramospeech.model import AcousticModel, Teacher
from ramospeech.training import (
    Batches,
    Checkpoints,
    EvalBatches,
    Evaluation,
    ModelWriter,
    Monitor,
    Profiler,
    Progress,
    Run,
    RunLog,
    TrainBatches,
    Trainer,
    WindowTraining,
    advice,
    check_gradients,
    check_options,
    choose_device,
    folder_of,
    keep_near_start,
    lists_of,
    make_optimizer,
    move_towards_start,
    new_or_resumed,
    options,
    parse_with_recipe,
    prepare,
    processes_to_start,
    rate_of_run,
    read_sets,
    records_of,
    settle_batch_seconds,
    teacher_of,
    use_devices,
    write_setting,
)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the options, with those of --recipe."""
    return parse_with_recipe(options(__doc__), argv)


@program
def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    check_options(args)
    use_devices(args.device_ids)
    if (number := processes_to_start(args.workers)) > 1:
        return parallel.launch(number, ["train", *(sys.argv[1:] if argv is None else argv)])
    # Workers: the others of horovodrun or torchrun, or none. From here on an error of one is an error of all.
    return parallel.run(partial(train_with, args), args.elastic)


def train_with(given: argparse.Namespace, workers: parallel.Workers) -> int:
    """Train as the options say; `given` then says to resume, for when the workers of an elastic run change."""
    args = copy(given)
    if args.elastic:  # a worker that joins does as those that are there
        chosen = args.load_model, args.model_path, args.dated
        args.load_model, args.model_path, args.dated = workers.broadcast_object(chosen)
    check_gradients(args.gradients, workers)
    device = workers.run_or_fail_together(
        lambda: choose_device(args.gpu_rank, args.amp, args.threads, workers, args.device)
    )
    workers.check_same("command line", {name: value for name, value in vars(args).items() if name != "threads"})
    run = folder_of(args, workers)
    given.model_path, given.dated = str(run.path), False  # where an elastic run continues
    lists = workers.run_or_fail_together(lambda: lists_of(args))

    # Model: rank 0's weights and training state for all.
    model, state = workers.broadcast_from_rank_0(lambda: new_or_resumed(args, run, lists[0]))
    prepare(model, args)
    teacher = workers.run_or_fail_together(lambda: teacher_of(args, model, device))
    if line := settle_batch_seconds(args, model, workers, device, run):
        advice.say(line, workers.rank)
    if args.fits:
        return 0
    batches_per_step = workers.size * args.accumulate
    progress = Progress.of(state, workers.size) if state else Progress(group=batches_per_step)
    if state and progress.epoch >= args.epochs:
        advice.say(advice.on_finished(progress.epoch, args.epochs, "epochs"), workers.rank)
        return 0

    # Data: rank 0 checks the clips, all workers train on the same ones.
    cache_shards(args.shard_cache, args.shard_cache_gb)
    train, dev = read_sets(args, lists, model, workers)
    windows = WindowTraining(args, lists[0], train, model, workers, device, progress) if args.windows else None
    if windows and state:
        windows.leave_out(state["left_out"])
    train_batches = windows or TrainBatches(args, lists[0], train, model, workers, progress.group)
    dev_batches = EvalBatches(args, dev, model, workers)

    model.to(device)
    trainer = _trainer(args, model, teacher, workers, device, state)

    # What is written and said.
    setting = write_setting(run, args, workers)
    workers.broadcast_from_rank_0(lambda: write_text(run.dropped, dropped_table([train, dev])))
    log = RunLog(run.log if workers.rank == 0 else None, append=state is not None)
    records = workers.run_or_fail_together(
        lambda: records_of(run.metrics, args.track, vars(args), trainer.steps, log.say) if workers.rank == 0 else []
    )
    monitor = Monitor(run.events, workers.rank == 0, 0, trainer.steps, log, records, args.print_every)
    described = teacher.describe(train.seconds) if teacher else ()
    for line in (*advice.on_start(args, model, device, workers.size, train, dev, run.events.parent), *described):
        monitor.say(line)
    monitor.text("config", f"```\n{setting}\n```", trainer.steps)
    writer = ModelWriter(run, model, trainer, progress, args, bool(dev.clips), sum(train.seconds) / 3600)
    extra = {"left_out": windows.left_out} if windows else {}
    checkpoints = Checkpoints(run.state, trainer, progress, workers, writer, extra, minutes=args.save_minutes,
                              saved=lambda: setattr(given, "load_model", True))  # fmt: skip
    evaluation = Evaluation(model, trainer, dev_batches, monitor, progress, args)
    evaluation.measure_start(checkpoints)

    def evaluate(epoch: int) -> float | None:
        if windows and windows.due(epoch):
            worst = windows.drop_worst(trainer, monitor)
            table = dropped_table([replace(train, dropped=[*train.dropped, *worst]), dev])
            workers.broadcast_from_rank_0(lambda: write_text(run.dropped, table))
        return evaluation(epoch)

    batches: Batches = train_batches
    profiler = None
    if args.profile and workers.rank == 0:
        profiler = Profiler(args.profile, run.trace, model, device, monitor.say)
        trainer.timed, batches = profiler.timed, profiler.over(batches)
    rate = rate_of_run(args, batches_per_step, progress)
    loop = Run(trainer, progress, args.epochs, batches, rate, evaluate,
               checkpoints, monitor, patience=args.patience, record_every=args.save_result_every,
               keep_every=args.checkpoint_every, accumulate=args.accumulate, augment=model.augment,
               ramp=args.augment_ramp)  # fmt: skip
    if not loop.fit():
        return 130
    if args.init_from and dev.clips:
        move_towards_start(args, run, evaluation, writer, workers)
    unreadable = workers.all_gather_object(loop.unreadable)
    if profiler:
        profiler.close()
    monitor.close()
    for line in advice.on_end(run, args.save_step, train, bool(dev.clips), progress, unreadable, loop.skipped,
                              model.units.metrics[0].title):  # fmt: skip
        monitor.say(line)
    return 0


def _trainer(
    args: argparse.Namespace,
    model: AcousticModel,
    teacher: Teacher | None,
    workers: parallel.Workers,
    device: torch.device,
    state: dict[str, Any] | None,
) -> Trainer:
    """Return what takes the steps, with the optimiser, as far as `state` is."""
    if args.sync_batchnorm:
        workers.synchronise_batch_norm(model)
    optimizer = keep_near_start(args, make_optimizer(model, args), model, workers)
    trainer = Trainer(model, optimizer, partial(model.loss, teacher=teacher), workers, device, dummy_batch(),
                      clip=args.clip, amp=args.amp, gradients=args.gradients, seed=args.seed,
                      average=args.average, loss_scale=args.loss_scale)  # fmt: skip
    if state:
        trainer.load_state(state)
    return trainer

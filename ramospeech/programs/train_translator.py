"""Train a seq2seq translator from pinyin to hanzi, or the language model of the second pass, on plain hanzi text.

    ramospeech train_translator TEXT...                                     one process, CPU or GPU
    horovodrun -np 4 ramospeech train_translator TEXT... laws.txt.gz=0.1    four; uses a tenth of laws.txt.gz per pass
    ramospeech train_translator TEXT... --load_model                        resume where the last run ended
    ramospeech train_translator TEXT... --label all.corpus                  label the text once, with all cores ...
    ramospeech train_translator all.corpus --amp bf16                       ... and train without waiting for pinyin
    ramospeech train_translator TEXT... --kind causal --amp bf16            the language model of the second pass

The characters and their readings are those of an n-gram model (--ngram), which the search then uses as well.
Writes to --model_path: NAME.safetensors (the best on --dev, otherwise the last), NAME.state.pt (to resume), NAME.json
(the configuration), NAME.log (its lines) and tensorboard/NAME.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from ramospeech import parallel
from ramospeech.cli import Parser, count, count_or_0, few, fraction, peak_rate, positive, seed, transcribing
from ramospeech.errors import ModelError, UsageError, program
from ramospeech.programs.translator_text import label, open_text, steps_of
from ramospeech.training import (
    Checkpoints,
    Meter,
    Monitor,
    Progress,
    Run,
    RunFolder,
    RunLog,
    Trainer,
    advice,
    choose_device,
    learning_rate,
    load_state,
    scaled,
    write_setting,
)
from ramospeech.translate import ngram_path
from ramospeech.translate.channel import Channel
from ramospeech.translate.error_model import Syllables
from ramospeech.translate.ngram import NgramModel
from ramospeech.translate.ngram import file as ngram_file
from ramospeech.translate.seq2seq import file as seq2seq_file
from ramospeech.translate.seq2seq.causal import CausalConfig, CausalTransformer
from ramospeech.translate.seq2seq.dataset import PinyinLabeller, TextBatch
from ramospeech.translate.seq2seq.dev import DevSet, dev_rates, perplexity, read_dev
from ramospeech.translate.seq2seq.file import Network
from ramospeech.translate.seq2seq.model import Seq2Seq, Seq2SeqConfig
from ramospeech.translate.seq2seq.objective import causal_loss, training_loss, whole_loss
from ramospeech.translate.seq2seq.transformer import Transformer, TransformerConfig
from ramospeech.translate.seq2seq.windows import WindowStream

# Their usual width and layers, and the loss.
NETWORKS: dict[str, tuple[int, int, Any]] = {
    "transformer": (256, 6, whole_loss),
    "lstm": (192, 2, training_loss),
    "causal": (320, 4, causal_loss),
}
HEAD_WIDTH = 64  # of the heads of a causal network


def options() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = Parser(
        {"--clip": "--max_grad_norm"}, description=__doc__.split("\n\n")[0], epilog=__doc__.split("\n\n", 1)[1]
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "texts",
        nargs="+",
        metavar="TEXT",
        help="plain or gzip, one sentence per line; TEXT=0.1: a tenth; or FILE.corpus",
    )
    data.add_argument("--label", type=Path, metavar="FILE.corpus", help="write the labelled text there, and end")
    data.add_argument("--exclude", nargs="+", type=Path, default=[], metavar="FILE", help="sentences to leave out")
    data.add_argument("--dev", type=Path, metavar="FILE", help="lines that end in pinyin<TAB>hanzi, to pick the best")
    data.add_argument("--dev_lines", type=count, default=1000, help="number of dev lines, evenly spread")
    data.add_argument("--ngram", type=Path, default=ngram_path(), help="n-gram model: characters and readings")
    data.add_argument("--batch_characters", type=count, default=6000, help="characters per batch and worker")

    model = parser.add_argument_group("model")
    model.add_argument("--model_path", default="runs", help="folder of the model")
    model.add_argument("--model_name", default="translator", help="name of the model's files")
    model.add_argument("--load_model", action="store_true", help="resume the run of that name")
    model.add_argument(
        "--kind",
        "--network",  # the name of before, which horovodrun takes for the start of an option of its own
        dest="network",
        choices=tuple(NETWORKS),
        default="transformer",
        help="kind of network; lstm is that of 0.1; causal: the language model of the second pass",
    )
    model.add_argument(
        "--width", type=count, help="size of embeddings and layers (default: 256; lstm: 192; causal: 320)"
    )
    model.add_argument("--layers", type=few, help="layers of the encoder (default: 6; lstm: 2; causal: 4)")
    model.add_argument("--decoder", type=count, default=320, help="lstm: cells of the decoder")
    model.add_argument("--dropout", type=fraction, default=0.1, help="dropout rate between layers")

    optimiser = parser.add_argument_group("optimiser (AdamW)")
    optimiser.add_argument("--steps", type=count, default=20_000, help="training steps; the text is repeated as needed")
    optimiser.add_argument("--lr", type=peak_rate, default=2e-3, help="peak learning rate of one worker")
    optimiser.add_argument("--warmup", type=count, default=300, help="steps of linear warm-up")
    optimiser.add_argument(
        "--max_grad_norm", dest="clip", metavar="NORM", type=positive, default=1.0, help="largest gradient norm"
    )
    optimiser.add_argument("--seed", type=seed, default=1, help="random seed")

    machine = parser.add_argument_group("machine")
    machine.add_argument("--gpu_rank", type=count_or_0, help="GPUs to use on each host (0: the CPU; default: all)")
    machine.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1 or mps (default: what --gpu_rank says)")
    machine.add_argument("--amp", choices=("no", "bf16", "fp16"), default="no", help="mixed precision")
    machine.add_argument(
        "--threads", type=few, help="CPU threads of a worker (default: OMP_NUM_THREADS, or its part of the cores)"
    )
    machine.add_argument("--dev_step", type=count, default=500, help="measure --dev and save every N steps")
    return parser


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    return options().parse_args(argv)


def dev_perplexity(
    network: CausalTransformer, characters: str, dev: DevSet, monitor: Monitor, trainer: Trainer
) -> float:
    """Return the perplexity of the dev sentences; logs it."""
    found = perplexity(network.cpu(), characters, dev[1])
    network.to(trainer.device)
    monitor.scalars({"dev/perplexity": found}, trainer.steps)
    monitor.say(f"step {trainer.steps}: dev perplexity {found:.2f} per character on {len(dev[0])} sentences")
    return found


def dev_cer(
    network: Seq2Seq | Transformer, ngram: NgramModel, dev: DevSet, seed: int, monitor: Monitor, trainer: Trainer
) -> float:
    """Return the CER of the network alone: the mean of clean and noisy sentences; logs both."""
    rates = dev_rates(network.cpu(), ngram, dev, seed)
    network.to(trainer.device)
    monitor.scalars({f"dev/cer_{name}": rate for name, rate in rates.items()}, trainer.steps)
    shown = ", ".join(f"{100 * rate:.2f}% {name}" for name, rate in rates.items())
    monitor.say(f"step {trainer.steps}: dev CER {shown} on {len(dev[0])} sentences, greedy, no n-gram")
    return sum(rates.values()) / len(rates)


def translator_progress(state: dict, dev_step: int, workers: int) -> Progress:
    """Return how far a training state is, in steps between measurements, which may be others than before."""
    progress = Progress.of(state, workers)
    epoch, done = divmod(state["steps"], dev_step)
    return replace(progress, epoch=epoch, batches=done * workers)


def build(args: argparse.Namespace, characters: str, run: RunFolder) -> tuple[Network, dict | None]:
    """Return the network of the options, and with --load_model the state to resume from; raises ModelError."""
    usual = NETWORKS[args.network]
    width, layers = args.width or usual[0], args.layers or usual[1]
    sizes = len(Syllables()), len(characters), width, layers
    torch.manual_seed(args.seed)
    network: Network
    if args.network == "lstm":
        network = Seq2Seq(Seq2SeqConfig(*sizes, args.decoder, args.dropout))
    elif args.network == "causal":
        if width % HEAD_WIDTH:
            raise UsageError(f"--width {width}: has heads of {HEAD_WIDTH}; give a multiple of it")
        network = CausalTransformer(
            CausalConfig(len(characters), width, layers, width // HEAD_WIDTH, 4 * width, args.dropout)
        )
    elif width % 8:
        raise UsageError(f"--width {width}: has 4 heads of an even size; give a multiple of 8")
    else:
        network = Transformer(TransformerConfig(*sizes, inner=4 * width, dropout=args.dropout))
    if not args.load_model:
        return network, None
    state = load_state(run.state)
    if state["characters"] != characters or state["shapes"] != [list(p.shape) for p in network.parameters()]:
        raise ModelError(f"{run.state}: is of another --ngram or other sizes; give the same options")
    return network, state


@program
def main(argv: list[str] | None = None) -> int:
    args = parse(argv)

    # Workers, model.
    workers = parallel.connect()
    device = workers.run_or_fail_together(
        lambda: choose_device(args.gpu_rank, args.amp, args.threads, workers, args.device)
    )
    workers.check_same("command line", {k: str(v) for k, v in vars(args).items() if k != "threads"})
    run = RunFolder(Path(args.model_path), args.model_name)
    ngram = workers.run_or_fail_together(lambda: ngram_file.read(args.ngram))
    if args.label:
        label(args, ngram.characters)
        return 0
    network, state = workers.broadcast_from_rank_0(partial(build, args, ngram.characters, run))
    network.to(device)

    # Data: every worker streams the same sentences and takes its share.
    stream, left_out = open_text(args, ngram.characters, workers)
    observed = torch.from_numpy(Channel(ngram.lexicon, ngram.unigram).table())
    labeller = stream if isinstance(stream, WindowStream) else PinyinLabeller(ngram.characters, ngram.lexicon)
    dev = workers.run_or_fail_together(lambda: read_dev(args.dev, args.dev_lines) if args.dev else None)
    dummy_batch = TextBatch(torch.ones(1, 2, dtype=torch.int64), torch.ones(1, 2, dtype=torch.int64))

    # Optimiser.
    loss = NETWORKS[args.network][2]
    optimizer = torch.optim.AdamW(network.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=1e-2, fused=True)
    trainer = Trainer(network, optimizer, partial(loss, network, observed.to(device)), workers, device,
                      dummy_batch, clip=args.clip, amp=args.amp, seed=args.seed)  # fmt: skip
    progress = Progress(group=workers.size)
    if state:
        trainer.load_state(state)
        progress = translator_progress(state, args.dev_step, workers.size)
        if trainer.steps >= args.steps:
            advice.say(advice.on_finished(trainer.steps, args.steps, "steps"), workers.rank)
            return 0

    # Outputs.
    setting = write_setting(run, args, workers)
    log = RunLog(run.log if workers.rank == 0 else None, append=state is not None)
    monitor = Monitor(run.events, workers.rank == 0, args.steps, trainer.steps, log)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    monitor.say(
        f"{args.network}, {parameters:,} parameters on {device}, {workers.size} worker(s), {len(args.texts)} text(s)"
    )
    monitor.say(f"{left_out} lines are sentences of --exclude and are left out")
    monitor.say(f"TensorBoard: tensorboard --logdir {run.events.parent}")
    monitor.text("config", f"```\n{setting}\n```", trainer.steps)

    measure = "dev_perplexity" if isinstance(network, CausalTransformer) else "dev_cer"

    def write_models(best: bool) -> None:
        if best or not dev:
            training = {"steps": trainer.steps, measure: progress.best, "options": json.loads(setting)}
            seq2seq_file.write(run.best, network, ngram.characters, training)

    shapes = [list(parameter.shape) for parameter in network.parameters()]
    extra = {"characters": ngram.characters, "shapes": shapes}
    checkpoints = Checkpoints(run.state, trainer, progress, workers, write_models, extra)
    peak, warmup = scaled(args.lr, workers.size, "sqrt"), min(args.warmup, max(1, args.steps // 5))

    def batches(epoch: int, taken: int) -> tuple[int, Iterator[TextBatch]]:
        """Return the batches of an epoch, which is the steps up to the next measurement."""
        steps = min(args.dev_step, args.steps - epoch * args.dev_step)
        left = steps - taken // workers.size
        return steps, islice(steps_of(stream, labeller, workers, args.seed, progress.consumed), left)

    def rate(epoch: int, done: int, _: int) -> float:
        return learning_rate(epoch * args.dev_step + done, peak, warmup, args.steps)

    def measured(sentences: DevSet) -> float:
        if isinstance(network, CausalTransformer):
            return dev_perplexity(network, ngram.characters, sentences, monitor, trainer)
        return dev_cer(network, ngram, sentences, args.seed, monitor, trainer)

    def evaluate(_: int) -> float | None:
        return workers.broadcast_from_rank_0(lambda: measured(dev)) if dev else None

    loop = Run(trainer, progress, -(-args.steps // args.dev_step), batches, rate, evaluate, checkpoints, monitor,
               meter=Meter("speed/characters_per_second", "text", "/s", ("train/million_characters", 1e6)))  # fmt: skip
    if not loop.fit():
        return 130
    monitor.close()
    best = f"dev perplexity {progress.best:.2f}" if measure == "dev_perplexity" else f"mean dev CER {progress.best:.2%}"
    what = f"{best}, the best" if dev else "of the last step; there is no --dev"
    monitor.say(advice.on_model(run.best, what, f"{transcribing()} --translator {run.best} RECORDING"))
    return 0

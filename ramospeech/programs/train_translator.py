"""Train a seq2seq translator from pinyin to hanzi on plain hanzi text.

    ramospeech train_translator TEXT...                                     one process, CPU or GPU
    horovodrun -np 4 ramospeech train_translator TEXT... laws.txt.gz=0.1    four; uses a tenth of laws.txt.gz per pass
    ramospeech train_translator TEXT... --load_model                        resume where the last run ended

The characters and their readings are those of an n-gram model (--ngram), which the search then uses as well.
Writes to --model_path: NAME.safetensors (the best on --dev, otherwise the last), NAME.state.pt (to resume), NAME.json
(the configuration), NAME.log (its lines) and tensorboard/NAME.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import count as counting
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from ramospeech import parallel
from ramospeech.cli import Parser, count, count_or_0, few, fraction, peak_rate, positive, seed, transcribing
from ramospeech.errors import ListError, ModelError, TrainingError, program
from ramospeech.lm.text import TextFile, excluded
from ramospeech.score import cer
from ramospeech.text import pinyin
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
from ramospeech.translate import Seq2SeqTranslator, ngram_path
from ramospeech.translate.channel import Channel
from ramospeech.translate.error_model import Noise, Syllables
from ramospeech.translate.ngram import NgramModel
from ramospeech.translate.ngram import file as ngram_file
from ramospeech.translate.seq2seq import file as seq2seq_file
from ramospeech.translate.seq2seq.dataset import PinyinLabeller, TextBatch, TextStream
from ramospeech.translate.seq2seq.model import Seq2Seq, Seq2SeqConfig
from ramospeech.translate.seq2seq.objective import training_loss

DEV_NOISE = 0.1  # of the syllables of the noisy copy of the dev sentences


def options() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = Parser(description=__doc__.split("\n\n")[0], epilog=__doc__.split("\n\n", 1)[1])
    data = parser.add_argument_group("data")
    data.add_argument(
        "texts", nargs="+", metavar="TEXT", help="plain or gzip, one sentence per line; TEXT=0.1: a tenth"
    )
    data.add_argument("--exclude", nargs="+", type=Path, default=[], metavar="FILE", help="sentences to leave out")
    data.add_argument("--dev", type=Path, metavar="FILE", help="lines that end in pinyin<TAB>hanzi, to pick the best")
    data.add_argument("--dev_lines", type=count, default=1000, help="number of dev lines, evenly spread")
    data.add_argument("--ngram", type=Path, default=ngram_path(), help="n-gram model: characters and readings")
    data.add_argument("--batch_characters", type=count, default=6000, help="characters per batch and worker")

    model = parser.add_argument_group("model")
    model.add_argument("--model_path", default="runs", help="folder of the model")
    model.add_argument("--model_name", default="translator", help="name of the model's files")
    model.add_argument("--load_model", action="store_true", help="resume the run of that name")
    model.add_argument("--width", type=count, default=192, help="size of embeddings and per direction of the encoder")
    model.add_argument("--layers", type=few, default=2, help="layers of the encoder")
    model.add_argument("--decoder", type=count, default=320, help="cells of the decoder")
    model.add_argument("--dropout", type=fraction, default=0.1, help="dropout rate between layers")

    optimiser = parser.add_argument_group("optimiser (AdamW)")
    optimiser.add_argument("--steps", type=count, default=20_000, help="training steps; the text is repeated as needed")
    optimiser.add_argument("--lr", type=peak_rate, default=2e-3, help="peak learning rate of one worker")
    optimiser.add_argument("--warmup", type=count, default=300, help="steps of linear warm-up")
    optimiser.add_argument("--clip", type=positive, default=1.0, help="maximum gradient norm")
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


def read_dev(path: Path, most: int) -> tuple[list[list[str]], list[str]]:
    """Return syllables and hanzi of at most `most` lines, evenly spread; raises ListError, which names the line."""
    lines = list(enumerate(TextFile(path).lines(), 1))
    sentences, references = [], []
    for line_number, line in lines[:: max(1, len(lines) // most)][:most]:
        columns = line.split("\t")
        pair = columns[1:3] if len(columns) > 2 else columns
        if len(pair) != 2:
            raise ListError(f"{path}:{line_number}: {len(columns)} columns; give pinyin<TAB>hanzi, or a list of clips")
        sentences.append(pinyin.parse(pair[0]))
        references.append(pair[1].strip())
    return sentences, references


def corrupted(sentences: list[list[str]], seed: int) -> list[list[str]]:
    """Return the sentences with DEV_NOISE of their syllables corrupted."""
    syllables, rng = Syllables(), np.random.default_rng(seed)
    noise, result = Noise(syllables), []
    for sentence in sentences:
        ids = np.array([syllables.ids(sentence)])
        observed = noise.corrupt(ids, np.array([DEV_NOISE]), rng)[0].tolist()
        result.append([syllables.name(observed_id) for observed_id in observed])
    return result


def steps_of(
    stream: TextStream, labeller: PinyinLabeller, workers: parallel.Workers, seed: int, consumed: int
) -> Iterator[TextBatch]:
    """Yield this worker's batches without end, after those that all workers have `consumed` since the run began."""

    def lists() -> Iterator[list[str]]:
        for epoch in counting():
            number = 0
            for sentences in stream.batches(epoch):
                number += 1
                yield sentences
            if not number:
                raise TrainingError("the text has no sentences of hanzi; give text with one per line")

    mine = islice(enumerate(lists()), consumed + workers.rank, None, workers.size)
    for number, sentences in mine:
        yield labeller.batch(sentences, np.random.default_rng((seed, number // workers.size, number % workers.size)))


def dev_cer(
    network: Seq2Seq,
    ngram: NgramModel,
    dev: tuple[list[list[str]], list[str]],
    seed: int,
    monitor: Monitor,
    trainer: Trainer,
) -> float:
    """CER of greedy search without the n-gram model: the mean of clean and noisy sentences; logs both."""
    sentences, references = dev
    network.eval()
    translator = Seq2SeqTranslator(network.cpu(), ngram, beam=1, ngram_weight=0.0)
    rates = {}
    for name, observed in (("clean", sentences), ("noisy", corrupted(sentences, seed))):
        texts = [found[0].hanzi for found in translator.translate_batch(observed)]
        rates[f"dev/cer_{name}"] = cer(references, texts).rate
    network.to(trainer.device)
    monitor.scalars(rates, trainer.steps)
    shown = ", ".join(f"{100 * rate:.2f}% {name.removeprefix('dev/cer_')}" for name, rate in rates.items())
    monitor.say(f"step {trainer.steps}: dev CER {shown} on {len(sentences)} sentences, greedy, no n-gram")
    return sum(rates.values()) / len(rates)


def translator_progress(state: dict, dev_step: int, workers: int) -> Progress:
    """Return how far a training state is, in steps between measurements, which may be others than before."""
    progress = Progress.of(state, workers)
    epoch, done = divmod(state["steps"], dev_step)
    return replace(progress, epoch=epoch, batches=done * workers)


def build(args: argparse.Namespace, characters: str, run: RunFolder) -> tuple[Seq2Seq, dict | None]:
    """Return the network of the options, and with --load_model the state to resume from; raises ModelError."""
    config = Seq2SeqConfig(len(Syllables()), len(characters), args.width, args.layers, args.decoder, args.dropout)
    torch.manual_seed(args.seed)
    network = Seq2Seq(config)
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
    network, state = workers.broadcast_from_rank_0(partial(build, args, ngram.characters, run))
    network.to(device)

    # Data: every worker streams the same sentences and takes its share.
    texts = [TextFile.parse(argument) for argument in args.texts]
    workers.run_or_fail_together(lambda: [next(text.lines(), None) for text in texts])
    exclude = workers.run_or_fail_together(lambda: excluded(args.exclude))
    stream = TextStream(texts, ngram.characters, args.batch_characters, args.seed, exclude)
    left_out = workers.broadcast_from_rank_0(
        lambda: sum(line in exclude for text in texts for line in text.lines()) if exclude else 0
    )
    observed = torch.from_numpy(Channel(ngram.lexicon, ngram.unigram).table())
    labeller = PinyinLabeller(ngram.characters, ngram.lexicon)
    dev = workers.run_or_fail_together(lambda: read_dev(args.dev, args.dev_lines) if args.dev else None)
    dummy_batch = TextBatch(torch.ones(1, 2, dtype=torch.int64), torch.ones(1, 2, dtype=torch.int64))

    # Optimiser.
    optimizer = torch.optim.AdamW(network.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=1e-2, fused=True)
    trainer = Trainer(network, optimizer, partial(training_loss, network, observed.to(device)), workers, device,
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
    monitor.say(f"seq2seq, {parameters:,} parameters on {device}, {workers.size} worker(s), {len(texts)} text(s)")
    monitor.say(f"{left_out} lines are sentences of --exclude and are left out")
    monitor.say(f"TensorBoard: tensorboard --logdir {run.events.parent}")
    monitor.text("config", f"```\n{setting}\n```", trainer.steps)

    def write_models(best: bool) -> None:
        if best or not dev:
            training = {"steps": trainer.steps, "dev_cer": progress.best, "options": json.loads(setting)}
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

    def evaluate(_: int) -> float | None:
        return (
            workers.broadcast_from_rank_0(lambda: dev_cer(network, ngram, dev, args.seed, monitor, trainer))
            if dev
            else None
        )

    loop = Run(trainer, progress, -(-args.steps // args.dev_step), batches, rate, evaluate, checkpoints, monitor,
               meter=Meter("speed/characters_per_second", "text", "/s", ("train/million_characters", 1e6)))  # fmt: skip
    if not loop.fit():
        return 130
    monitor.close()
    what = f"mean dev CER {progress.best:.2%}, the best" if dev else "of the last step; there is no --dev"
    monitor.say(advice.on_model(run.best, what, f"{transcribing()} --translator {run.best} RECORDING"))
    return 0

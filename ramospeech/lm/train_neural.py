"""Train a neural language model: `ramospeech train_neural_lm TEXT... --output lm.safetensors`.

Text is as for `ramospeech lm`: lists of utterances, or lines of text in UTF-8, plain or gzip, read as the units say.
Lines that give no unit are skipped and counted. The same text, options and --seed give the same model.
"""

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from ramospeech import settings
from ramospeech.cli import Parser, count, number
from ramospeech.errors import ListError, ModelError, RamospeechError, TrainingError, UnitError, UsageError, program
from ramospeech.lm.neural import LmSizes, NeuralLm, save_neural_lm
from ramospeech.lm.text import TextFile
from ramospeech.model import load_model
from ramospeech.model.pretrained import model_path
from ramospeech.text import Vocabulary, hanzi
from ramospeech.text.units import UNITS, Units, units_named, vocabulary_of
from ramospeech.training.checkpoint import save_state

LARGEST_GRADIENT = 1.0
OWNERS = {"neural LM": LmSizes}


@dataclass
class Texts:
    """Lines as tokens, and how many gave none."""

    lines: list[list[str]] = field(default_factory=list)
    skipped: int = 0

    def __str__(self) -> str:
        return f"{len(self.lines):,} lines, {sum(map(len, self.lines)):,} units, {self.skipped:,} lines skipped"


def read_texts(paths: Sequence[Path], units: Units) -> Texts:
    """Return the lines of files. Raises ListError for a file that cannot be read or has no line that can be used."""
    texts = Texts()
    for path in paths:
        before = len(texts.lines)
        for line in TextFile(path).lines():
            columns = line.split("\t")
            in_list = len(columns) in (3, 4)
            written = units.labels_text or (not in_list and any(map(hanzi.is_hanzi, line)))
            try:
                text = columns[2 if units.labels_text else 1] if in_list else line
                tokens = units.from_text(text) if written else units.parse(text)
            except UnitError:
                tokens = []
            texts.lines += [tokens] if tokens else []
            texts.skipped += not tokens
        if len(texts.lines) == before:
            raise ListError(f"{path}: no line of it gives {units.name}; give other text, or other --units")
    return texts


def batches(lines: Sequence[list[int]], size: int, generator: torch.Generator | None) -> Iterator[list[list[int]]]:
    """Yield the lines in batches of about the same length, shuffled where there is a generator."""
    order = list(range(len(lines)))
    if generator:
        order = torch.randperm(len(lines), generator=generator).tolist()
    order.sort(key=lambda n: len(lines[n]))  # stable: of equal lengths in shuffled order
    starts = torch.arange(0, len(order), size)
    if generator:
        starts = starts[torch.randperm(len(starts), generator=generator)]
    for start in starts.tolist():
        yield [lines[n] for n in order[start : start + size]]


@torch.inference_mode()
def perplexity(model: NeuralLm, lines: Sequence[list[int]], batch_size: int = 64) -> float:
    """Per unit, the ends of texts counted as units."""
    model.eval()
    sums = [(float(total), units) for total, units in map(model.loss, batches(lines, batch_size, None))]
    return math.exp(sum(total for total, _ in sums) / sum(units for _, units in sums))


def train(
    model: NeuralLm,
    lines: Sequence[list[int]],
    dev: Sequence[list[int]],
    args: argparse.Namespace,
    say: Callable[[str], None],
) -> None:
    """Train until `args.epochs`, and write the model of the best epoch by `dev`, or the last, and the state to resume
    from. Raises TrainingError for a loss that is not a number, ModelError for a state of another training."""
    optimiser = torch.optim.Adam(model.parameters(), args.lr)
    state_path = args.output.with_suffix(".state.pt")
    done: dict[str, Any] = {"epoch": 0, "best": math.inf}
    run = {"sizes": asdict(model.sizes), "units": model.vocabulary.units, "seed": args.seed, "lines": len(lines)}
    if args.resume:
        done = _resumed(state_path, run, model, optimiser)
        say(f"{state_path}: continuing after epoch {done['epoch']}")
    for epoch in range(done["epoch"] + 1, args.epochs + 1):
        torch.manual_seed(args.seed * 1_000_003 + epoch)  # dropout; so a resumed run is the same
        generator = torch.Generator().manual_seed(args.seed * 1_000_003 + epoch)
        model.train()
        total = units = 0.0
        for batch in batches(lines, args.batch_size, generator):
            loss, counted = model.loss(batch)
            optimiser.zero_grad()
            (loss / counted).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT)
            optimiser.step()
            total, units = total + float(loss.detach()), units + counted
        if not math.isfinite(total):
            raise TrainingError(f"the loss of epoch {epoch} is not a number; choose a lower --lr")
        known = perplexity(model, dev) if dev else None
        say(f"epoch {epoch}: perplexity {math.exp(total / units):.2f}" + (f", dev {known:.2f}" if known else ""))
        done["epoch"] = epoch
        if known is None or known < done["best"]:
            done["best"] = math.inf if known is None else known
            save_neural_lm(model, args.output, {"epoch": epoch, "dev_perplexity": known, "seed": args.seed})
        state = {**run, **done, "model": model.state_dict(), "optimiser": optimiser.state_dict()}
        save_state(state_path, state, "make room and continue with --resume, or choose another --output")


def _resumed(path: Path, run: dict[str, Any], model: NeuralLm, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    try:
        state = torch.load(path, weights_only=True)
        other = [name for name, value in run.items() if state[name] != value]
    except FileNotFoundError:
        raise ModelError(f"{path}: nothing to resume; leave --resume out") from None
    except Exception as error:  # whatever unpickling raises
        raise ModelError(f"{path}: not the state of a training; remove it, and leave --resume out") from error
    if other:
        raise UsageError(f"{path}: was trained with other {' and '.join(other)}; give the same text and options")
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return {"epoch": state["epoch"], "best": state["best"]}


def parser() -> argparse.ArgumentParser:
    """Return the options of the program."""
    parser = Parser(description=__doc__)
    data = parser.add_argument_group("text")
    data.add_argument("texts", nargs="+", type=Path, metavar="TEXT", help="files of text or lists, plain or gzip")
    data.add_argument("--dev", nargs="+", type=Path, default=[], metavar="TEXT", help="held-out text")
    data.add_argument("--model", metavar="FILE", help="acoustic model whose units are those of the language model")
    data.add_argument(
        "--units", choices=UNITS, default="pinyin", help="without --model: all units of this kind in TEXT"
    )
    sizes = parser.add_argument_group("model")
    sizes.add_argument("--output", type=Path, required=True, help="the model file, which ends in .safetensors")
    settings.add_options(sizes, OWNERS)
    training = parser.add_argument_group("training")
    training.add_argument("--epochs", type=count, default=20, help="times that the text is read")
    training.add_argument("--batch_size", type=count, default=64, help="lines per step")
    training.add_argument("--lr", type=number(float, 0), default=2e-3, help="learning rate")
    training.add_argument("--seed", type=int, default=0, help="of the weights, the order of lines and dropout")
    training.add_argument("--resume", action="store_true", help="continue the training of --output up to --epochs")
    training.add_argument("--device", default="cpu", help="cpu, cuda ...")
    return parser


@program
def main(argv: Sequence[str] | None = None) -> None:
    """Train a model."""
    args = parser().parse_args(argv)
    began = time.monotonic()

    def say(message: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {message}", file=sys.stderr, flush=True)

    if args.output.suffix != ".safetensors":
        raise UsageError(f"{args.output}: the name of a neural language model ends in .safetensors")
    sizes = LmSizes(**settings.given(args, "neural LM", OWNERS))
    settings.check(sizes, UsageError)
    acoustic = load_model(model_path(args.model)) if args.model else None
    units = acoustic.units if acoustic else units_named(args.units)
    texts, dev = read_texts(args.texts, units), read_texts(args.dev, units)
    vocabulary: Vocabulary = acoustic.vocabulary if acoustic else vocabulary_of(texts.lines)
    if len(vocabulary) < 3:
        raise RamospeechError(f"{args.texts[0]}: fewer than one unit; give more text")
    say(str(texts) + (f"; dev: {dev}" if args.dev else ""))
    unknown = Counter(token for line in texts.lines for token in vocabulary.unknown(line))
    if unknown:
        say(f"{unknown.total():,} units are not among the model's, such as {unknown.most_common(1)[0][0]!r}")
    torch.manual_seed(args.seed)
    model = NeuralLm(vocabulary, sizes, units.name).to(args.device)
    say(f"{sum(each.numel() for each in model.parameters()):,} parameters, {len(vocabulary):,} units ({units.name})")
    of_texts, of_dev = ([vocabulary.encode(line) for line in each.lines] for each in (texts, dev))
    train(model, of_texts, of_dev, args, say)


if __name__ == "__main__":
    raise SystemExit(main())

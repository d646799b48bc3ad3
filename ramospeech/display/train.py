"""Train the model that punctuates transcripts: `ramospeech train_punctuation TEXT... --output FILE`.

Text is as people write it, with its marks, a paragraph per line. The last of every fifty lines is kept back to measure
the F1 of each mark; it takes no part in the training.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ramospeech.cli import Parser, count, few, number, peak_rate, positive, seed
from ramospeech.display.marked_text import MARK_IDS, read_marked
from ramospeech.display.model_file import EDGE, MARKS, UNKNOWN, PunctuationConfig
from ramospeech.display.network import PunctuationNetwork, read, write
from ramospeech.errors import TrainingError, program
from ramospeech.lm.text import TextFile

NO_LABEL = -100  # behind the edge of a text
KEPT_BACK = 50  # one line of so many
PARAGRAPHS = 3  # joined, so that marks within and at the end of a text are both learnt
MIN_COUNT = 3  # of a character that is known
UNKNOWN_RATE, WRONG_RATE = 0.03, 0.04  # of the characters, in training: as words that are not known, and misrecognised

Text = tuple[list[str], list[int]]
"""Characters, and for each the id of its mark."""


def read_texts(texts: Iterable[TextFile], keep_back: int = KEPT_BACK) -> tuple[Text, Text]:
    """Return the text to train on and the text kept back; paragraphs are separated by an empty token.

    Raises ListError for a file that cannot be read.
    """
    train: Text = ([], [])
    dev: Text = ([], [])
    number = 0
    for text in texts:
        for line in text.lines():
            pairs = list(read_marked(line))
            if not pairs:
                continue
            number += 1
            tokens, marks = dev if number % keep_back == 0 else train
            tokens += [token for token, _ in pairs]
            marks += [MARK_IDS[mark] for _, mark in pairs]
            if number % PARAGRAPHS == 0:
                tokens.append("")
                marks.append(NO_LABEL)
    return train, dev


def encode(text: Text, ids: dict[str, int]) -> tuple[Tensor, Tensor]:
    """Return the ids of the characters (N,) and of their marks (N,)."""
    tokens, marks = text
    known = np.fromiter((ids.get(token, UNKNOWN) for token in tokens), np.int64, len(tokens))
    return torch.from_numpy(known), torch.tensor(marks, dtype=torch.int64)


def noisy(characters: Tensor, known: int, generator: torch.Generator) -> Tensor:
    """Return the characters (B, T) with some replaced, as a recogniser would; edges stay."""
    chance = torch.rand(characters.shape, generator=generator)
    other = characters.flatten()[torch.randint(characters.numel(), characters.shape, generator=generator)]
    other = other.where(other != EDGE, UNKNOWN)
    changed = characters.where(chance > UNKNOWN_RATE, UNKNOWN)
    changed = changed.where((chance <= UNKNOWN_RATE) | (chance > UNKNOWN_RATE + WRONG_RATE), other)
    return changed.where(characters != EDGE, EDGE)


def f1(predicted: Tensor, marks: Tensor) -> dict[str, float]:
    """Return the F1 of each mark but none for ids (N,) of marks; where there is no label nothing is counted."""
    predicted, marks = predicted[marks != NO_LABEL], marks[marks != NO_LABEL]
    scores = {}
    for mark in MARKS[1:]:
        of_mark, found = marks == MARK_IDS[mark], predicted == MARK_IDS[mark]
        right, total = int((found & of_mark).sum()), int(found.sum() + of_mark.sum())
        scores[mark] = 2 * right / total if total else 0.0
    return scores


@torch.inference_mode()
def measure(network: PunctuationNetwork, characters: Tensor, marks: Tensor, window: int) -> dict[str, float]:
    """Return the F1 of each mark on a text (N,), cut into windows."""
    network.eval()
    padding = -len(characters) % window
    rows = F.pad(characters, (0, padding), value=EDGE).view(-1, window)
    predicted = torch.cat([network(part).argmax(2) for part in rows.split(64)]).flatten()
    network.train()
    return f1(predicted[: len(marks)], marks)


def parser() -> argparse.ArgumentParser:
    """Return the options of the program."""
    parser = Parser(description=(__doc__ or "").split("\n\n")[0])
    data = parser.add_argument_group("text")
    data.add_argument("texts", nargs="+", metavar="TEXT", help="plain or gzip, with marks, one paragraph per line")
    data.add_argument("--output", type=Path, required=True, help="the model file, .safetensors")
    model = parser.add_argument_group("model and training")
    model.add_argument("--init_from", type=Path, metavar="FILE", help="a model to start from, with its sizes")
    model.add_argument("--embedding", type=count, default=64, help="numbers of a character")
    model.add_argument(
        "--width", type=count, default=128, help="channels of the convolution, and cells of the LSTM per direction"
    )
    model.add_argument("--steps", type=count, default=10000, help="updates")
    model.add_argument("--max_minutes", type=positive, metavar="M", help="end by then, with the learning rate at 0")
    model.add_argument("--batch", type=count, default=64, help="windows of an update")
    model.add_argument("--window", type=number(int, 8, 4096), default=100, help="characters of a window")
    model.add_argument("--lr", type=peak_rate, default=3e-3, help="highest learning rate; it rises, then falls to 0")
    model.add_argument("--seed", type=seed, default=0, help="random seed")
    model.add_argument("--threads", type=few, help="CPU threads")
    return parser


@program
def main(argv: Sequence[str] | None = None) -> None:
    """Train on the text that the command line names."""
    args = parser().parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    began = time.monotonic()

    def say(message: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {message}", file=sys.stderr, flush=True)

    files = [TextFile(Path(name)) for name in args.texts]
    text, kept_back = read_texts(files)
    counts = Counter(text[0])
    started = read(args.init_from) if args.init_from else None
    known = (
        list(started[1])
        if started
        else sorted((c for c, times in counts.items() if times >= MIN_COUNT and len(c) == 1), key=lambda c: -counts[c])
    )
    ids = {"": EDGE} | {character: number for number, character in enumerate(known, UNKNOWN + 1)}
    characters, marks = encode(text, ids)
    if not known or not (marks > 0).any() or len(characters) <= args.window:
        raise TrainingError("the text has too few hanzi or no marks; give text with its punctuation")
    dev = encode(kept_back, ids)
    say(f"{len(characters):,} characters, {len(known):,} different; {len(dev[0]):,} kept back")

    torch.manual_seed(args.seed)
    generator = torch.Generator().manual_seed(args.seed)
    if started:
        network = started[0]
    else:
        network = PunctuationNetwork(PunctuationConfig(len(known) + 2, args.embedding, args.width))
    optimizer = torch.optim.AdamW(network.parameters(), lr=args.lr, weight_decay=1e-3)
    warmup = min(300, args.steps // 5 + 1)
    offsets = torch.arange(args.window)
    done = step = 0
    while done < 1:
        step += 1
        for group in optimizer.param_groups:
            group["lr"] = args.lr * min(step / warmup, 1 - done)
        starts = torch.randint(len(characters) - args.window + 1, (args.batch, 1), generator=generator)
        chosen = starts + offsets
        logits = network(noisy(characters[chosen], len(known) + 2, generator))
        loss = F.cross_entropy(logits.flatten(0, 1), marks[chosen].flatten(), ignore_index=NO_LABEL)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        minutes = (time.monotonic() - began) / 60
        done = max(step / args.steps, minutes / args.max_minutes if args.max_minutes else 0.0)
        if step % 200 == 0 or done >= 1:
            scores = measure(network, *dev, args.window) if len(dev[0]) else {}
            shown = ", ".join(f"{mark} {score:.3f}" for mark, score in scores.items())
            say(f"step {step}: loss {loss.item():.4f}; F1 {shown}")
    training = {
        "characters": len(characters),
        "steps": step,
        "init_from": args.init_from.name if args.init_from else None,
        "texts": [file.path.name for file in files],
        "f1": {mark: round(score, 4) for mark, score in scores.items()},
    }
    write(args.output, network, "".join(known), training)
    say(f"{args.output}: {args.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    raise SystemExit(main())

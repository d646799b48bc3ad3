"""Which decoder? One aligned to the syllables against full cross-attention: a section of docs/benchmarks.md.

    python benchmarks/translator_design.py TEXT... --dev FILE [--steps 500] [--seeds 1]

Both are trained with the same batches, loss, sizes and seeds; as one syllable is one character, the aligned one (the
translator that is shipped) is given the encoder's state of the place that it writes, the other has to find it, by
scaled dot-product attention (Vaswani et al., 2017) with sines of the place added on both sides. Measured on --dev
(lines that end in pinyin<TAB>hanzi) with the characters before given: how many of the next are right, greedily.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from bench_training import ROOT, machine
from table import write_section
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(ROOT))

from ramospeech.lm.text import TextFile
from ramospeech.parallel import SingleProcess
from ramospeech.programs.train_translator import steps_of, training_loss
from ramospeech.training import Trainer, learning_rate
from ramospeech.translate import ngram_path
from ramospeech.translate.channel import Channel
from ramospeech.translate.error_model import Syllables
from ramospeech.translate.ngram import file as ngram_file
from ramospeech.translate.seq2seq.dataset import PinyinLabeller, TextBatch, TextStream
from ramospeech.translate.seq2seq.dev import corrupted, read_dev
from ramospeech.translate.seq2seq.model import Seq2Seq, Seq2SeqConfig

PEAK = 2e-3  # learning rate


class Attending(Seq2Seq):
    """The same network whose decoder attends to all places of the sentence instead of being given its own."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__(config)
        self.decoder = nn.LSTM(config.width, config.decoder, batch_first=True)
        self.query = nn.Linear(config.decoder, 2 * config.width)

    def write(self, encoded: Tensor, before: Tensor) -> Tensor:
        """As in Seq2Seq, for whole sentences."""
        written = self.character(before) + position_codes(before.shape[1], self.config.width)
        hidden = self.decoder(self.dropout(written))[0]
        keys = encoded + position_codes(encoded.shape[1], encoded.shape[2])
        context = functional.scaled_dot_product_attention(self.query(hidden), keys, encoded)
        return self.out(self.dropout(torch.cat((hidden, context), -1)))


def position_codes(count: int, width: int) -> Tensor:
    """Sines and cosines of the positions, (count, width)."""
    angle = torch.arange(count)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width)
    return torch.stack((angle.sin(), angle.cos()), -1).flatten(1)


def right(
    network: Seq2Seq, observed: Tensor, sentences: Sequence[Sequence[int]], hanzi: Sequence[Sequence[int]]
) -> float:
    """The share of characters that are the likeliest where the ones before them are given."""
    network.eval()
    found = total = 0
    for length in sorted({len(sentence) for sentence in sentences}):
        rows = [i for i, sentence in enumerate(sentences) if len(sentence) == length]
        syllables, truth = (torch.tensor([table[i] for i in rows]) for table in (sentences, hanzi))
        with torch.inference_mode():
            states = network(syllables, functional.pad(truth[:, :-1], (1, 0)))
            logits = functional.linear(states, network.character.weight, network.bias) + observed[syllables]
        found += int((logits.argmax(-1) == truth).sum())
        total += truth.numel()
    network.train()
    return found / total


def train(network: Seq2Seq, observed: Tensor, batches: Sequence[TextBatch], seed: int) -> float:
    """All batches once, as train_translator.py does; characters per second."""
    optimizer = torch.optim.AdamW(network.parameters(), betas=(0.9, 0.98), weight_decay=1e-2)
    loss = partial(training_loss, network, observed)
    trainer = Trainer(network, optimizer, loss, SingleProcess(), torch.device("cpu"), batches[0],
                      clip=1.0, amp="bf16", seed=seed)  # fmt: skip
    begin = time.perf_counter()
    for step, batch in enumerate(batches):
        trainer.step(batch, learning_rate(step, PEAK, min(100, len(batches) // 5), len(batches)))
    return sum(batch.amount for batch in batches) / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="as for train_translator.py")
    parser.add_argument("--dev", type=Path)
    parser.add_argument("--dev_lines", type=int, default=500)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    if not args.texts or not args.dev:
        print("translator_design: skipped, as it needs text and --dev", file=sys.stderr)
        return
    torch.set_num_threads(1)
    ngram = ngram_file.read(ngram_path())
    syllables, labeller = Syllables(), PinyinLabeller(ngram.characters, ngram.lexicon)
    observed = torch.from_numpy(Channel(ngram.lexicon, ngram.unigram).table())
    config = Seq2SeqConfig(len(syllables), len(ngram.characters))

    known = {character: i for i, character in enumerate(ngram.characters)}
    pairs = zip(*read_dev(args.dev, args.dev_lines), strict=True)
    usable = [(spoken, text) for spoken, text in pairs if len(spoken) == len(text) and set(text) <= set(known)]
    clean, truth = [spoken for spoken, _ in usable], [[known[character] for character in text] for _, text in usable]
    tests = [[syllables.ids(sentence) for sentence in spoken] for spoken in (clean, corrupted(clean, 1))]

    rows: dict[str, list[tuple[float, ...]]] = {"aligned": [], "cross-attention": []}
    for seed in range(1, args.seeds + 1):
        stream = TextStream([TextFile.parse(text) for text in args.texts], ngram.characters, 6000, seed, frozenset())
        batches = list(islice(steps_of(stream, labeller, SingleProcess(), seed, 0), args.steps))
        for name, kind in (("aligned", Seq2Seq), ("cross-attention", Attending)):
            torch.manual_seed(seed)
            network = kind(config)
            speed = train(network, observed, batches, seed)
            rows[name].append((*(right(network, observed, test, truth) for test in tests), speed))
            print(seed, name, rows[name][-1], flush=True)
    characters = sum(len(text) for text in truth)
    text = [
        "## Pinyin to hanzi: the decoder",
        f"`python benchmarks/translator_design.py TEXT... --dev FILE --steps {args.steps} --seeds {args.seeds}`, "
        f"{date.today().isoformat()}, {machine()}, one thread. Wrong characters, %, of {characters} in {len(truth)} "
        f"sentences, those before given, after {args.steps} steps of 6,000 characters, by seed.",
        "| decoder | clean | 10 % of the syllables corrupted | characters per second in training |\n|---|---|---|---|\n"
        + "\n".join(
            f"| {name} | {listed(100 * (1 - run[0]) for run in runs)} | {listed(100 * (1 - run[1]) for run in runs)} | "
            f"{sum(run[2] for run in runs) / len(runs):,.0f} |"
            for name, runs in rows.items()
        ),
    ]
    write_section("translator_design", "\n\n".join(text))


def listed(values: Iterable[float]) -> str:
    """Numbers with a decimal, between commas."""
    return ", ".join(f"{value:.1f}" for value in values)


if __name__ == "__main__":
    main()

"""The text that a translator is trained on: plain or labelled, as sentences or as windows of running text."""

import argparse
from collections.abc import Iterator
from functools import partial
from itertools import count as counting
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ramospeech import parallel
from ramospeech.environment import cpu_threads
from ramospeech.errors import ListError, TrainingError, UsageError
from ramospeech.lm.text import TextFile, excluded
from ramospeech.translate.seq2seq.corpus import SUFFIX, Corpus
from ramospeech.translate.seq2seq.dataset import LabelledStream, PinyinLabeller, TextBatch, TextStream, read_ahead
from ramospeech.translate.seq2seq.windows import WindowStream, running_text

Stream = TextStream | LabelledStream | WindowStream


def label(args: argparse.Namespace, characters: str) -> None:
    """Write the labelled text to --label; raises ListError, UsageError, TrainingError."""
    if args.label.suffix != SUFFIX:
        raise UsageError(f"--label {args.label}: end the name in {SUFFIX}, by which labelled text is known")
    texts = [TextFile.parse(argument) for argument in args.texts]
    corpus = Corpus.label(texts, characters, excluded(args.exclude), args.seed, args.threads or cpu_threads(None, 1))
    corpus.save(args.label)
    print(f"{args.label}: {len(corpus):,} sentences, {len(corpus.hanzi):,} characters")


def open_text(args: argparse.Namespace, characters: str, workers: parallel.Workers) -> tuple[Stream, int]:
    """Return the stream of the texts and how many lines --exclude left out; raises ListError, UsageError."""
    causal = args.network == "causal"
    labelled = [text for text in args.texts if text.endswith(SUFFIX)]
    if labelled:
        if len(args.texts) > 1 or args.exclude:
            raise UsageError(f"{labelled[0]}: labelled text is all a run reads; give texts and --exclude to --label")
        corpus = Corpus.load(Path(labelled[0]))
        if corpus.characters != characters:
            raise ListError(f"{labelled[0]}: was labelled for another --ngram; label the text again")
        if causal:
            return WindowStream(corpus.running(), args.batch_characters, args.seed), 0
        return LabelledStream(corpus, args.batch_characters, args.seed), 0
    texts = [TextFile.parse(argument) for argument in args.texts]
    workers.run_or_fail_together(lambda: [next(text.lines(), None) for text in texts])
    exclude = workers.run_or_fail_together(lambda: excluded(args.exclude))
    left_out = workers.broadcast_from_rank_0(
        lambda: sum(line in exclude for text in texts for line in text.lines()) if exclude else 0
    )
    if causal:
        text = workers.run_or_fail_together(lambda: running_text(texts, characters, exclude, args.seed))
        return WindowStream(text, args.batch_characters, args.seed), left_out
    return TextStream(texts, characters, args.batch_characters, args.seed, exclude), left_out


def steps_of(
    stream: Stream, labeller: PinyinLabeller | WindowStream, workers: parallel.Workers, seed: int, consumed: int
) -> Iterator[TextBatch]:
    """Yield this worker's batches without end, after those that all workers have `consumed` since the run began."""

    def lists() -> Iterator[Any]:
        for epoch in counting():
            number = 0
            for sentences in stream.batches(epoch):
                number += 1
                yield sentences
            if not number:
                raise TrainingError("the text has no sentences of hanzi; give text with one per line")

    assigned = islice(enumerate(lists()), consumed + workers.rank, None, workers.size)

    def rng(number: int) -> np.random.Generator:
        return np.random.default_rng((seed, number // workers.size, number % workers.size))

    return read_ahead(partial(labeller.batch, sentences, rng(number)) for number, sentences in assigned)

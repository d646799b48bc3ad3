"""The development sentences of a training run: clean, and with a tenth of their syllables wrong."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ramospeech.errors import ListError
from ramospeech.lm.counting import BOUNDARY, ids_of_code_points
from ramospeech.lm.text import TextFile
from ramospeech.score import cer
from ramospeech.text import pinyin
from ramospeech.translate.error_model import Noise, Syllables
from ramospeech.translate.ngram import NgramModel
from ramospeech.translate.seq2seq.causal import CausalTransformer, Forest
from ramospeech.translate.seq2seq.model import Seq2Seq
from ramospeech.translate.seq2seq.transformer import Transformer
from ramospeech.translate.seq2seq.translator import Seq2SeqTranslator

DEV_NOISE = 0.1  # of the syllables of the noisy copy of the dev sentences
DevSet = tuple[list[list[str]], list[str]]  # syllables and hanzi


def read_dev(path: Path, max_lines: int) -> DevSet:
    """Return syllables and hanzi of at most `max_lines` lines, evenly spread; raises ListError, naming the line."""
    lines = list(enumerate(TextFile(path).lines(), 1))
    sentences, references = [], []
    for line_number, line in lines[:: max(1, len(lines) // max_lines)][:max_lines]:
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


def dev_rates(network: Seq2Seq | Transformer, ngram: NgramModel, dev: DevSet, seed: int) -> dict[str, float]:
    """Return the CER of greedy search without the n-gram model on clean and on noisy sentences; on the CPU."""
    sentences, references = dev
    translator = Seq2SeqTranslator(network, ngram, beam=1, ngram_weight=0.0)
    rates = {}
    for name, observed in (("clean", sentences), ("noisy", corrupted(sentences, seed))):
        texts = [found[0].hanzi for found in translator.translate_batch(observed)]
        rates[name] = cer(references, texts).rate
    return rates


def perplexity(network: CausalTransformer, characters: str, sentences: Sequence[str]) -> float:
    """Return that of the characters and the ends of sentences; a character that the model does not have ends one, as in
    training. The network is on the CPU."""
    ids = ids_of_code_points(characters)
    training, total, counted = network.training, 0.0, 0
    network.eval()
    for sentence in sentences:
        forest = Forest()
        forest.add([BOUNDARY, *(int(ids[ord(character)]) for character in sentence), BOUNDARY])
        total -= float(network.log_probs(forest).sum())
        counted += len(sentence) + 1
    network.train(training)
    return math.exp(total / max(counted, 1))

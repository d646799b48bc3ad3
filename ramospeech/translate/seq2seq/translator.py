"""Seq2SeqTranslator: pinyin and confusion networks to hanzi, by the network and the n-gram model."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from ctc_decode import ConfusionNetwork
from ramospeech.batching import map_by_length
from ramospeech.errors import ModelError
from ramospeech.translate.channel import CANDIDATES, Channel
from ramospeech.translate.error_model import UNKNOWN
from ramospeech.translate.lexicon import FALLBACK_ID
from ramospeech.translate.ngram import file as ngram_file
from ramospeech.translate.ngram.model import NgramModel
from ramospeech.translate.ngram.translator import HotwordsOfEach, NgramTranslator, ngram_path
from ramospeech.translate.seq2seq import beam as beam_search
from ramospeech.translate.seq2seq import file as seq2seq_file
from ramospeech.translate.seq2seq import tagging
from ramospeech.translate.seq2seq.causal import CausalTransformer
from ramospeech.translate.seq2seq.file import for_characters
from ramospeech.translate.seq2seq.model import Seq2Seq
from ramospeech.translate.seq2seq.transformer import Transformer
from ramospeech.translate.types import Translation

BEAM = 10
NGRAM_WEIGHT = 2.0
BATCH_SYLLABLES = 4096  # per search, including padding


class Seq2SeqTranslator:
    """Pinyin to hanzi, one character per syllable, tolerant of wrong syllables.

    network: trained by train_translator.py. ngram: the character model whose lexicon and characters it was trained
    with. beam: beam size of an LSTM (1 is greedy); the search with a transformer is exact. ngram_weight: 0 leaves the
    n-gram model out of the search; None is the usual one of that kind of network.
    Confusion networks are translated by the n-gram model alone, whose exact search is better than a beam there.
    """

    def __init__(
        self,
        network: Seq2Seq | Transformer,
        ngram: NgramModel,
        beam: int = BEAM,
        ngram_weight: float | None = None,
    ):
        self.network = network.eval()
        self.ngram = ngram
        self.channel = Channel(ngram.lexicon, ngram.unigram)
        self.beam = beam
        usual = tagging.NGRAM_WEIGHT if isinstance(network, Transformer) else NGRAM_WEIGHT
        self.ngram_weight = usual if ngram_weight is None else ngram_weight
        self.of_networks = NgramTranslator(ngram)  # for confusion networks

    @classmethod
    def load(cls, path: str | Path, ngram: str | Path | None = None, beam: int = BEAM) -> "Seq2SeqTranslator":
        """Read a model file and the n-gram model to combine it with (by default the shipped one).

        If the characters of the n-gram model differ from those that the network was trained with, the network is
        adapted to them, see `file.for_characters`.
        Raises ModelError if a file is missing or broken or the two do not belong together.
        """
        model = ngram_file.read(Path(ngram) if ngram else ngram_path())
        network, characters = seq2seq_file.read(Path(path))
        if isinstance(network, CausalTransformer):
            raise ModelError(f"{path}: not a seq2seq translator but a language model; load_translator() reads it")
        return cls(for_characters(network, characters, model.characters, path), model, beam)

    def translate(self, syllables: Sequence[str], nbest: int = 1) -> list[Translation]:
        """Return up to `nbest` translations, best first, with one character per syllable.

        A token that is not a syllable gives `□`; no input raises. Time and memory are linear in the number of
        syllables.
        """
        return next(self.translate_batch([syllables], nbest))

    def translate_batch(self, sentences: Iterable[Sequence[str]], nbest: int = 1) -> Iterator[list[Translation]]:
        """Translate each sentence, in order; faster than single calls because the search is batched."""
        found = map_by_length(lambda batch: self._search(batch, nbest), list(sentences), len, BATCH_SYLLABLES)
        return iter(found)

    def translate_networks(
        self, networks: Iterable[ConfusionNetwork], nbest: int = 1, hotwords: HotwordsOfEach = None
    ) -> Iterator[list[Translation]]:
        """Translate confusion networks of a decoder, as `NgramTranslator.translate_networks` does."""
        return self.of_networks.translate_networks(networks, nbest, hotwords)

    def can_read(self, syllable: str) -> bool:
        """Return whether this is a syllable."""
        return self.channel.syllables.ids([syllable]) != [UNKNOWN]

    @torch.inference_mode()
    def _search(self, sentences: Sequence[Sequence[str]], nbest: int) -> list[list[Translation]]:
        """Search sentences sorted by length, longest first."""
        lengths = [len(sentence) for sentence in sentences]
        filled = sum(length > 0 for length in lengths)
        empty = [[Translation("", 0.0, log_prob=0.0)]] * (len(lengths) - filled)
        if not filled:
            return empty
        sentences, lengths = sentences[:filled], lengths[:filled]
        shape = filled, lengths[0]
        ids = np.zeros(shape, np.int64)
        candidates = np.full((*shape, CANDIDATES), FALLBACK_ID)
        costs = np.zeros((*shape, CANDIDATES), np.float32)
        whole = isinstance(self.network, Transformer)  # it sees the third tone that follows
        for b, sentence in enumerate(sentences):
            observed = self.channel.syllables.ids(sentence)
            ids[b, : len(observed)] = observed
            slots = map(self.channel.candidates, observed) if whole else self.channel.slots(observed)
            for u, found in enumerate(slots):
                candidates[b, u], costs[b, u] = found
        read = torch.from_numpy(ids), torch.tensor(lengths)
        positions = torch.from_numpy(candidates), torch.from_numpy(costs)
        ngram = self.ngram if self.ngram_weight else None
        if isinstance(self.network, Transformer):
            by_network = tagging.log_probs(self.network, *read, *positions)
            results = tagging.search(by_network, lengths, *positions, ngram, self.ngram_weight, nbest)
        else:
            scoring = beam_search.Scoring(self.ngram_weight, ngram)
            encoded = self.network.encode(*read)
            results = beam_search.search(self.network, encoded, lengths, *positions, scoring, max(self.beam, nbest))
        characters = self.ngram.characters
        return [
            [
                Translation("".join(characters[i] for i in found.ids), found.score, tuple(sentence), (), found.log_prob)
                for found in result[:nbest]
            ]
            for sentence, result in zip(sentences, results, strict=True)
        ] + empty

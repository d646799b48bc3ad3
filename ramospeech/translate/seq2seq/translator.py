"""Seq2SeqTranslator: pinyin, N-best lists and confusion networks to hanzi, by the network and the n-gram model."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from ctc_decode import ConfusionNetwork
from ramospeech.data.batching import map_by_length
from ramospeech.errors import ModelError
from ramospeech.translate.channel import CANDIDATES, Channel
from ramospeech.translate.error_model import UNKNOWN
from ramospeech.translate.ngram import file as ngram_file
from ramospeech.translate.ngram.model import NgramModel
from ramospeech.translate.ngram.translator import HotwordsOfEach, NgramTranslator, ngram_path
from ramospeech.translate.seq2seq import file as seq2seq_file
from ramospeech.translate.seq2seq.beam import Scoring, search
from ramospeech.translate.seq2seq.model import Seq2Seq, for_characters
from ramospeech.translate.types import Translation

BEAM = 10
NGRAM_WEIGHT = 2.0
BATCH_SYLLABLES = 4096  # searched at once, padding counted
MIN_SHARED_CHARACTERS = 0.9  # fraction of the n-gram model's characters that the network must know


class Seq2SeqTranslator:
    """Pinyin to hanzi, one character a syllable, with misheard syllables in mind.

    network: trained by train_translator.py; ngram: the character model whose lexicon and characters it was trained
    with. beam: hypotheses that are kept (1 is greedy). ngram_weight 0 leaves the n-gram model out of the search.
    Confusion networks are read by the n-gram model alone: among alternatives its exact search finds more than a beam.
    """

    def __init__(
        self,
        network: Seq2Seq,
        ngram: NgramModel,
        beam: int = BEAM,
        ngram_weight: float = NGRAM_WEIGHT,
    ):
        self.network = network.eval()
        self.ngram = ngram
        self.channel = Channel(ngram.lexicon, ngram.unigram)
        self.beam = beam
        self.ngram_weight = ngram_weight
        self.of_networks = NgramTranslator(ngram)  # reads confusion networks

    @classmethod
    def load(cls, path: str | Path, ngram: str | Path | None = None, beam: int = BEAM) -> "Seq2SeqTranslator":
        """Reads a model file, and the n-gram model that it goes with (by default the shipped one).

        The n-gram model may have been trained on other text than the one that the network was trained with: the
        network then takes over that model's characters, see `network.for_characters`.
        Raises ModelError: a file that is missing or broken, or two files that do not belong together.
        """
        model = ngram_file.read(Path(ngram) if ngram else ngram_path())
        network, characters = seq2seq_file.read(Path(path))
        shared = len(set(characters) & set(model.characters))
        if shared < MIN_SHARED_CHARACTERS * len(model.characters):
            raise ModelError(
                f"{path}: was trained with another n-gram model; it knows {shared} of the {len(model.characters)} "
                "characters of this one; give the one that it was trained with as --ngram"
            )
        return cls(for_characters(network, characters, model.characters), model, beam)

    def translate(self, syllables: Sequence[str], nbest: int = 1) -> list[Translation]:
        """Up to `nbest` translations, best first, each of one character a syllable.

        What is no syllable gives `□`; nothing raises. Time and memory grow linearly with the number of syllables.
        """
        return next(self.translate_batch([syllables], nbest))

    def translate_batch(self, sentences: Iterable[Sequence[str]], nbest: int = 1) -> Iterator[list[Translation]]:
        """`translate` for each sentence, in order; many at once, which is faster."""
        found = map_by_length(lambda batch: self._search(batch, nbest), list(sentences), len, BATCH_SYLLABLES)
        return iter(found)

    def translate_networks(
        self, networks: Iterable[ConfusionNetwork], nbest: int = 1, hotwords: HotwordsOfEach = None
    ) -> Iterator[list[Translation]]:
        """Translations of a decoder's confusion networks, as `NgramTranslator.translate_networks` gives them."""
        return self.of_networks.translate_networks(networks, nbest, hotwords)

    def reads(self, syllable: str) -> bool:
        """Whether this is a syllable."""
        return self.channel.syllables.ids([syllable]) != [UNKNOWN]

    @torch.inference_mode()
    def _search(self, sentences: Sequence[Sequence[str]], nbest: int) -> list[list[Translation]]:
        """Sentences sorted by length, longest first."""
        lengths = [len(sentence) for sentence in sentences]
        filled = sum(length > 0 for length in lengths)
        empty = [[Translation("", 0.0, log_prob=0.0)]] * (len(lengths) - filled)
        if not filled:
            return empty
        sentences, lengths = sentences[:filled], lengths[:filled]
        shape = filled, lengths[0]
        ids = np.zeros(shape, np.int64)
        candidates = np.zeros((*shape, CANDIDATES), np.int64)
        costs = np.zeros((*shape, CANDIDATES), np.float32)
        for b, sentence in enumerate(sentences):
            heard = self.channel.syllables.ids(sentence)
            ids[b, : len(heard)] = heard
            for u, found in enumerate(self.channel.places(heard)):
                candidates[b, u], costs[b, u] = found
        encoded = self.network.encode(torch.from_numpy(ids), torch.tensor(lengths))
        scoring = Scoring(self.ngram_weight, self.ngram if self.ngram_weight else None)
        places = torch.from_numpy(candidates), torch.from_numpy(costs)
        results = search(self.network, encoded, lengths, *places, scoring, max(self.beam, nbest))
        characters = self.ngram.characters
        return [
            [
                Translation("".join(characters[i] for i in found.ids), found.score, tuple(sentence), (), found.log_prob)
                for found in result[:nbest]
            ]
            for sentence, result in zip(sentences, results, strict=True)
        ] + empty

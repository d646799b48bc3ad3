"""NgramTranslator: toned pinyin and confusion networks to hanzi with a character n-gram model."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ctc_decode import ConfusionNetwork
from ramospeech.files import pretrained_folder
from ramospeech.text.readings import in_context
from ramospeech.translate.lexicon import ACOUSTIC_WEIGHT, NEUTRAL_COST, Candidates, Slot
from ramospeech.translate.ngram import file as ngram_file
from ramospeech.translate.ngram.adapt import adapted
from ramospeech.translate.ngram.alternatives import Found, Nodes, nodes_of
from ramospeech.translate.ngram.engine import BATCH_TRIPLES, Lattice, lattices
from ramospeech.translate.ngram.lattice import count_triples
from ramospeech.translate.ngram.model import NgramModel
from ramospeech.translate.ngram.phrases import Phrases, Written, add_chains
from ramospeech.translate.types import Translation

if TYPE_CHECKING:
    from ramospeech.translate.second_pass import SecondPass

TONE_COST = 6.0  # nats for a wrong tone: CER +0.1 points on clean syllables, -5 points if a tenth are wrong
NEAR_COST = 6.3  # nats for a similar sound: CER +0.0 and -1.5 points on 300 sentences of AISHELL-1 dev
EASE = 0.77  # times both costs in a line with a second pass: CER +0.07 and -0.47 points on 1,000 of these sentences
# Pruning of the characters of a slot with several alternatives, by log p(character) + log p(observed | character):
# maximum number, and maximum difference from the best in nats. Twice as many gain less than 0.1 points. Of a
# line's syllable only characters that seldom have this reading are left out so: CER +0.02 points if a tenth are wrong.
MAX_CHARACTERS_PER_SLOT, MAX_NATS_BELOW_BEST = 64, 8.0
MAX_ALTERNATIVES = 48  # of a slot; speech has fewer, flat posteriors could have all
SKIP_COST = 6.5  # nats for skipping a slot, to offset the LM cost of a character; tuned on dev recordings
ALWAYS_SKIPPED = -2.0  # nats: a slot that is skipped for less is left out; so none of many in a row can be reached
# Triples of neighbouring candidates for each position, on average over a sentence: the time of the search. Clear speech
# has 30,000 and seldom more than 150,000; noise has millions, and gets fewer characters for each slot.
MAX_TRIPLES = 150_000

HotwordsOfEach = Phrases | Iterable[Phrases | None] | None


@dataclass(frozen=True)
class _Sentence:
    """The input of the search for one sentence.

    positions: the alternatives of each position. empty: log p that nothing was spoken there, -inf if it cannot be
    skipped. slots: for a confusion network, the index of the slot of each position.
    """

    positions: list[Slot]
    empty: list[float]
    slots: tuple[int, ...] = ()

    @classmethod
    def of_syllables(cls, syllables: Sequence[str]) -> "_Sentence":
        return cls([[(syllable, 1.0)] for syllable in syllables], [-math.inf] * len(syllables))

    @classmethod
    def of_network(cls, network: ConfusionNetwork) -> "_Sentence":
        positions, empty, slots = [], [], []
        # A single syllable has no context that could correct it; its best alternative is right more often.
        alone = sum(slot.alternatives[0][0] is not None for slot in network.slots) == 1
        for number, slot in enumerate(network.slots):
            alternatives = slot.alternatives[: 1 if alone else MAX_ALTERNATIVES]
            spoken = [(token, p) for token, p in alternatives if token is not None and p > 0]
            total, nothing = sum(p for _, p in spoken), sum(p for token, p in alternatives if token is None)
            if not spoken:
                continue
            skipped = ACOUSTIC_WEIGHT * math.log(nothing / total) - SKIP_COST if nothing > 0 else -math.inf
            if skipped <= ALWAYS_SKIPPED:
                positions.append([(token, p / total) for token, p in spoken])
                empty.append(skipped)
                slots.append(number)
        return cls(positions, empty, tuple(slots))


@dataclass(frozen=True)
class _Part:
    """A sentence of a batch, the candidates of its positions, and the output of those of phrases."""

    sentence: _Sentence
    candidates: list[Candidates]
    written: dict[tuple[int, int], Written]


def ngram_path() -> Path:
    """Return the path of the shipped n-gram model."""
    return pretrained_folder() / "ngram.safetensors"


class NgramTranslator:
    """Exact search for the most likely characters under an n-gram model, among the characters of each syllable.

    >>> translator = NgramTranslator.load()
    >>> translator.translate(["ni3", "hao3"])[0].hanzi
    '你好'
    """

    def __init__(
        self,
        model: NgramModel,
        tone_cost: float | None = TONE_COST,
        log_probs: bool = False,
        near_cost: float | None = NEAR_COST,
        second_pass: "SecondPass | None" = None,
    ):
        """Wrap a model.

        tone_cost: nats for a wrong tone; None trusts the tones and is three times faster.
        near_cost: nats for a similar sound in a line of syllables; None trusts them, as does a tone_cost of None.
        log_probs: also compute log p(hanzi | syllables), the score normalised over all paths.
        second_pass: rescores what the search finds, but not hotwords; both costs are then 0.77 times as high in lines.
        """
        self.model = model
        self.tone_cost = tone_cost
        self.near_cost = near_cost
        self.log_probs = log_probs
        self.second_pass = second_pass
        self._probable: dict[Candidates, Candidates] = {}  # of those that the lexicon remembers

    @classmethod
    def load(cls, path: str | Path | None = None, tone_cost: float | None = TONE_COST) -> "NgramTranslator":
        """Read a model file, by default the shipped one; raises ModelError."""
        return cls(ngram_file.read(Path(path) if path else ngram_path()), tone_cost)

    def knowing(self, texts: Sequence[str | Path]) -> "NgramTranslator":
        """Return a translator that knows the words of such files of text too, see `adapt.adapted`."""
        model = adapted(self.model, texts)
        return NgramTranslator(model, self.tone_cost, self.log_probs, self.near_cost, self.second_pass)

    def translate(self, syllables: Sequence[str], nbest: int = 1, hotwords: Phrases | None = None) -> list[Translation]:
        """Return up to `nbest` translations, best first, with one character per syllable.

        A token that is not a syllable gives `□`; no input raises. Time and memory are linear in the number of
        syllables.
        """
        return next(self.translate_batch([syllables], nbest, hotwords))

    def translate_batch(
        self, sentences: Iterable[Sequence[str]], nbest: int = 1, hotwords: HotwordsOfEach = None
    ) -> Iterator[list[Translation]]:
        """Translate each sentence, in order; faster than single calls because look-ups are batched.

        hotwords: phrases for all sentences, or an iterable with those of each sentence (or None).
        """
        return self._translate(map(_Sentence.of_syllables, sentences), nbest, hotwords)

    def translate_networks(
        self, networks: Iterable[ConfusionNetwork], nbest: int = 1, hotwords: HotwordsOfEach = None
    ) -> Iterator[list[Translation]]:
        """Translate each confusion network of a decoder, in order, by one search over all its alternatives.

        A slot with an empty alternative gives a character only if the language model supports one.
        hotwords: phrases for all networks, or an iterable with those of each (or None); part of the same search.
        """
        return self._translate(map(_Sentence.of_network, networks), nbest, hotwords)

    def can_read(self, syllable: str) -> bool:
        """Return whether any character has this syllable in some tone."""
        return self.model.lexicon.can_read(syllable)

    def _translate(
        self, sentences: Iterable[_Sentence], nbest: int, hotwords: HotwordsOfEach
    ) -> Iterator[list[Translation]]:
        batch: list[_Part] = []
        waiting = 0
        of_each = repeat(hotwords) if hotwords is None or isinstance(hotwords, Phrases) else hotwords
        for sentence, phrases in zip(sentences, of_each, strict=False):
            found = self.model.lexicon.candidates(sentence.positions, *self._costs(sentence))
            if sentence.slots:
                several = [len(alternatives) > 1 for alternatives in sentence.positions]
                found = [self._most_probable(c) if many else c for c, many in zip(found, several, strict=True)]
            else:
                found = [self._without_improbable(c) for c in found]
            found, triples = self._bounded(found, sentence.empty)
            written: dict[tuple[int, int], Written] = {}
            if phrases is not None:
                written = add_chains(found, sentence.positions, sentence.empty, phrases, self.model)
            batch.append(_Part(sentence, found, written))
            waiting += triples
            if waiting >= BATCH_TRIPLES:
                yield from self._search(batch, nbest)
                batch, waiting = [], 0
        if batch:
            yield from self._search(batch, nbest)

    def _costs(self, sentence: _Sentence) -> tuple[float | None, float | None]:
        """Return those of a wrong tone and of a similar sound in a sentence, which may be a confusion network."""
        if sentence.slots or self.tone_cost is None:
            return self.tone_cost, None
        ease = EASE if self.second_pass else 1.0
        return ease * self.tone_cost, None if self.near_cost is None else ease * self.near_cost

    def _bounded(self, candidates: list[Candidates], empty: Sequence[float]) -> tuple[list[Candidates], int]:
        """Return the candidates of a sentence, fewer where a search would take too long, and their triples."""
        limit = MAX_CHARACTERS_PER_SLOT
        while True:
            triples = count_triples([1, *map(len, candidates), 1], np.array([-math.inf, *empty, -math.inf]))
            if triples <= MAX_TRIPLES * len(candidates) or limit == 1:
                return candidates, triples
            limit //= 2
            candidates = [self._most_probable(each, limit) for each in candidates]

    def _most_probable(self, candidates: Candidates, limit: int | None = None) -> Candidates:
        limit = MAX_CHARACTERS_PER_SLOT if limit is None else limit
        rank = candidates.log_probs + self.model.unigram[candidates.ids]
        threshold = np.partition(rank, -limit)[-limit] if len(rank) > limit else -np.inf
        keep = rank >= max(threshold, rank.max() - MAX_NATS_BELOW_BEST)
        return Candidates(candidates.ids[keep], candidates.log_probs[keep])

    def _without_improbable(self, candidates: Candidates) -> Candidates:
        """Return the candidates of a syllable without those that seldom have this reading and are rare themselves;
        remembered."""
        if candidates in self._probable:
            return self._probable[candidates]
        rank = candidates.log_probs + self.model.unigram[candidates.ids]
        keep = (candidates.log_probs > -NEUTRAL_COST) | (rank >= rank.max() - MAX_NATS_BELOW_BEST)
        kept = candidates if keep.all() else Candidates(candidates.ids[keep], candidates.log_probs[keep])
        return self._probable.setdefault(candidates, kept)

    def _search(self, batch: Sequence[_Part], nbest: int) -> Iterator[list[Translation]]:
        searched = lattices(self.model, [(part.candidates, part.sentence.empty) for part in batch])
        count = max(nbest, 1)
        for part, own, paths in zip(batch, searched, self._found(batch, searched, count), strict=True):
            total = own.log_total() if self.log_probs else None
            texts: dict[str, Translation] = {}
            for found in paths:
                text = self._translation(part, total, found)
                texts.setdefault(text.hanzi if part.written else str(len(texts)), text)
            yield list(texts.values())[:count]

    def _found(self, batch: Sequence[_Part], lattices_of: Sequence[Lattice], nbest: int) -> Iterator[list[Found]]:
        """Yield up to `nbest` paths through each part, and as many again where there are phrases: a phrase also has a
        path of single characters, the same text with a lower score."""
        rescored: Iterator[Found] = iter(())
        if self.second_pass is not None:
            asked = [
                (own, partial(_characters, part.candidates), part.written)
                for part, own in zip(batch, lattices_of, strict=True)
                if part.candidates
            ]
            rescored = iter(self.second_pass.best_paths(asked))
        for part, own in zip(batch, lattices_of, strict=True):
            several = 2 * nbest if part.written and nbest > 1 else nbest
            if self.second_pass is None or not part.candidates:
                yield [(score, score, path) for score, path in own.best_paths(several)]
                continue
            best = next(rescored)
            others = [each for each in own.best_paths(several) if each[1] != best[2]] if nbest > 1 else []
            added = self.second_pass.added([_characters(part.candidates, nodes_of(path)) for _, path in others])
            # The best is what it is without others, so none may have a higher score than that sum of single gains.
            ranked = [
                (min(score + more, best[0]), score, path) for more, (score, path) in zip(added, others, strict=True)
            ]
            yield [best, *sorted(ranked, key=lambda each: -each[0])]

    def _translation(self, part: _Part, total: float | None, found: Found) -> Translation:
        """Return the characters of a path through a sentence and the alternatives they belong to."""
        score, of_lattice, path = found
        taken = []
        for position, n in enumerate(path):
            if n is None:
                continue
            written = part.written.get((position, n))
            if written is None:
                character = int(part.candidates[position].ids[n])
                spoken = self.model.lexicon.spoken_syllable(part.sentence.positions[position], character)
                written = Written(self.model.characters[character], spoken)
            taken.append((position, written))
        hanzi = "".join(written.character for _, written in taken)
        syllables = tuple(written.syllable for _, written in taken)
        in_text = in_context(hanzi, syllables, self._has_reading)
        return Translation(
            hanzi,
            score,
            syllables,
            tuple(part.sentence.slots[position] for position, _ in taken) if part.sentence.slots else (),
            None if total is None else min(of_lattice - total, 0.0),
            tuple(written.reading or reading for (_, written), reading in zip(taken, in_text, strict=True)),
        )

    def _has_reading(self, character: str, syllable: str) -> bool:
        number = self.model.number_of.get(character)
        return number is not None and self.model.lexicon.has_reading(number, syllable)


def _characters(candidates: Sequence[Candidates], nodes: Nodes) -> list[int]:
    """Return the ids of the characters of nodes; those of hotwords that the model does not know are FALLBACK's."""
    return [int(candidates[position].ids[n]) for position, n in nodes]

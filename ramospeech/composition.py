"""Hypotheses of initials, finals and pieces of words, made ones of syllables and words, which translators read."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from ctc_decode import ConfusionNetwork, Hypothesis, Slot
from ctc_decode.confusion import MIN_PROBABILITY
from ramospeech.text.units import WORD_BREAK, Units

Alternatives = dict[str, float]


def composed(hypothesis: Hypothesis, units: Units) -> Hypothesis:
    """Return a hypothesis whose tokens are the items of `units.spans`, each from its first frame to its last.

    The confidence of an item is the lowest of its tokens. `ids` are those of the first token of each.
    """
    spans = units.spans(hypothesis.tokens)
    confidences = hypothesis.confidences
    return replace(
        hypothesis,
        tokens=tuple(item for item, *_ in spans),
        ids=tuple(hypothesis.ids[first] for _, first, _ in spans),
        start_frames=tuple(hypothesis.start_frames[first] for _, first, _ in spans),
        end_frames=tuple(hypothesis.end_frames[last] for *_, last in spans),
        confidences=tuple(min(confidences[first : last + 1]) for _, first, last in spans) if confidences else (),
    )


def composed_network(network: ConfusionNetwork, hypothesis: Hypothesis, units: Units) -> ConfusionNetwork | None:
    """Return a network of syllables and words: a slot for each item of a hypothesis; None where `network` has not its
    tokens in their order.

    A syllable competes with those that the alternatives of its tokens make. A word stays as it is, and what may have
    been spoken between the tokens is left out, since a part alone is nothing that a translator reads.
    """
    spans = iter(zip(hypothesis.start_frames, hypothesis.end_frames, strict=True))
    slots, wanted = [], next(spans, None)
    for slot in network.slots:
        if (slot.start_frame, slot.end_frame) == wanted:
            slots.append(slot)
            wanted = next(spans, None)
    if wanted is not None:
        return None
    found = []
    for item, first, last in units.spans(hypothesis.tokens):
        parts = slots[first : last + 1]
        alternatives = {item: 1.0} if item.startswith(WORD_BREAK) else _syllables(parts, units)
        alternatives.setdefault(item, max(alternatives.values(), default=1.0))
        total = sum(alternatives.values())
        ranked = sorted(alternatives.items(), key=lambda pair: (-pair[1], pair[0] != item))
        kept = [(name, weight) for name, weight in ranked if weight >= MIN_PROBABILITY * total or name == item]
        total = sum(weight for _, weight in kept)
        shares = tuple((name, weight / total) for name, weight in kept)
        found.append(Slot(shares, parts[0].start_frame, parts[-1].end_frame))
    return ConfusionNetwork(tuple(found))


def _syllables(parts: Sequence[Slot], units: Units) -> Alternatives:
    """Return the syllables that the alternatives of some slots make, and their probabilities."""
    made: Alternatives = {}
    for chosen in product(*(slot.alternatives for slot in parts)):
        tokens = [token for token, _ in chosen if token is not None]
        items = units.spans(tokens)
        if len(items) == 1 and not items[0][0].startswith((WORD_BREAK, "<")):
            weight = 1.0
            for _, probability in chosen:
                weight *= probability
            made[items[0][0]] = made.get(items[0][0], 0.0) + weight
    return made

"""A confusion network weighed by automata: what a language model and hotwords say of each alternative.

The posteriors know nothing of either. Each alternative of a slot is read in the place of what the best hypothesis has
there, with the tokens of that hypothesis before and behind it; its probability is multiplied by what that changes.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import exp

from ctc_decode.automaton import Automaton
from ctc_decode.confusion import ConfusionNetwork, Slot
from ctc_decode.hypothesis import Hypothesis

TOKENS_BEHIND = 4  # are read after an alternative: more than the history of a usual language model


def weigh(
    network: ConfusionNetwork,
    hypothesis: Hypothesis,
    vocabulary: Sequence[str],
    automata: Sequence[tuple[Automaton, float]],
    length_bonus: float = 0.0,
) -> ConfusionNetwork:
    """Return the network, made around a hypothesis by `from_posteriors`, with new probabilities.

    automata: each with the scale of its weights. length_bonus: of an alternative that is a token.
    """
    if not automata and not length_bonus:
        return network
    ids = {unit: number for number, unit in enumerate(vocabulary)}
    numbers = {start: number for number, start in enumerate(hypothesis.start_frames)}
    states = [_states(automaton, hypothesis.ids) for automaton, _ in automata]
    slots = []
    done = 0  # tokens of the hypothesis before the slot
    for slot in network.slots:
        token = numbers.get(slot.start_frame)
        done = token if token is not None else done
        behind = hypothesis.ids[done + (token is not None) :][:TOKENS_BEHIND]
        ends = done + (token is not None) + len(behind) == len(hypothesis.ids)
        gains = []
        for unit, _ in slot.alternatives:
            read = behind if unit is None else (ids[unit], *behind)
            gain = 0.0 if unit is None else length_bonus
            for (automaton, scale), before in zip(automata, states, strict=True):
                gain += scale * _score(automaton, before[done], read, ends)
            gains.append(gain)
        slots.append(weighed(slot, gains))
        done += token is not None
    return ConfusionNetwork(tuple(slots))


def _states(automaton: Automaton, ids: Sequence[int]) -> list[int]:
    """Return the states before each token, and after the last."""
    states = [automaton.start]
    for unit in ids:
        states.append(automaton.step(states[-1], unit)[0])
    return states


def _score(automaton: Automaton, state: int, ids: Sequence[int], ends: bool) -> float:
    total = 0.0
    for unit in ids:
        state, weight = automaton.step(state, unit)
        total += weight
    return total + (float(automaton.final[state]) if ends else 0.0)


def weighed(slot: Slot, gains: Sequence[float]) -> Slot:
    """Return a slot whose probabilities are multiplied by the exponentials of gains, one for each alternative."""
    top = max(gains)
    weights = [p * exp(gain - top) for (_, p), gain in zip(slot.alternatives, gains, strict=True)]
    total = sum(weights)
    if not total > 0:  # what the automata prefer has no probability at all
        return slot
    tokens = [token for token, _ in slot.alternatives]
    ranked = sorted(zip(tokens, weights, strict=True), key=lambda each: -each[1])
    return replace(slot, alternatives=tuple((token, weight / total) for token, weight in ranked))

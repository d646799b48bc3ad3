"""The words of --augment: effects by name, and how often each is drawn."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ramospeech.errors import UsageError


def parsed(words: Sequence[str], usual: Mapping[str, float], missing: Collection[str]) -> dict[str, float]:
    """Probabilities by name, of words NAME, with its usual probability, or NAME=P; `all` is each, at the usual ones.

    missing: effects that `all` leaves out, because what they need is not there. A later word overrides an earlier one.
    An unknown name stays in, for `check`. Raises UsageError.
    """
    probabilities: dict[str, float] = {}
    for word in words:
        name, _, value = word.partition("=")
        if word == "all":
            probabilities |= {each: usual[each] for each in usual if each not in missing}
            continue
        try:
            probabilities[name] = float(value) if "=" in word else usual.get(name, 0.0)
        except ValueError:
            raise UsageError(f"the effect {word!r}: write NAME or NAME=PROBABILITY, such as room=0.3") from None
    return probabilities


def check(
    probabilities: Mapping[str, float],
    effects: Mapping[str, Any],
    snr: tuple[float, float],
    recordings: Mapping[str, tuple[str, bool]],
) -> None:
    """Raise UsageError for an unknown effect, an invalid probability or SNR, or an effect without its recordings.

    recordings: by option: the effect that needs them, and whether there are any. They go together.
    """
    for name, probability in probabilities.items():
        if name not in effects:
            raise UsageError(f"unknown effect {name!r}; choose from: all {' '.join(effects)}")
        if not 0.0 <= probability <= 1.0:
            raise UsageError(f"the effect {name}={probability}: a probability lies within 0 and 1")
    if not -20.0 <= snr[0] <= snr[1] <= 100.0:
        raise UsageError(f"--noise_snr {snr[0]} {snr[1]}: the lower one first, within -20 and 100 dB")
    for option, (name, given) in recordings.items():
        if (name in probabilities) != given:
            raise UsageError(f"the effect {name} and a folder of recordings given with {option} go together")

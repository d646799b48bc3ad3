"""What people are shown of a transcript: punctuation, numbers in digits, simplified or traditional characters.

`Display` puts it into `Token.display`; hanzi, pinyin and times stay as they were recognised, so nothing that is scored
changes. `ramospeech train_punctuation` trains the model that punctuates.
"""

from typing import TYPE_CHECKING, Any

from ramospeech.display.display import Display, add_options
from ramospeech.display.numbers import digits
from ramospeech.display.script import SCRIPTS, convert

if TYPE_CHECKING:
    from ramospeech.display.punctuator import Punctuator, punctuation_path

__all__ = ["SCRIPTS", "Display", "Punctuator", "add_options", "convert", "digits", "punctuation_path"]


def __getattr__(name: str) -> Any:
    """Import the model that punctuates, and with it torch, only when it is asked for."""
    if name in ("Punctuator", "punctuation_path"):
        from ramospeech.display import punctuator

        return getattr(punctuator, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

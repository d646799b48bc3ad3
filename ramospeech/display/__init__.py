"""What people are shown of a transcript: punctuation, numbers in digits, simplified or traditional characters.

`Display` puts it into `Token.display`; hanzi, pinyin and times stay as they were recognised, so nothing that is scored
changes. `ramospeech train_punctuation` trains the model that punctuates.
"""

from ramospeech.display.display import Display, add_options
from ramospeech.display.numbers import digits
from ramospeech.display.punctuator import Punctuator, punctuation_path
from ramospeech.display.script import SCRIPTS, convert

__all__ = ["SCRIPTS", "Display", "Punctuator", "add_options", "convert", "digits", "punctuation_path"]

"""Toned pinyin to hanzi.

`NgramTranslator` searches exactly for the most likely characters under a character n-gram model and a lexicon of
readings. `python -m ramospeech.translate` translates lines, `python -m ramospeech.translate.train_ngram` trains.
"""

from ramospeech.translate.translator import NgramTranslator, Translation, pretrained_path

__all__ = ["NgramTranslator", "Translation", "pretrained_path"]

"""Language models: text, counts, modified Kneser-Ney, and the weights of a model in decoding.

`python -m ramospeech.train_lm` trains an ARPA model of syllables, which `ctc_decode` reads; `python -m ramospeech.tune`
finds its weight. The character model of the translator is estimated here and stored by `ramospeech.translate.ngram`.
"""

from ramospeech.lm.kneser_ney import NgramTrainer
from ramospeech.lm.text import TextFile, excluded

__all__ = ["NgramTrainer", "TextFile", "excluded"]

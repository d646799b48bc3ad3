"""Trains a language model of syllables: `python -m ramospeech.train_lm TEXT... --output lm.arpa`."""

from ramospeech.lm.train import main, parser

__all__ = ["main", "parser"]

if __name__ == "__main__":
    raise SystemExit(main())

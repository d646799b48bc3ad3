"""Finds the weight of a language model: `python -m ramospeech.tune --model FILE --lm lm.arpa --ref LIST`."""

from ramospeech.lm.tune import main, parser

__all__ = ["main", "parser"]

if __name__ == "__main__":
    raise SystemExit(main())

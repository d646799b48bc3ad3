"""Train the n-gram translator: `python -m ramospeech.translate.train_ngram TEXT... --output FILE`."""

from ramospeech.translate.ngram.train import main, parser

__all__ = ["main", "parser"]

if __name__ == "__main__":
    raise SystemExit(main())

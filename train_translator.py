#!/usr/bin/env python3
"""Train a translator: `ramospeech train_translator`, from a checkout. See `python train_translator.py --help`."""

from ramospeech import environment

environment.prepare()  # before torch is imported

from ramospeech.programs.train_translator import (  # noqa: E402
    build,
    dev_cer,
    main,
    options,
    parse,
    read_dev,
    steps_of,
    training_loss,
    translator_progress,
)

__all__ = [
    "build",
    "dev_cer",
    "main",
    "options",
    "parse",
    "read_dev",
    "steps_of",
    "training_loss",
    "translator_progress",
]

if __name__ == "__main__":
    raise SystemExit(main())

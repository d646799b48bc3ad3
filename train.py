#!/usr/bin/env python3
"""Train an acoustic model: `ramospeech train`, from a checkout. See `python train.py --help`."""

from ramospeech import environment

environment.prepare()  # before torch is imported

from ramospeech.programs.train import main, parse  # noqa: E402

__all__ = ["main", "parse"]

if __name__ == "__main__":
    raise SystemExit(main())

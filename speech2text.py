"""Transcribe recordings: `ramospeech transcribe`, from a checkout. See `python speech2text.py --help`."""

from ramospeech import environment

environment.prepare(environment.MAX_TRANSCRIBING_THREADS)  # before torch is imported

from ramospeech.programs.transcribe import hotwords_of, main, make_decoder, parse  # noqa: E402

__all__ = ["hotwords_of", "main", "make_decoder", "parse"]

if __name__ == "__main__":
    raise SystemExit(main())

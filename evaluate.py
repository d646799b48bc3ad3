"""Score transcripts: `ramospeech evaluate`, from a checkout. See `python evaluate.py --help`."""

from ramospeech import environment

environment.prepare()  # before torch is imported

from ramospeech.programs.evaluate import main, match, parse, read_references, read_table  # noqa: E402

__all__ = ["main", "match", "parse", "read_references", "read_table"]

if __name__ == "__main__":
    raise SystemExit(main())

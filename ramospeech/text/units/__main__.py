"""`python -m ramospeech.text.units`."""

from ramospeech.text.units.making import main

if __name__ == "__main__":
    raise SystemExit(main())

"""The command `ramospeech`: each program of the toolkit by its name.

ramospeech transcribe talk.mp3
ramospeech prepare aishell --root data --download
ramospeech transcribe --help
"""

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ramospeech import __version__, cli, environment
from ramospeech.errors import UsageError, program


@dataclass(frozen=True)
class Program:
    """Where a program is: `function` of `module`. `older`: how a checkout runs it too. `threads`: of torch, at most."""

    about: str
    older: str
    module: str
    function: str = "main"
    threads: int | None = None


PROGRAMS = {
    "transcribe": Program(
        "recordings to text, subtitles or tables",
        "python speech2text.py",
        "ramospeech.programs.transcribe",
        threads=environment.MAX_TRANSCRIBING_THREADS,
    ),
    "train": Program("train or fine-tune an acoustic model", "python train.py", "ramospeech.programs.train"),
    "listen": Program(
        "text while somebody speaks into a microphone",
        "python -m ramospeech.programs.listen",
        "ramospeech.programs.listen",
        threads=environment.MAX_TRANSCRIBING_THREADS,
    ),
    "serve": Program(
        "transcriptions over HTTP, as OpenAI's service",
        "python -m ramospeech.serve",
        "ramospeech.serve.__main__",
        threads=environment.MAX_TRANSCRIBING_THREADS,
    ),
    "evaluate": Program(
        "error rates of transcripts, and a report", "python evaluate.py", "ramospeech.programs.evaluate"
    ),
    "prepare": Program("lists of a corpus", "python -m ramospeech.corpora", "ramospeech.corpora.__main__"),
    "align": Program(
        "times of a known text in a recording",
        "python -m ramospeech.align",
        "ramospeech.align.__main__",
        threads=environment.MAX_TRANSCRIBING_THREADS,
    ),
    "pseudo-label": Program(
        "lists of recordings without texts, by what a model recognises",
        "python -m ramospeech.programs.pseudo_label",
        "ramospeech.programs.pseudo_label",
        threads=environment.MAX_TRANSCRIBING_THREADS,
    ),
    "translate": Program("lines of pinyin to hanzi", "python -m ramospeech.translate", "ramospeech.translate.__main__"),
    "lm": Program("train a language model of syllables", "python -m ramospeech.train_lm", "ramospeech.lm.train"),
    "tune": Program("find the weight of a language model", "python -m ramospeech.tune", "ramospeech.lm.tune"),
    "augment": Program(
        "augment recordings as training does",
        "python -m ramospeech.augment",
        "ramospeech.augment.__main__",
    ),
    "average": Program(
        "average model files into a small one", "python -m ramospeech.model", "ramospeech.model.__main__", "average"
    ),
    "units": Program(
        "make a unit list from lists of utterances", "python -m ramospeech.text.units", "ramospeech.text.units"
    ),
    "export": Program(
        "write a model as an ONNX file, which needs no torch",
        "python -m ramospeech.model.export",
        "ramospeech.model.export",
    ),
    "info": Program("what a model file holds", "python -m ramospeech.model", "ramospeech.model.__main__", "info"),
    "train_ngram": Program(
        "train the n-gram translator", "python -m ramospeech.translate.train_ngram", "ramospeech.translate.ngram.train"
    ),
    "train_neural_lm": Program(
        "train a neural language model of any units",
        "python -m ramospeech.lm.train_neural",
        "ramospeech.lm.train_neural",
    ),
    "train_punctuation": Program(
        "train the model that punctuates", "python -m ramospeech.display.train", "ramospeech.display.train"
    ),
    "train_translator": Program(
        "train the seq2seq translator", "python train_translator.py", "ramospeech.programs.train_translator"
    ),
}


def usage() -> str:
    """Return what `ramospeech --help` prints."""
    lines = [f"  {name:17} {each.about}" for name, each in PROGRAMS.items()]
    return "\n".join(
        [
            "usage: ramospeech PROGRAM ...",
            "",
            "Mandarin speech recognition. Programs (options of each: ramospeech PROGRAM --help):",
            "",
            *lines,
            "",
            "  ramospeech --version",
        ]
    )


@program
def main(argv: Sequence[str] | None = None) -> int:
    """Run the program that the first argument names. Raises UsageError for another name."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help", "--version"):
        print(f"ramospeech {__version__}" if name == "--version" else usage())
        return 0
    if name not in PROGRAMS:
        near = get_close_matches(name, PROGRAMS, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(PROGRAMS)}"
        raise UsageError(f"ramospeech has no program {name!r}; {hint}")
    chosen = PROGRAMS[name]
    environment.prepare(chosen.threads)  # before torch is imported, which most of the modules do
    cli.called_as = f"ramospeech {name}"
    return getattr(importlib.import_module(chosen.module), chosen.function)(rest)


if __name__ == "__main__":
    raise SystemExit(main())

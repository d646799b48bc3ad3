"""Text that users read is in the field's terms: old words of this repository are named with what to write instead."""

import ast
import io
import re
import subprocess
import tokenize
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOT = r"(?!(?:longer|more|other|less|fewer|finer|better|worse|such|need|one|matter|way)\b)[a-z]+"  # after "is no"
ONE = r"(?:sentence|phrase|hotword|unit|file|line|utterance|record|entry|clip|message|archive)"
EACH = r"(?:line|corpus|speaker|split|recording|worker|step)"
TERMS = {  # pattern -> what to write instead
    r"\broads?\b": "pipeline",
    r"\bstrangers?\b": "unseen speakers, others",
    r"\bmis-?hear(?:s|d|ing)?\b": "corrupt, substitute, misrecognise",
    r"\b(?:was|were|are|is|has|have|been|be|being) (?:\w+ly )?heard\b": "recognised, observed; listened to",
    r"\bheard (?:for|as|here|there|what|where|only|\|)": "recognised, observed",
    r"\b(?:model|recogniser|decoder|network|it|microphone) hears?\b": "recognises, computes posteriors of, records",
    r"\bheard \|": "p(observed | spoken)",
    r"\b(?:is|are|was|were|been|be) said\b": "spoken, pronounced; printed",
    r"\bgo(?:es|ing)? on (?:with|from|at|after|where|exactly|as|most|like)\b": "continue, resume",
    r"\b(?:cannot|others?|runs?|epoch|training|which|that) go(?:es)? on\b": "continue, resume",
    r"\bha(?:s|ve|d) the last word\b": "decide, take precedence",
    r"\bha(?:s|ve|d) a say\b": "take part",
    r"\b(?:audio|seconds?|characters|clips|frames|steps) an? (?:second|step|minute|worker|clip)\b": "per",
    rf"\b(?:one|a|an) {ONE} an? {EACH}\b": "one ... per ...",
    r"\b(?:nats|bytes|dB|cells|MB) an? (?:label|token|clip|octave|direction|character|second)\b": "per",
    rf"(?<!there )\bis no {NOT}": "is not a (valid) ...",
    rf"(?<!there )\bare no {NOT}": "are not ...",
    r"\b(?:taken|kept|ms|s|seconds|words) apart\b": "separate, split, with a hop of, at a distance of",
    r"\bapart from\b": "separately from, except",
    r"(?<![\w-])besides\b": "also",
    r"\bis there twice\b": "occurs twice",
}
DOCUMENTS = "*.md *.sh *.toml *.html *.yml *.cpp *.hpp Makefile Dockerfile"
PROGRAMS = "*.py"


def tracked(patterns: str) -> list[Path]:
    command = ["git", "ls-files", "-z", *patterns.split()]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\0")
    found = [ROOT / name for name in names if name]
    return [path for path in found if path != Path(__file__) and path.exists()]


def offences(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line, counted from 0, of each old word and what to write instead; phrases may be broken over lines."""
    lines = [line.strip() for line in text.split("\n")]
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    for pattern, better in TERMS.items():
        for match in re.finditer(pattern, " ".join(lines), re.IGNORECASE):
            yield bisect_right(starts, match.start()) - 1, f"{match[0]!r}: write {better!r}"


def literals(source: str) -> Iterator[tuple[int, str]]:
    """Yield the string literals of a program, docstrings among them, its comments and its names, by line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name.replace("_", " ")


@pytest.mark.parametrize("path", tracked(DOCUMENTS), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documents(path: Path) -> None:
    text = path.read_text("utf-8")
    name = path.relative_to(ROOT).as_posix()
    assert [f"{name}:{line + 1}: {message}" for line, message in offences(text)] == []


NOUNS = {
    "The",
    "A",
    "An",
    "Whether",
    "What",
    "How",
    "Where",
    "Which",
    "Every",
    "All",
    "Each",
    "One",
    "This",
    "Of",
    "As",
}


def test_docstrings_of_public_functions_begin_with_a_verb() -> None:
    """Properties are named like what they return, and may say what that is."""
    headless = []
    for path in tracked("ramospeech/*.py ctc_decode/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                text = ast.get_docstring(node) or "Return"
                if text.split()[0] in NOUNS and "property" not in " ".join(map(ast.unparse, node.decorator_list)):
                    headless.append(f"{path.relative_to(ROOT).as_posix()}:{node.lineno}: {text.splitlines()[0]}")
    assert headless == []


def test_programs() -> None:
    found = []
    for path in tracked(PROGRAMS):
        for first, text in literals(path.read_text("utf-8")):
            found += [
                f"{path.relative_to(ROOT).as_posix()}:{first + line}: {message}" for line, message in offences(text)
            ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "The road from a file", "speech of strangers", "what was said", "syllables that were heard", "p(heard | said)",
        "the run goes on with it", "it is no hotword", "they are no words", "one sentence a line", "nats a token",
        "has the last word", "they have a say", "120 s of audio a second", "a fine tone is\nno syllable",
        "10 ms apart", "the model hears it once", "a key that is there twice", "a misheard tone",
    ],
)  # fmt: skip
def test_old_words_are_found(text: str) -> None:
    assert list(offences(text))


@pytest.mark.parametrize(
    "text",
    [
        "it is no longer needed", "there are no clips", "at the second frame", "as said above", "broadcast",
        "set it apart by its name", "a second encoder", "the last word of a history", "no such file", "a good sentence",
    ],
)  # fmt: skip
def test_other_senses_are_not(text: str) -> None:
    assert not list(offences(text))

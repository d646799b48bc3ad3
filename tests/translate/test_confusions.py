"""The error model learnt from a recogniser's report, compared with its definition."""

import io
import json
import math
import sys
from pathlib import Path

import pytest

from ramospeech.errors import ListError
from ramospeech.score import Breakdown, ErrorReport, Pair
from ramospeech.text import Vocabulary
from ramospeech.text.parts import split
from ramospeech.translate import ErrorModel, __main__
from ramospeech.translate.error_model import PARTS, PRIOR

PAIRS = [  # reference and hypothesis: 上 is always recognised as bang4, and some tones are wrong
    ("shang4 hai3", "bang4 hai3"),
    ("shang4 ban1", "bang4 ban1"),
    ("shang4 ke4", "bang4 ke3"),
    ("ta1 men qu4", "ta1 men qu4"),
    ("wo3 men hen3 hao3", "wo3 men hen3 hao3"),
    ("shi2 hou4", "shi2"),
]


def write_report(path: Path) -> Path:
    pairs = (Pair(str(i), tuple(ref.split()), (), tuple(hyp.split()), ()) for i, (ref, hyp) in enumerate(PAIRS))
    report = ErrorReport(tuple(pairs))
    path.write_text(json.dumps(report.as_dict() | Breakdown(report).as_dict()))
    return path


@pytest.fixture(scope="module")
def confusions(tmp_path_factory: pytest.TempPathFactory) -> ErrorModel:
    return ErrorModel.from_report(write_report(tmp_path_factory.mktemp("confusions") / "report.json"))


def plain_reference(observed: str) -> dict[str, float]:
    """p(observed | spoken) of every syllable, by loops over the aligned syllables."""
    units = Vocabulary.inventory().units[2:]
    aligned = [(r, h) for ref, hyp in PAIRS for r, h in zip(ref.split(), hyp.split(), strict=False)]
    conditional: dict[str, dict[tuple[str, str], float]] = {}
    for part in PARTS:
        names = sorted({getattr(split(unit), part) for unit in units})
        counts = {(a, b): len(names) ** -2 for a in names for b in names}
        for spoken, got in aligned:
            counts[getattr(split(spoken), part), getattr(split(got), part)] += 1
        total = sum(counts.values())
        right = sum(counts[name, name] for name in names) / total
        table = {}
        for a in names:
            row = {
                b: counts[a, b] + PRIOR * ((1 - right) * sum(counts[c, b] for c in names) / total + right * (a == b))
                for b in names
            }
            table |= {(a, b): row[b] / sum(row.values()) for b in names}
        conditional[part] = table

    def together(spoken: str, got: str) -> float:
        return math.prod(conditional[part][getattr(split(spoken), part), getattr(split(got), part)] for part in PARTS)

    found = {}
    for spoken in ("shang4", "bang4", "san4", "shang1", "bang1", "ba1"):
        found[spoken] = together(spoken, observed) / sum(together(spoken, unit) for unit in units)
    return found


def test_probabilities_are_those_of_the_definition(confusions: ErrorModel) -> None:
    probabilities, expected = dict(confusions.spoken_given("bang4")), plain_reference("bang4")
    assert sum(probabilities.values()) == pytest.approx(1)
    assert list(probabilities.values()) == sorted(probabilities.values(), reverse=True)
    kept = probabilities.keys() & expected.keys()
    assert {"shang4", "bang4", "shang1"} <= kept
    for spoken in kept:
        assert probabilities[spoken] / probabilities["bang4"] == pytest.approx(expected[spoken] / expected["bang4"])


def test_a_frequent_confusion_is_more_likely_than_an_unseen_one(confusions: ErrorModel) -> None:
    probabilities = dict(confusions.spoken_given("bang4"))
    assert probabilities["shang4"] > probabilities["bang1"] and probabilities["shang4"] > 5 * probabilities.get(
        "mang4", 0
    )
    assert confusions.spoken_given("hao3")[0][0] == "hao3"


def test_a_network_has_a_slot_for_every_token(confusions: ErrorModel) -> None:
    slots = confusions.network(["bang4", "???", "hai3"]).slots
    assert len(slots) == 3 and slots[1].alternatives == (("???", 1.0),)
    assert {"shang4", "bang4"} <= {token for token, _ in slots[0].alternatives}
    assert [slot.alternatives for slot in confusions.network(["bang", "hai"]).slots] == [
        (("bang", 1.0),),
        (("hai", 1.0),),
    ]
    assert confusions.network([]).slots == ()


def test_the_program(monkeypatch, capsys, tmp_path: Path, small_model: Path) -> None:
    lines = b"ming2 tian1 wo3 men qu4 bang4 hai3\n\nqqq ni3 hao3\nni hao\n"

    def translate(*options: str) -> list[str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
        assert __main__.main(["--model", str(small_model), *options]) == 0
        return capsys.readouterr().out.split("\n")

    report = write_report(tmp_path / "report.json")
    assert translate()[0] != "明天我们去上海"
    assert translate("--confusions", str(report)) == ["明天我们去上海", "", "□你好", "你好", ""]


NOT_REPORTS = [None, b"[]", b"\xff", b'{"by_tone": {}}', b'{"by_initial": {"b": {"syllables": 1}}}']


@pytest.mark.parametrize("content", NOT_REPORTS)
def test_a_file_that_is_not_a_report(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "report.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ListError, match=r"report\.json: (not a report|cannot read)"):
        ErrorModel.from_report(path)

"""Other units than the inventory of pinyin, through all programs: trained, resumed, transcribed, scored."""

import json
import re
import shutil

import pytest
import torch
from speech import make_corpus

import evaluate
import speech2text
from ramospeech.model import load_model
from ramospeech.programs import train

TINY = "--maps 4 4 8 8 --fc 16 --rnn 16 --rnn_layers 1 --warmup 2 --dropout_scale 0"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The tones, some of whose texts hold words of letters."""
    folder = tmp_path_factory.mktemp("corpus")
    lists = make_corpus(folder)
    for path in lists.glob("*.txt"):
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [line.split("\t") for line in lines]
        for number, row in enumerate(rows):
            row[2] = row[2] if number % 2 else "八App OK"
        path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def test_characters_from_training_to_score(corpus, tmp_path, run, capsys):
    out, characters = tmp_path / "run", ("--units", "characters")
    status, said = run(corpus, out, *TINY.split(), *characters, "--epochs", 2)
    assert status == 0, said
    assert (
        "units (characters)" in said and "CER of hanzi" in said and "WER of Latin words" in said and "SER" not in said
    )
    status, said = run(corpus, out, *TINY.split(), *characters, "--epochs", 3, "--load_model")
    assert status == 0 and "epoch 3: dev loss" in said, said
    model = load_model(out / "dfcnn.safetensors")
    assert model.units.name == "characters" and {"八", "a", "▁"} <= set(model.vocabulary.units)
    assert "dev_cer" in model.summary

    table = tmp_path / "hyp.tsv"
    line = ["--model", out / "dfcnn.safetensors", "--data_root", corpus / "audio", "--format", "tsv", "--output", table]
    assert speech2text.main([str(word) for word in (*line, corpus / "lists" / "tones_dev.txt")]) == 0
    capsys.readouterr()
    score = ["--ref", corpus / "lists" / "tones_dev.txt", "--hyp", table, *characters, "--report", tmp_path / "report"]
    assert evaluate.main([str(word) for word in (*score, "--json")]) == 0
    entry = json.loads(capsys.readouterr().out)
    assert entry["clips"] == 6 and not entry["missing"]
    assert entry["wer"]["length"] == 6 and entry["cer"]["length"] > entry["cer_hanzi"]["length"] > 0
    assert "SER" not in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def test_what_a_model_of_characters_has_no_use_for(corpus, tmp_path, run, capsys):
    assert run(corpus, tmp_path, *TINY.split(), "--units", "characters", "--epochs", 1)[0] == 0
    line = ["--model", str(tmp_path / "dfcnn.safetensors"), str(corpus / "audio" / "dev0.wav")]
    for option, what in (("--translator", "leave out --translator"), ("--hotword", "--decoder beam")):
        assert speech2text.main([*line, option, "你好"]) == 2
        assert what in capsys.readouterr().err
    beam = [*line, "--decoder", "beam", "--hotword"]
    known = load_model(tmp_path / "dfcnn.safetensors").vocabulary.units[-1]  # a hanzi
    assert speech2text.main([*beam, known]) == 0
    for phrase, what in (("ni3 hao3", "give the phrase in hanzi"), ("龘", "'龘' is not a unit")):
        assert speech2text.main([*beam, phrase]) == 2
        assert what in capsys.readouterr().err
    status, said = run(corpus, tmp_path, *TINY.split(), "--load_model", "--epochs", 2, "--units", "pinyin")
    assert status == 2 and "units (characters)" in said and "units (pinyin)" in said
    status, said = run(
        corpus, tmp_path, *TINY.split(), "--units", "characters", "--share_parts", "--model_name", "other"
    )
    assert status == 2 and "have no parts" in said


@pytest.mark.parametrize("kind", ["lists", "file"])
def test_units_of_a_list(corpus, tmp_path, run, kind):
    units = tmp_path / "units.txt"
    units.write_text("<blank>\n<UNK>\nba1\nde\nma3\n", encoding="utf-8")
    status, said = run(
        corpus, tmp_path, *TINY.split(), "--epochs", 1, "--unit_list", units if kind == "file" else "lists"
    )
    assert status == 0, said
    found = load_model(tmp_path / "dfcnn.safetensors").vocabulary.units
    assert found == (("<blank>", "<UNK>", "ba1", "de", "ma3") if kind == "file" else found) and len(found) < 20
    assert ("tokens outside the units" in said) == (kind == "file")


def test_joined_clips_separate_words(corpus, tmp_path, run, capsys):
    shutil.copytree(corpus, tmp_path / "corpus")
    status, said = run(
        tmp_path / "corpus",
        tmp_path,
        *TINY.split(),
        "--units",
        "characters",
        "--epochs",
        1,
        "--concat_seconds",
        4,
        "--speeds",
        "1.0",
    )
    assert status == 0, said
    assert torch.load(tmp_path / "dfcnn.state.pt", weights_only=True)["steps"] > 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such vocabulary"),
        ("ba1\n<UNK>\nx\n", "first unit must be <blank>"),
        ("<blank>\n<UNK>\n", "no pinyin in it"),
    ],
)
def test_unit_lists_that_cannot_be(corpus, tmp_path, run, content, message):
    path = tmp_path / "units.txt"
    if content:
        path.write_text(content, encoding="utf-8")
    status, said = run(corpus, tmp_path / "run", *TINY.split(), "--unit_list", path)
    assert status == 2 and message in said and said.count("\n") == 1


def test_deep_speech_has_units_of_any_alphabet(corpus, tmp_path, capsys):
    sizes = ["--model", "deepspeech", "--rnn", 8, "--rnn_layers", 1, "--epochs", 1, "--device", "cpu", "--threads", 1]
    where = ["--data_type", "tones", "--config_path", corpus / "lists", "--data_root", corpus / "audio"]
    line = [*where, "--model_path", tmp_path, "--units", "characters", *sizes]
    assert train.main([str(word) for word in line]) == 0, capsys.readouterr().err
    model = load_model(tmp_path / "dfcnn.safetensors")
    assert model.units.name == "characters" and model.ctc.output.bias is None
    log_probs, _ = model(torch.randn(1, 8_000), torch.tensor([8_000]))
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(log_probs.shape[:2]))


@pytest.mark.parametrize(
    ("kind", "title", "scored"),
    [
        ("initials_finals", "SER", "pinyin"),
        ("mixed", "MER", "mixed"),
        ("bpe", "WER", "bpe"),
        ("jamo", "CER with spaces", "jamo"),
    ],
)
def test_other_kinds_from_training_to_score(corpus, tmp_path, run, capsys, kind, title, scored):
    if kind == "jamo":  # the texts of the corpus are Mandarin
        corpus = shutil.copytree(corpus, tmp_path / "corpus")
        for path in (corpus / "lists").glob("*.txt"):
            path.write_text(re.sub("[\u4e00-\u9fff]", "안", path.read_text("utf-8")), "utf-8")
    status, said = run(corpus, tmp_path, *TINY.split(), "--units", kind, "--epochs", 1)
    assert status == 0 and f"units ({kind})" in said and title in said, said
    status, said = run(corpus, tmp_path, *TINY.split(), "--units", kind, "--epochs", 2, "--load_model")
    assert status == 0, said
    model = load_model(tmp_path / "dfcnn.safetensors")
    assert model.units.name == kind and not model.vocabulary.unknown(
        model.units.from_text("안" if kind == "jamo" else "八App OK" * 2)[:1]
    )
    table, words = tmp_path / "hyp.tsv", corpus / "lists" / "tones_dev.txt"
    line = ["--model", tmp_path / "dfcnn.safetensors", "--data_root", corpus / "audio", "--format", "tsv"]
    assert speech2text.main([str(word) for word in (*line, "--output", table, words)]) == 0
    capsys.readouterr()
    assert evaluate.main([str(word) for word in ("--ref", words, "--hyp", table, "--units", scored, "--json")]) == 0
    entry = json.loads(capsys.readouterr().out)
    assert entry["clips"] == 6 and not entry["missing"]

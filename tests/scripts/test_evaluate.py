"""evaluate.py: matching by id, reports, exit statuses."""

import importlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from ramospeech.model import AcousticModel, ModelConfig, save_model

REF = "\ufeffa.wav\tni3 hao3\t你好\n\nb.wav\tzai4 jian4\t再见\t1.25\n"
HYP = (
    "id\tpinyin\thanzi\tseconds\tscore\terror\na.wav\tni3 hao4\t你好\t1.0\t-1.0\t\nb.wav\tzai4 jian4\t再见\t1.2\t-2\t\n"
)


@pytest.fixture
def evaluate(root, tmp_path, monkeypatch, capsys):
    """Runs the program, in this process, on a reference list and a hypothesis table."""
    monkeypatch.syspath_prepend(root)
    monkeypatch.chdir(tmp_path)
    program = importlib.import_module("evaluate")

    def run(*options, ref=REF, hyp=HYP):
        (tmp_path / "ref.txt").write_text(ref, encoding="utf-8")
        (tmp_path / "hyp.tsv").write_text(hyp, encoding="utf-8")
        status = program.main(["--ref", "ref.txt", "--hyp", "hyp.tsv", *options])
        return subprocess.CompletedProcess(options, status, *capsys.readouterr())

    return run


def test_json_table_and_report(evaluate, tmp_path):
    done = evaluate("--json", "--report", "out")
    assert done.returncode == 0, done.stderr
    entry = json.loads(done.stdout)
    assert entry["ser"]["rate"] == 0.25
    assert entry["ser_toneless"]["rate"] == entry["cer"]["rate"] == 0.0
    assert sorted(os.listdir(tmp_path / "out")) == ["details.tsv", "files", "index.html", "report.json", "report.txt"]
    assert json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8")) == entry
    assert "hyp ni3 hao4" in (tmp_path / "out" / "report.txt").read_text(encoding="utf-8")


def test_where_the_errors_are(evaluate):
    entry = json.loads(evaluate("--json").stdout)
    assert entry["by_tone"]["3"]["taken_for"] == {"4": 1}
    assert entry["by_initial"]["h"]["syllable_rate"] == entry["by_final"]["ao"]["syllable_rate"] == 1.0
    assert entry["by_length"]["2-4"]["ser"]["errors"] == entry["by_speaker"]["."]["ser"]["errors"] == 1
    assert entry["by_corpus"]["."]["cer"]["interval_95"] == [0.0, 0.0]
    assert [clip["alignment"] for clip in entry["worst"]] == [[["ni3", "ni3"], ["hao3", "hao4"]]]
    assert json.loads(evaluate("--json", "--worst", "0").stdout)["worst"] == []


def test_the_page_with_recordings_and_a_model(evaluate, tmp_path):
    units = ("<blank>", "<UNK>", "ni3", "hao3", "hao4")
    save_model(AcousticModel(ModelConfig(units, maps=(4, 4, 8, 8), fc=8, rnn=8)), tmp_path / "m.safetensors", {})
    soundfile.write(tmp_path / "a.wav", np.zeros(8_000), 16_000)
    done = evaluate("--report", "out", "--data_root", str(tmp_path), "--model", "m.safetensors")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert 'src="files/worst-01.wav"' in page and 'src="files/worst-01.png"' in page
    assert "m.safetensors" in page
    assert soundfile.info(tmp_path / "out" / "files" / "worst-01.wav").frames == 8_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data_root", "."], "give both"),
        (["--report", "out", "--model", "m.safetensors"], "with --data_root"),
        (["--report", "out", "--data_root", "none"], "--data_root none: no such folder"),
        (["--report", "out", "--data_root", ".", "--model", "none.safetensors"], "none.safetensors"),
        (["--report", "hyp.tsv"], "choose another --report"),
    ],
)
def test_options_that_cannot_be(evaluate, tmp_path, options, message):
    done = evaluate(*options)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_missing_and_extra_are_named(evaluate):
    done = evaluate(hyp=HYP.replace("b.wav", "c.wav"))
    assert done.returncode == 0
    assert "no hypothesis for b.wav" in done.stderr
    assert "no reference for c.wav" in done.stderr
    assert "75.00" in done.stdout


def test_a_table_as_reference_and_hanzi_alone_as_hypothesis(evaluate):
    done = evaluate("--json", ref=HYP, hyp="id\thanzi\nb.wav\t再见。\na.wav\t你号\n")
    entry = json.loads(done.stdout)
    assert (entry["cer"]["errors"], entry["ser"]["errors"]) == (1, 0)


@pytest.mark.parametrize(
    ("ref", "hyp", "message"),
    [
        (REF + "a.wav\tni3\t你\n", HYP, "ref.txt:4: a.wav occurs twice"),
        (REF, HYP + "a.wav\tni3\t你\t1\t1\t\n", "hyp.tsv:4: a.wav occurs twice"),
        (REF, HYP.replace("a.wav", "x/c.wav").replace("b.wav", "x/d.wav"), "references look like 'a.wav'"),
        (REF + "c.wav\n", HYP, "ref.txt:4: "),
        (REF, "a.wav\tni3\n", "hyp.tsv:1: the header"),
        ("", HYP, "no hypothesis has the id"),
    ],
)
def test_bad_input(evaluate, ref, hyp, message):
    done = evaluate(ref=ref, hyp=hyp)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("prefix", ["x/", "/data/y/", "C:\\\\clips\\\\".replace("\\\\", "\\")])
def test_ids_are_matched_by_their_ends(evaluate, prefix):
    exact = json.loads(evaluate("--json").stdout)
    done = evaluate("--json", hyp=HYP.replace("a.wav", f"{prefix}a.wav").replace("b.wav", f"{prefix}b.wav"))
    assert json.loads(done.stdout) == exact
    assert "2 ids are matched by their ends" in done.stderr


def test_an_id_that_could_be_several_is_named(evaluate):
    done = evaluate(ref="x/a.wav\tni3 hao3\t你好\ny/a.wav\tni3 hao3\t你好\n")
    assert done.returncode == 2
    assert "hypothesis a.wav may be x/a.wav or y/a.wav" in done.stderr


@pytest.mark.parametrize(("script", "errors"), [("any", 0), ("exact", 4)])
def test_traditional_and_simplified(evaluate, script, errors):
    ref, hyp = "a.wav\tqi4 hou4 fa1 zhe\t气后发着\n", "id\tpinyin\thanzi\na.wav\tqi4 hou4 fa1 zhe\t氣後發著\n"
    assert json.loads(evaluate("--json", "--script", script, ref=ref, hyp=hyp).stdout)["cer"]["errors"] == errors


def test_compatibility_forms_are_the_characters_they_stand_for(evaluate):
    ref, hyp = "a.wav\tlao3 che1\t老車\n", "id\tpinyin\thanzi\na.wav\tlao3 che1\t\uf934\uf902\n"
    assert json.loads(evaluate("--json", "--script", "exact", ref=ref, hyp=hyp).stdout)["cer"]["errors"] == 0


def test_many_missing_ids_are_counted(evaluate):
    ref = REF + "".join(f"more{i}.wav\tni3\t你\n" for i in range(30))
    done = evaluate(ref=ref)
    assert "no hypothesis for 30 ids in all" in done.stderr and "no hypothesis for more3.wav" in done.stderr


def test_as_a_program(root):
    command = [sys.executable, str(root / "evaluate.py"), "--ref", "none.txt", "--hyp", "none.tsv"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: none.txt")

"""The examples of ctc_decode/README.md: Python with stand-ins for wenet and Hugging Face, C++ with a compiler."""

import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
UNITS = ["<blank>", "▁he", "llo", "▁you", "bei3", "jing1"]


@pytest.fixture(scope="module")
def blocks(root):
    """The code blocks, by language."""
    found = re.findall(r"```(\w+)\n(.*?)```", (root / "ctc_decode" / "README.md").read_text("utf-8"), re.DOTALL)
    return {kind: [code for language, code in found if language == kind] for kind in ("python", "cpp")}


def posteriors(ids: list[int], units: int) -> "torch.Tensor":
    """(1, T', V) log probabilities of which each frame has one clear unit."""
    probabilities = torch.full((1, len(ids), units), 0.02)
    probabilities[0, range(len(ids)), ids] = 1 - 0.02 * (units - 1)
    return probabilities.log()


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "float16", "gradient", "numpy"])
def test_three_lines(blocks, kind, capsys):
    log_probs = posteriors([1, 0, 2, 3], 6)
    if kind in ("float16", "bfloat16"):
        log_probs = log_probs.to(getattr(torch, kind))
    elif kind == "gradient":
        log_probs.requires_grad_()
    elif kind == "numpy":
        log_probs = log_probs.numpy()
    names = {"units": UNITS, "log_probs": log_probs, "lengths": torch.tensor([4])}
    exec(blocks["python"][0], names)
    assert capsys.readouterr().out.startswith("('▁he', 'llo', '▁you') ")


def test_wenet(blocks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "units.txt").write_text("".join(f"{unit} {i}\n" for i, unit in enumerate(UNITS)), "utf-8")
    encoder_out = posteriors([1, 1, 0, 2, 3], 6)
    model = SimpleNamespace(ctc_logprobs=lambda states: states)
    names = {"BeamSearchDecoder": None, "model": model, "encoder_out": encoder_out,
             "encoder_mask": torch.ones(1, 1, 5, dtype=torch.bool)}  # fmt: skip
    exec("from ctc_decode import BeamSearchDecoder\n" + blocks["python"][1], names)
    assert names["text"] == "hello you"


def test_hugging_face(blocks):
    tokenizer = SimpleNamespace(get_vocab=lambda: {"a": 2, "|": 1, "<pad>": 3, "b": 0}, pad_token_id=3)
    logits = posteriors([2, 3, 2, 1, 0], 4) + 5.0
    names = {
        "processor": SimpleNamespace(tokenizer=tokenizer),
        "model": lambda: SimpleNamespace(logits=logits),
        "inputs": {},
    }
    exec("from ctc_decode import BeamSearchDecoder\n" + blocks["python"][2], names)
    assert names["text"] == "aa b"


def test_the_blank_last(blocks):
    names = {"units": ["a", "b"]}
    exec("from ctc_decode import BeamSearchDecoder\n" + blocks["python"][3], names)
    assert names["decoder"].decode(posteriors([0, 2, 0, 1], 3), [4])[0][0].tokens == ("a", "a", "b")


def test_more(blocks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.arpa").write_text(
        "\\data\\\nngram 1=4\n\n\\1-grams:\n-1 <s>\n-1 </s>\n-1 bei3\n-1 jing1\n\n\\end\\\n", "utf-8"
    )
    units = ["<blank>", "bei3", "jing1", "shi4"]
    names = {"units": units, "log_probs": posteriors([3, 0, 1, 0, 2], 4)}
    exec(blocks["python"][4], names)
    names["stream"].push(posteriors([1, 2], 4)[0])
    assert names["stream"].finish()[0].tokens == ("bei3", "jing1")
    assert names["greedy"].decode(names["log_probs"], [5])[0][0].tokens == ("shi4", "bei3", "jing1")
    assert [token.id for token in names["tokens"]] == [3, 1, 2]


@pytest.mark.slow
def test_the_core_alone(blocks, root, tmp_path):
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ on this machine")
    (tmp_path / "main.cpp").write_text(blocks["cpp"][0], "utf-8")
    folder = root / "ctc_decode" / "src"
    sources = [path for path in folder.glob("*.cpp") if path.name != "module.cpp"]
    command = [compiler, "-std=c++17", "-O1", "-Wall", "-Werror", "-I", folder, "main.cpp", *sources, "-pthread"]
    subprocess.run([*command, "-o", "decode"], cwd=tmp_path, check=True)
    done = subprocess.run(["./decode"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "1 2 -0.516\n"

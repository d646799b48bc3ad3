"""train_translator.py, as it is run: alone, resumed, with two workers, with options and files that are wrong."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import seeds

from ramospeech.programs import train_translator
from ramospeech.translate import NgramTranslator, train_ngram
from ramospeech.translate.second_pass import SecondPass

ROOT = Path(__file__).resolve().parents[2]
SENTENCES = ["你好吗", "我们今天去北京", "今天天气很好", "他们在学习中文", "明天我们去上海", "银行在哪里"]
DEV = "jin1 tian1 tian1 qi4 hen3 hao3\t今天天气很好\nyin2 hang2 zai4 na3 li3\t银行在哪里\n"
SMALL = "--width 32 --layers 1 --decoder 32 --batch_characters 300 --warmup 5 --lr 1e-2 --gpu_rank 0 --threads 1"
CAUSAL = ["--kind", "causal", "--width", "64"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("translator")
    text, dev, ngram = folder / "text.txt", folder / "dev.tsv", folder / "ngram.safetensors"
    text.write_text("\n".join(SENTENCES * 40) + "\n", encoding="utf-8")
    dev.write_text(DEV, encoding="utf-8")
    assert train_ngram.main([str(text), "--output", str(ngram)]) == 0
    return {"text": str(text), "dev": str(dev), "ngram": str(ngram), "folder": str(folder)}


def options(files: dict[str, str], name: str, *more: str) -> list[str]:
    where = ["--model_path", files["folder"], "--model_name", name, "--ngram", files["ngram"], "--dev", files["dev"]]
    return [files["text"], *where, *SMALL.split(), *more]


def state(files: dict[str, str], name: str) -> dict:
    return train_translator.load_state(Path(files["folder"]) / f"{name}.state.pt")


def test_it_learns(tmp_path: Path) -> None:
    seeds.check("translator", tmp_path)


@pytest.mark.parametrize("more", [[], CAUSAL])
def test_a_resumed_run_ends_like_an_uninterrupted_one(files: dict[str, str], more: list[str]) -> None:
    assert train_translator.main(options(files, "whole", "--steps", "30", "--dev_step", "15", *more)) == 0
    original, taken = train_translator.Trainer.step, []

    def stop_after_15(self, batch, lr, stop=False, save=False, seconds=0.0):
        taken.append(lr)
        return original(self, batch, lr, len(taken) == 15, save, seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_translator.Trainer, "step", stop_after_15)
        assert train_translator.main(options(files, "parts", "--steps", "30", "--dev_step", "15", *more)) == 130
    resumed = options(files, "parts", "--steps", "30", "--dev_step", "15", *more, "--load_model")
    assert train_translator.main(resumed) == 0
    whole, parts = state(files, "whole"), state(files, "parts")
    assert whole["steps"] == parts["steps"] == 30
    for name, tensor in whole["model"].items():
        assert (tensor == parts["model"][name]).all(), name


def test_a_finished_run_says_so_and_where_the_model_is(files: dict[str, str], capsys) -> None:
    assert train_translator.main(options(files, "done", "--steps", "2")) == 0
    assert f"--translator {files['folder']}/done.safetensors RECORDING" in capsys.readouterr().err
    assert train_translator.main(options(files, "done", "--steps", "2", "--load_model")) == 0
    assert "2 of 2 steps are done; give more --steps, or" in capsys.readouterr().err


@pytest.mark.parametrize("labelled", [False, True])
def test_a_language_model_of_characters(files: dict[str, str], capsys, tmp_path: Path, labelled: bool) -> None:
    """It learns from plain and from labelled text, and its file is read as the second pass of the n-gram translator."""
    first, *rest = options(files, "causal", "--steps", "60", "--dev_step", "30", *CAUSAL)
    if labelled:
        first = str(tmp_path / "all.corpus")
        assert train_translator.main([files["text"], "--ngram", files["ngram"], "--label", first]) == 0
    assert train_translator.main([first, *rest]) == 0
    said = capsys.readouterr().err
    found = [float(number) for number in re.findall(r"dev perplexity ([0-9.]+) per character on 2 sentences", said)]
    assert len(found) == 2 and found[-1] < 60  # of 6,776 characters; 20 occur in the text
    assert f"dev perplexity {min(found):.2f}, the best" in said
    path = Path(files["folder"]) / "causal.safetensors"
    assert SecondPass.load(path, NgramTranslator.load(files["ngram"]).model).weight > 0
    assert train_translator.main([first, *rest, "--width", "32"]) == 2
    assert "--width 32: has heads of 64; give a multiple of it" in capsys.readouterr().err


def test_excluded_sentences_are_counted(files: dict[str, str], capsys, tmp_path: Path) -> None:
    exclude = tmp_path / "test.tsv"
    exclude.write_text("ni3 hao3 ma\t你好吗\n", encoding="utf-8")
    assert train_translator.main(options(files, "less", "--steps", "1", "--exclude", str(exclude))) == 0
    assert "40 lines are sentences of --exclude and are left out" in capsys.readouterr().err


@pytest.mark.xdist_group("horovod")
@pytest.mark.parametrize("network", [[], CAUSAL])
def test_two_workers(files: dict[str, str], network: list[str]) -> None:
    pytest.importorskip("horovod.torch", reason="Horovod is not installed: ./install.sh --horovod")
    command = [str(Path(sys.executable).with_name("horovodrun")), "-np", "2", sys.executable, "train_translator.py"]
    done = subprocess.run(
        [*command, *options(files, "two", "--steps", "6", "--dev_step", "3", *network)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert state(files, "two")["steps"] == 6 and "2 worker(s)" in done.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--steps", "0"], "--steps: must be a whole number of at least 1"),
        (["--lr", "0"], "--lr: must be a finite number greater than 0"),
        (["--lr", "nan"], "--lr: must be a finite number greater than 0"),
        (["--max_grad_norm", "inf"], "--max_grad_norm: must be a finite number greater than 0"),
        (["--seed", "-1"], "--seed: must be a whole number of at least 0"),
        (["--dropout", "1"], "--dropout: must be a finite number of at least 0 and less than 1, not 1"),
        (["--amp", "fp16"], "fp16 needs a GPU"),
        (["--load_model"], "no such training state"),
        (["--ngram", "none.safetensors"], "none.safetensors: no such model"),
        (["--dev", "none.tsv"], "none.tsv: cannot be read"),
    ],
)
def test_wrong_options(files: dict[str, str], capsys, more: list[str], message: str) -> None:
    assert train_translator.main(options(files, "wrong", "--steps", "2", *more)) == 2
    assert message in capsys.readouterr().err


def test_wrong_files(files: dict[str, str], capsys, tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    for content, message in (
        (b"\xe4\xbd\xa0\n\xff\xfe\n", f"{bad}:2: not UTF-8"),
        (b"no hanzi\n", "no sentences of hanzi"),
    ):
        bad.write_bytes(content)
        assert train_translator.main([str(bad), *options(files, "wrong", "--steps", "2")[1:]]) in (1, 2)
        assert message in capsys.readouterr().err
    bad.write_text("ni3 hao3\t你好\nni3\n", encoding="utf-8")
    assert train_translator.main(options(files, "wrong", "--steps", "2", "--dev", str(bad))) == 2
    assert f"{bad}:2: 1 columns" in capsys.readouterr().err


def test_another_model_is_not_resumed(files: dict[str, str], capsys) -> None:
    assert train_translator.main(options(files, "small", "--steps", "1")) == 0
    assert train_translator.main(options(files, "small", "--steps", "2", "--load_model", "--width", "16")) == 2
    assert "other sizes" in capsys.readouterr().err

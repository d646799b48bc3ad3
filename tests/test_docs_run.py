"""Commands of the READMEs and of the documents run as they are typed, on small corpora laid out like the originals."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from ramospeech import audio
from ramospeech.corpora import Utterance, read_list

ROOT = Path(__file__).resolve().parent.parent
OURS = ("ramospeech ", "python ", "horovodrun ", "./speech2text.sh", "echo ")
# What is not run here: it installs (tests/install does), needs root, docker or hours, or is a drawing.
NOT_RUN = (
    r"ramospeech serve|curl |"  # tests/serve does
    r"pip install|apt-get |\./install\.sh|\. \.venv|make |docker |tensorboard |recording -> |any format |or fbank |"
    r"录音 |任意格式 |或 fbank|warning: |horovodrun -np 8 -H host1|python train\.py --data_type mine,aishell|.*\.\.\.|"
    r"python train_translator|python speech2text\.py --translator none|python evaluate\.py --ref dev\.txt|"
    r"python -m ramospeech\.translate --confusions|python -m ramospeech\.train_lm|python -m ramospeech\.tune|"
    r"python train\.py --recipe aishell$|print\("
)
PAGES = ("index", "transcribing", "evaluating", "align", "translator", "fine-tuning")
SPEAKERS = {"train": ("S0002", "S0003"), "dev": ("S0724",), "test": ("S0764",)}


def commands(path: Path) -> list[str]:
    """The indented lines of a document outside of its programs, joined where they end in a backslash."""
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL).replace("\\\n", " ")
    return [line.strip() for line in re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)]


def put_clip(clip: Utterance, path: Path) -> None:
    """Write a clip of the demo corpus in the format that the name says; of mp3 the name only, as content decides."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".mp3":
        path.write_bytes((ROOT / "demo" / clip.path).read_bytes())
    else:
        soundfile.write(path, audio.load(ROOT / "demo" / clip.path), audio.SAMPLE_RATE)


def put_aishell(clips: list[Utterance], data: Path) -> None:
    """AISHELL-1 as it is unpacked, of two clips per speaker."""
    lines = []
    for split, speakers in SPEAKERS.items():
        for speaker in speakers:
            for number in (122, 123):
                clip = clips.pop()
                name = f"BAC009{speaker}W0{number}"
                put_clip(clip, data / "data_aishell" / "wav" / split / speaker / f"{name}.wav")
                lines.append(f"{name} {' '.join(clip.text)}\n")
    transcript = data / "data_aishell" / "transcript" / "aishell_transcript_v0.8.txt"
    transcript.parent.mkdir()
    transcript.write_text("".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of the checkout with data in it, in which the recipes of large corpora have one epoch."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("ramospeech", "ctc_decode", "data_config"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "build"))
    for name in ("demo", "pretrained"):
        (folder / name).symlink_to(ROOT / name)
    for path in (*ROOT.glob("*.py"), ROOT / "speech2text.sh"):
        shutil.copy(path, folder / path.name)
    for recipe in ("aishell", "finetune"):
        path = folder / "data_config" / "recipes" / f"{recipe}.toml"
        path.write_text(re.sub(r"(?m)^epochs = \d+", "epochs = 1", path.read_text("utf-8")), encoding="utf-8")
    clips = [clip for clip in read_list(ROOT / "data_config" / "demo_dev.txt") if len(clip.tokens) > 6]
    put_clip(clips[0], folder / "talk.mp3")
    (folder / "talk.txt").write_text(clips[0].text, encoding="utf-8")
    for number in range(4):
        clip = clips.pop()
        put_clip(clip, folder / "recordings" / f"{number}.wav")
        (folder / "recordings" / f"{number}.txt").write_text(clip.text, encoding="utf-8")
    put_aishell(clips, folder / "data")
    for corpus in ("meetings", "mine"):
        for number in range(6):
            clip, name = clips.pop(), folder / "data" / corpus / f"person{number % 3}" / f"{number}.wav"
            put_clip(clip, name)
            name.with_suffix(".txt").write_text(clip.text, encoding="utf-8")
    for name, line in (("python", '"$@"'), ("python3", '"$@"'), ("ramospeech", '-m ramospeech "$@"')):
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {line}\n')
        program.chmod(0o755)
    return folder


def run(command: str, folder: Path) -> None:
    path = f"{folder / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    started = time.monotonic()
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=3600,
    )
    print(f"{time.monotonic() - started:5.1f} s  {command}")
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}"


def test_every_line_is_run_or_known_not_to_be() -> None:
    for path in (ROOT / "README.md", ROOT / "README.zh-CN.md", *(ROOT / "docs" / f"{page}.md" for page in PAGES)):
        unknown = [line for line in commands(path) if not line.startswith(OURS) and not re.match(NOT_RUN, line)]
        assert unknown == [], path.name


@pytest.mark.slow
def test_the_commands_of_the_readme_and_of_documents_run(checkout: Path) -> None:
    """In one checkout, from top to bottom. The Chinese README has the same commands (test_docs_commands.py)."""
    lines = commands(ROOT / "README.md")
    for page in PAGES:
        lines += commands(ROOT / "docs" / f"{page}.md")
    if not Path(sys.executable).with_name("horovodrun").exists():
        lines = [re.sub(r"^horovodrun -np \d ", "", line) for line in lines]
    for line in dict.fromkeys(line.split("#")[0].strip() for line in lines if not re.match(NOT_RUN, line)):
        run(line, checkout)
    assert (checkout / "talk.srt").read_text("utf-8").startswith("1\n00:00:0")
    assert (checkout / "report" / "index.html").is_file()
    assert {path.name for path in (checkout / "runs").glob("*.safetensors")} >= {"aishell.safetensors"}

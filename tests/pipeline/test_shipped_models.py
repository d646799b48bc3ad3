"""Real speech through the shipped weights: ten clips of the demo corpus, of a voice that no model was trained on."""

import re

import pytest

from ramospeech.corpora import Clip, read_list
from ramospeech.model.pretrained import model_path
from ramospeech.pipeline import Transcriber
from ramospeech.score.distance import edits

VOICE = "zf_xiaoxiao"
# Largest syllable error rate by model. Measured: dfcnn 19 of 80 syllables. Weights that are broken, or features that
# have changed, give nearly 1.
LIMITS = {"accurate": 0.35, "dfcnn": 0.35, "fast": 0.35, None: 0.35}


@pytest.fixture(scope="module")
def clips(root) -> list[Clip]:
    voices = dict(line.split("\t")[:2] for line in (root / "demo" / "voices.tsv").read_text("utf-8").splitlines())
    return [clip for clip in read_list(root / "data_config" / "demo_test.txt") if voices[clip.path] == VOICE][:10]


def test_the_first_clips_of_the_demo_come_out_right(root):
    """Those that demo/run.sh and speech2text.sh transcribe: as printed, but for one character of another processor."""
    names = re.search(r"/\((\S+)\)\\.ogg", (root / "demo" / "run.sh").read_text("utf-8"))[1].split("|")
    assert re.findall(r"demo/audio/test/(\d+)\.ogg", (root / "speech2text.sh").read_text("utf-8")) == names
    clips = [clip for clip in read_list(root / "data_config" / "demo_test.txt") if clip.path[-8:-4] in names]
    found = list(Transcriber.from_pretrained().transcribe_batch([root / "demo" / clip.path for clip in clips]))
    assert len(clips) == len(names) == 3
    pairs = zip(clips, found, strict=True)
    assert sum(edits(clip.hanzi, transcript.text).errors for clip, transcript in pairs) <= 1


@pytest.mark.parametrize("name", LIMITS)
def test_ten_clips_are_recognised(name, clips, root):
    path = None if name is None else model_path(name)
    if path is not None and not path.is_file():
        pytest.skip(f"no {path.name} is shipped")
    found = list(Transcriber.from_pretrained(path).transcribe_batch([root / "demo" / clip.path for clip in clips]))
    assert [transcript.error for transcript in found] == [None] * 10
    pairs = zip(clips, found, strict=True)
    errors = sum(edits(clip.pinyin, transcript.pinyin).errors for clip, transcript in pairs)
    assert errors / sum(len(clip.pinyin) for clip in clips) < LIMITS[name]
    assert all(len(transcript.text) == len(transcript.pinyin) for transcript in found)

"""Make the demo corpus: sentences, speech by Kokoro-82M, and lists (the story is in demo/README.md).

    python demo/make_corpus.py plan                                # counts, no synthesis
    python demo/make_corpus.py speak --kokoro DIR [--shard I/N]    # resumable; one process per core
    python demo/make_corpus.py lists                               # when all clips are there

The plan (who says what, how fast) depends on the seed alone. `speak` writes a clip under a temporary name
first, so an interrupted run leaves no half clip and the next run continues with what is missing.
"""

import argparse
import json
import random
import sys
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
from sentences import balanced, pinyin, salads, sentences

ROOT = Path(__file__).resolve().parent
SEED = 2
RATE = 16_000
POOL = 8_000  # sentences to choose from
TRAIN = (("commands", 600), ("salads", 560), ("commands", 318))  # in this order
CLIPS = {"test": 110, "dev": 60, "train": sum(count for _, count in TRAIN)}
LIMIT = 4_000_000  # bytes of audio, lists and voices together

# The test voices and the dev voice are never used in training, not even as a part of a blend.
TEST_VOICES = ["zf_xiaoxiao", "zm_yunyang"]
DEV_VOICES = ["zf_xiaoni"]
TRAIN_VOICES = ["zf_xiaobei", "zf_xiaoyi", "zm_yunjian", "zm_yunxi", "zm_yunxia"]
# Voices of other languages lend their timbre to blends (a Mandarin voice always has the larger weight).
GUEST_VOICES = (
    "af_alloy af_aoede af_bella af_heart af_jessica af_kore af_nova af_river af_sarah af_sky am_adam "
    "am_echo am_eric am_fenrir am_liam am_michael am_onyx am_puck bf_alice bf_emma bf_isabella "
    "bf_lily bm_daniel bm_fable bm_george bm_lewis ef_dora em_alex ff_siwis hf_alpha hf_beta hm_omega "
    "hm_psi if_sara im_nicola jf_alpha jf_gongitsune jf_nezumi jf_tebukuro jm_kumo pf_dora pm_alex"
)
SPEEDS = {"test": (0.9, 1.2), "dev": (0.9, 1.2), "train": (0.85, 1.3)}

# libsndfile's Opus rate is 6 + 250 * (1 - level) kbit/s. Below 9 kbit/s Opus drops what is above 4 kHz, which
# distinguishes sibilants.
OPUS_LEVEL = 0.983
MARGIN = 0.1  # seconds of silence kept at both ends; Kokoro leaves 0.4 and 0.7


@dataclass(frozen=True)
class Line:
    """One clip of the plan; a voice is a list of (weight, name) whose weights add up to one."""

    split: str
    path: str
    hanzi: str
    voice: tuple[tuple[float, str], ...]
    speed: float

    @property
    def voice_name(self) -> str:
        return "+".join(name if share == 1 else f"{name}*{share:.2f}" for share, name in self.voice)


def choose_voice(split: str, index: int, chance: random.Random) -> tuple[tuple[float, str], ...]:
    """A test or dev clip takes the next of its voices; of five train clips one is in a pure voice, four in blends."""
    if split != "train":
        voices = TEST_VOICES if split == "test" else DEV_VOICES
        return ((1, voices[index % len(voices)]),)
    first = TRAIN_VOICES[index % len(TRAIN_VOICES)]
    kind = index // len(TRAIN_VOICES) % 5
    if kind == 0:
        return ((1, first),)
    # A woman blends with women and a man with men (the second letter): what lies between them is nobody's voice.
    others = TRAIN_VOICES if kind == 1 else GUEST_VOICES.split()
    second = chance.choice([v for v in others if v != first and v[1] == first[1]])
    share = round(chance.uniform(0.5, 0.85), 2)
    return ((share, first), (round(1 - share, 2), second))


def choose_train(commands: list[str], chance: random.Random) -> list[str]:
    """The sentences of TRAIN: each part spreads over the syllables evenly."""
    words, chosen = salads(chance), list[str]()
    for kind, count in TRAIN:
        pool = [next(words) for _ in range(POOL)] if kind == "salads" else commands
        part = balanced(pool, count, chance)
        commands = [hanzi for hanzi in commands if hanzi not in set(part)]
        chosen += part
    return chosen


def plan() -> list[Line]:
    """Every clip of the corpus; test and dev take the first sentences of the pool, as they come."""
    chance = random.Random(SEED)
    source = sentences(chance)
    pool = [next(source) for _ in range(POOL)]
    lines = []
    for split, count in CLIPS.items():
        chosen = pool[:count] if split != "train" else choose_train(pool, chance)
        pool = pool[count:]
        for index, hanzi in enumerate(chosen):
            path = f"audio/{split}/{index:04d}.ogg"
            own = random.Random(f"{SEED} {path}")  # a clip keeps its voice when CLIPS changes
            voice = choose_voice(split, index, own)
            lines.append(Line(split, path, hanzi, voice, round(own.uniform(*SPEEDS[split]), 2)))
    return lines


class Kokoro:
    """Kokoro-82M as an ONNX graph with its voices: hanzi -> (S,) float32 at 16 kHz.

    `folder` holds model.onnx, vocab.json (phoneme -> id) and voices/NAME.bin ((510, 256) float32, a style for
    each number of phonemes).
    """

    def __init__(self, folder: Path) -> None:
        import onnxruntime
        from misaki.zh import ZHG2P

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.folder = folder
        self.session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.ids = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        self.g2p = ZHG2P()

    def phonemes(self, hanzi: str) -> str:
        """Phonemes of a sentence; ValueError where the synthesiser would read it otherwise than its label."""
        spoken = self.g2p(hanzi)[0]
        label = "".join(self.g2p.py2ipa(s if s[-1].isdigit() else s + "5") for s in pinyin(hanzi))
        # U+032F marks the glide of a diphthong, which the front end leaves out
        if spoken.replace(" ", "") != label.replace("\u032f", ""):
            raise ValueError(f"{hanzi}: read {spoken}, labelled {label}")
        return spoken

    def speak(self, line: Line) -> np.ndarray:
        """The clip of a line, cut to MARGIN seconds of silence at both ends, peak at or under 0.95."""
        import soxr

        tokens = [self.ids[c] for c in self.phonemes(line.hanzi)]
        style = sum(
            share * np.fromfile(self.folder / "voices" / f"{name}.bin", np.float32).reshape(-1, 256)[len(tokens)]
            for share, name in line.voice
        )
        audio = self.session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], np.int64),
                "style": np.asarray(style, np.float32)[None],
                "speed": np.array([line.speed], np.float32),
            },
        )[0]
        audio = soxr.resample(np.asarray(audio, np.float32).ravel(), 24_000, RATE)
        audio = audio * (0.95 / max(0.95, float(np.abs(audio).max())))
        level = np.sqrt(np.convolve(audio**2, np.full(RATE // 100, 100 / RATE), "same"))
        loud = np.flatnonzero(level > 0.01 * level.max())
        margin = int(MARGIN * RATE)
        return audio[max(0, loud[0] - margin) : loud[-1] + margin]


def without_padding(ogg: bytes) -> bytes:
    """An Ogg Opus file without the room that libsndfile leaves for comments (a quarter of a short clip).

    RFC 7845: the second page is OpusTags: that word, the vendor's name with its length, a count of comments
    (none here). RFC 3533: a page is 22 bytes, a checksum of the page (4 bytes, taken as zero), a table of the
    sizes of its segments, and these.
    """
    start = ogg.index(b"OggS", 4)
    audio = ogg.index(b"OggS", start + 4)
    tags = ogg[start + 27 + ogg[start + 26] : audio]
    length = 16 + int.from_bytes(tags[8:12], "little")
    if tags[:8] != b"OpusTags" or tags[length - 4 : length] != bytes(4) or length >= 255:
        raise ValueError("not the comment page that libsndfile writes")
    head, table = ogg[start : start + 22], bytes([1, length])
    checksum = 0
    for byte in head + bytes(4) + table + tags[:length]:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum >> 31 else 0)) & 0xFFFFFFFF
    return ogg[:start] + head + checksum.to_bytes(4, "little") + table + tags[:length] + ogg[audio:]


def speak(lines: list[Line], kokoro: Path) -> None:
    """Synthesise and encode the clips that are not there yet."""
    missing = [line for line in lines if not (ROOT / line.path).exists()]
    voice = Kokoro(kokoro)
    for done, line in enumerate(missing, 1):
        path = ROOT / line.path
        path.parent.mkdir(parents=True, exist_ok=True)
        part, encoded = path.with_suffix(".part"), BytesIO()
        soundfile.write(encoded, voice.speak(line), RATE, format="OGG", subtype="OPUS", compression_level=OPUS_LEVEL)
        part.write_bytes(without_padding(encoded.getvalue()))
        part.rename(path)
        if done % 20 == 0 or done == len(missing):
            print(f"{done} of {len(missing)} clips", file=sys.stderr, flush=True)


def write_lists(lines: list[Line], lists: Path) -> None:
    """Write the lists and voices.tsv, print the sizes; SystemExit when clips are missing or too large."""
    missing = [line.path for line in lines if not (ROOT / line.path).exists()]
    if missing:
        raise SystemExit(f"error: {len(missing)} clips are missing, the first is {missing[0]}; run `speak` again")
    rows: dict[str, list[str]] = {split: [] for split in CLIPS}
    seconds: Counter[str] = Counter()
    for line in lines:
        duration = soundfile.info(ROOT / line.path).duration
        seconds[line.split] += duration
        rows[line.split].append(f"{line.path}\t{' '.join(pinyin(line.hanzi))}\t{line.hanzi}\t{duration:.2f}\n")
    for split, texts in rows.items():
        (lists / f"demo_{split}.txt").write_text("".join(texts), encoding="utf-8")
        print(f"{split}: {len(texts)} clips, {seconds[split] / 60:.1f} min")
    voices = "".join(f"{line.path}\t{line.voice_name}\t{line.speed:.2f}\n" for line in lines)
    (ROOT / "voices.tsv").write_text(voices, encoding="utf-8")
    files = [*(ROOT / "audio").rglob("*.*"), *(lists / f"demo_{s}.txt" for s in CLIPS), ROOT / "voices.tsv"]
    size = sum(path.stat().st_size for path in files)
    print(f"{size:,} bytes with lists")
    if size > LIMIT:
        raise SystemExit(f"error: the corpus is larger than {LIMIT:,} bytes; lower CLIPS or OPUS_LEVEL")


def describe(lines: list[Line]) -> None:
    """Print how often each syllable occurs in training, and the sizes of the parts."""
    counts = {split: Counter(s for line in lines if line.split == split for s in pinyin(line.hanzi)) for split in CLIPS}
    for split, count in counts.items():
        print(f"{split}: {CLIPS[split]} clips, {count.total()} syllables, {len(count)} distinct")
    print(*(f"{syllable}:{count}" for syllable, count in counts["train"].most_common()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["plan", "speak", "lists"])
    parser.add_argument("--kokoro", type=Path, help="folder with model.onnx, vocab.json and voices/ (for speak)")
    parser.add_argument("--shard", default="0/1", metavar="I/N", help="speak every Nth clip, from the Ith")
    parser.add_argument("--lists", type=Path, default=ROOT.parent / "data_config", help="where the lists go")
    args = parser.parse_args()
    lines = plan()
    if args.step == "plan":
        describe(lines)
    elif args.step == "lists":
        write_lists(lines, args.lists)
    elif args.kokoro is None:
        parser.error("speak needs --kokoro DIR")
    else:
        index, count = map(int, args.shard.split("/"))
        speak(lines[index::count], args.kokoro)


if __name__ == "__main__":
    main()

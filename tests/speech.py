"""A tiny corpus of tones, one tone a syllable, so that a small network can learn it in seconds."""

from pathlib import Path

import numpy as np
import soundfile

SYLLABLES = ["ba1", "ma3", "de", "shi4"]


def say(syllables, rng, rate=16_000):
    """A waveform in which each syllable is its own tone of 0.16 to 0.3 s."""
    pieces = [np.zeros(1_600)]
    for syllable in syllables:
        time = np.arange(int(rate * rng.uniform(0.16, 0.3))) / rate
        pitch = 300.0 * (1 + SYLLABLES.index(syllable))
        pieces += [0.3 * np.sin(2 * np.pi * pitch * time) * np.hanning(len(time)), np.zeros(800)]
    return (np.concatenate([*pieces, np.zeros(1_600)]) + rng.normal(0, 0.003, sum(map(len, pieces)) + 1_600)).astype(
        np.float32
    )


def make_corpus(folder: Path, clips=24, name="tones", seed=0):
    """Write `clips` recordings to folder/audio and their lists to folder/lists; returns the latter."""
    rng = np.random.default_rng(seed)
    lists = folder / "lists"
    lists.mkdir(parents=True, exist_ok=True)
    (folder / "audio").mkdir(exist_ok=True)
    for split, count in (("train", clips), ("dev", max(2, clips // 4)), ("test", 2)):
        lines = []
        for i in range(count):
            syllables = rng.choice(SYLLABLES, rng.integers(2, 6)).tolist()
            waveform = say(syllables, rng)
            soundfile.write(folder / "audio" / f"{split}{i}.wav", waveform, 16_000)
            lines.append(
                f"{split}{i}.wav\t{' '.join(syllables)}\t{'字' * len(syllables)}\t{len(waveform) / 16_000:.4f}\n"
            )
        (lists / f"{name}_{split}.txt").write_text("".join(lines), encoding="utf-8")
    return lists

"""A tiny corpus of tones, one tone a syllable, so that a small network can learn it in seconds."""

from pathlib import Path

import numpy as np
import soundfile

SYLLABLES = ["ba1", "ma3", "de", "shi4"]


def say(syllables, rng, rate=16_000, seconds=(0.16, 0.3), pause=0.05):
    """A waveform in which each syllable is its own tone of so many seconds, with pauses between, longer at the ends."""
    pieces = [np.zeros(round(2 * pause * rate))]
    for syllable in syllables:
        time = np.arange(int(rate * rng.uniform(*seconds))) / rate
        pitch = 300.0 * (1 + SYLLABLES.index(syllable))
        pieces += [0.3 * np.sin(2 * np.pi * pitch * time) * np.hanning(len(time)), np.zeros(round(pause * rate))]
    waveform = np.concatenate([*pieces, np.zeros(round(2 * pause * rate))])
    return (waveform + rng.normal(0, 0.003, len(waveform))).astype(np.float32)


def make_corpus(folder: Path, clips=24, name="tones", seed=0, syllables=(2, 5), **sound):
    """Write `clips` recordings of so many syllables to folder/audio and their lists to folder/lists; returns these.

    `sound`: how `say` makes them.
    """
    rng = np.random.default_rng(seed)
    lists = folder / "lists"
    lists.mkdir(parents=True, exist_ok=True)
    (folder / "audio").mkdir(exist_ok=True)
    for split, count in (("train", clips), ("dev", max(2, clips // 4)), ("test", 2)):
        lines = []
        for i in range(count):
            spoken = rng.choice(SYLLABLES, rng.integers(syllables[0], syllables[1] + 1)).tolist()
            waveform = say(spoken, rng, **sound)
            soundfile.write(folder / "audio" / f"{split}{i}.wav", waveform, 16_000)
            lines.append(f"{split}{i}.wav\t{' '.join(spoken)}\t{'字' * len(spoken)}\t{len(waveform) / 16_000:.4f}\n")
        (lists / f"{name}_{split}.txt").write_text("".join(lines), encoding="utf-8")
    return lists

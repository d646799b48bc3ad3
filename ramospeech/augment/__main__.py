"""Apply the effects to recordings: `python -m ramospeech.augment IN OUT [--effect NAME ...]`."""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch

from ramospeech import audio
from ramospeech.augment.noise import Clips
from ramospeech.augment.silence import join
from ramospeech.augment.speed import speed
from ramospeech.augment.wave import EFFECTS, SNR, WaveAugment
from ramospeech.cli import Parser, seed
from ramospeech.errors import AudioError, UsageError, extra, program
from ramospeech.features import Spectrogram
from ramospeech.files import whole_file

with extra("augment"):
    from matplotlib.figure import Figure

PLANNED = ("speed", "silence")  # training draws these elsewhere: by --speeds, --pad_silence
FORMATS = (".wav", ".flac", ".ogg", ".mp3")


def parser() -> argparse.ArgumentParser:
    """Return the options of the program."""
    parser = Parser(
        description="Apply the effects of training to a recording, or to each of a folder. A picture of the "
        "spectrogram before and after is saved beside each result.",
    )
    parser.add_argument("input", metavar="IN", type=Path, help="a recording, or a folder of them")
    parser.add_argument(
        "output", metavar="OUT", type=Path, help=f"a file to write ({' '.join(FORMATS)}), or a folder for wav"
    )
    parser.add_argument(
        "--effect",
        nargs="+",
        metavar="NAME",
        default=[],
        help=f"apply these: {' '.join((*PLANNED, *EFFECTS))} (default: drawn as in training)",
    )
    parser.add_argument("--seed", type=seed, default=1, help="random seed")
    parser.add_argument("--noise", metavar="DIR", help="folder of noise recordings, for --effect noise")
    parser.add_argument(
        "--noise_snr",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        default=SNR,
        help="range of the signal-to-noise ratio, dB",
    )
    return parser


def picture(before: np.ndarray, after: np.ndarray, title: str) -> bytes:
    """Return the log spectrograms of two waveforms (S,), one above the other on the same scales, as a PNG."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    pictures = [
        Spectrogram()(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)]))[0][0]
        for waveform in (before, after)
    ]
    brightest = max(float(each.max()) if each.numel() else 0.0 for each in pictures)
    for axis, each, name, waveform in zip(axes, pictures, ("before", "after"), (before, after), strict=True):
        extent = (0.0, len(waveform) / audio.SAMPLE_RATE, 0.0, audio.SAMPLE_RATE / 2000)
        axis.imshow(each.T.numpy(), origin="lower", aspect="auto", extent=extent, vmin=0.0, vmax=brightest)
        axis.set(title=name if name == "before" else f"after: {title}", ylabel="kHz")
    axes[1].set(xlabel="s", xlim=(0.0, max(len(before), len(after)) / audio.SAMPLE_RATE))
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110)
    return buffer.getvalue()


def write(path: Path, waveform: np.ndarray, before: np.ndarray, title: str) -> None:
    """Write the recording and, as .png of the same name, its picture."""
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, audio.SAMPLE_RATE, format=path.suffix[1:].upper())
    for name, content in ((path, buffer.getvalue()), (path.with_suffix(".png"), picture(before, waveform, title))):
        with whole_file(name, "wb", UsageError, "choose another OUT, or make room") as file:
            file.write(content)


def jobs(source: Path, target: Path) -> list[tuple[Path, Path]]:
    """Return each recording and where its result goes. Raises UsageError where that cannot be."""
    if not source.is_dir():
        if target.suffix.lower() not in FORMATS:
            raise UsageError(
                f"{target}: OUT is a file that ends in one of {' '.join(FORMATS)}, because IN is not a folder"
            )
        if target.resolve() == source.resolve():
            raise UsageError(f"{target}: OUT is IN itself; give another name")
        return [(source, target)]
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in audio.EXTENSIONS)
    if not paths:
        raise UsageError(f"{source}: no recording in this folder; {' '.join(sorted(audio.EXTENSIONS))} are read")
    if target.is_file() or target.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{target}: OUT must be a folder outside IN, because IN is a folder")
    # The ending stays where it is not .wav: a.mp3 and a.wav may lie side by side.
    names = [path.relative_to(source) for path in paths]
    return [
        (path, target / (name if name.suffix == ".wav" else f"{name}.wav"))
        for path, name in zip(paths, names, strict=True)
    ]


def vary(
    waveform: np.ndarray, planned: Sequence[str], augment: WaveAugment, rng: np.random.Generator, clips: Clips | None
) -> tuple[np.ndarray, list[str]]:
    """Map (S,) to (S,) and the effects on it: those of PLANNED that are named, then what `augment` draws."""
    if "speed" in planned:
        waveform = speed(waveform, float(rng.choice([0.9, 1.1])))
    if "silence" in planned:
        waveform = join([waveform], rng.uniform(0.1, 1.0, 2).tolist(), rng)
    drawn = augment.draw(rng)
    return augment.apply(drawn, waveform, rng, clips), [*planned, *drawn]


@program
def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    todo = jobs(args.input, args.output)
    sources = [source for source, _ in todo]
    clips: Clips | None = None
    if len(sources) > 1:
        clips = lambda rng: audio.load(sources[rng.integers(len(sources))])  # noqa: E731
    planned = [name for name in PLANNED if name in args.effect]
    named = [f"{name}=1" for name in args.effect if name not in PLANNED]
    usual = ["all", *(["babble=0"] if clips is None else [])]
    augment = WaveAugment.of(named if args.effect else usual, args.noise_snr, args.noise)
    failed = 0
    for number, (source, target) in enumerate(todo):
        try:
            before = audio.load(source)
            rng = np.random.default_rng((args.seed, number, 1))
            after, effects = vary(before, planned, augment, rng, clips)
        except AudioError as error:
            failed += 1
            print(f"error: {error}", file=sys.stderr)
            continue
        title = ", ".join(effects) or "nothing drawn"
        write(target, after, before, title)
        print(f"{source} -> {target}, {target.with_suffix('.png').name}: {title}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

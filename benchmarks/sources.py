"""What do human and synthetic speech add? Training on each alone and on both, a section of docs/benchmarks.md.

    python benchmarks/sources.py --human cmn --synthetic tts --config_path DIR --data_root DIR --dev LIST...

Trains with train.py on the lists DIR/NAME_train.txt. Both together get --epochs epochs, each alone as many as make the
same hours of audio; in everything else they are trained alike. Options that this program does not know go to every
run. A run that is finished in --runs is not done again, one that was cut off goes on. What is compared is the toned
syllable error rate of each list of recordings after --dev, greedily decoded, without a translator.
"""

from pathlib import Path

from table import shown, write_section
from trainings import heading, name_of, parser, train_all

from ramospeech import Transcriber
from ramospeech.corpora import read_list
from ramospeech.model import load_model
from ramospeech.score import ser


def hours(names: str, config_path: Path) -> float:
    """Audio of the train lists of several corpora, joined by commas."""
    lists = [read_list(config_path / f"{name}_train.txt") for name in names.split(",")]
    return sum(clip.seconds or 0.0 for clips in lists for clip in clips) / 3600


def error_rate(model: Path, path: Path, data_root: Path) -> str:
    """SER of a model file on a list of recordings."""
    clips = read_list(path)
    transcripts = Transcriber(load_model(model)).transcribe_batch(data_root / clip.path for clip in clips)
    return shown(ser([clip.pinyin for clip in clips], [transcript.pinyin for transcript in transcripts]))


def main() -> None:
    options = parser(__doc__.split("\n\n")[0], epochs=4, seeds=1, runs="sources")
    options.add_argument("--human", default="cmn", help="corpora of human speech, joined by commas")
    options.add_argument("--synthetic", default="tts", help="corpora of synthetic speech")
    options.add_argument("--config_path", type=Path, required=True, help="where their lists are")
    options.add_argument("--data_root", type=Path, required=True)
    options.add_argument("--dev", type=Path, nargs="+", required=True, metavar="LIST")
    args, others = options.parse_known_args()
    speech = {"human": args.human, "synthetic": args.synthetic, "both": f"{args.human},{args.synthetic}"}
    sizes = {name: hours(names, args.config_path) for name, names in speech.items()}
    epochs = {name: round(args.epochs * sizes["both"] / size) for name, size in sizes.items()}
    variants = {
        # measured once, at the end: no choice by lists of which some hold a variant's own voices
        name: ["--data_type", names, "--epochs", str(epochs[name]), "--dev_step", str(epochs[name])]
        for name, names in speech.items()
    }
    paths = ["--config_path", str(args.config_path), "--data_root", str(args.data_root)]
    train_all(variants, args, [*paths, *others])
    rows = []
    for name in speech:
        for seed in range(1, args.seeds + 1):
            model = args.runs / f"{name_of(name, seed)}.safetensors"
            rates = [error_rate(model, path, args.data_root) for path in args.dev]
            rows.append(f"| {name} | {sizes[name]:.1f} | {epochs[name]} | {' | '.join(rates)} |")
    corpora = ["--human", args.human, "--synthetic", args.synthetic]
    head = (
        f"{heading('sources.py', args, [*corpora, *others])}: SER with tones, %, with 95 % intervals. The hours that "
        "each is trained on are the same."
    )
    titles = f"| trained on | hours | epochs | {' | '.join(path.stem for path in args.dev)} |"
    table = "\n".join((titles, "|---|---|---|" + "---|" * len(args.dev), *rows))
    write_section("sources", "\n\n".join(("## Human and synthetic speech", head, table)))
    print("\n".join(rows))


if __name__ == "__main__":
    main()

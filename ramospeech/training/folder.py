"""Where a run writes what."""

import json
from argparse import Namespace
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import ramospeech
from ramospeech.corpora.lists import write_text
from ramospeech.errors import UsageError
from ramospeech.model.file import STATE
from ramospeech.parallel import Workers

DATED = "%Y_%m_%d_%H_%M_%S"
PATTERN = "[0-9]" * 4 + "_[0-9][0-9]" * 5


@dataclass(frozen=True)
class RunFolder:
    """The files of the run `name` in the folder `path`."""

    path: Path
    name: str

    @property
    def best(self) -> Path:
        """The best model on the dev lists: the one to use."""
        return self._file(".safetensors")

    @property
    def last(self) -> Path:
        """The latest model."""
        return self._file(".last.safetensors")

    @property
    def state(self) -> Path:
        """What resuming needs."""
        return self._file(STATE)

    @property
    def config(self) -> Path:
        """All options, as JSON."""
        return self._file(".json")

    @property
    def log(self) -> Path:
        """The log of printed lines."""
        return self._file(".log")

    @property
    def metrics(self) -> Path:
        """The curves, one JSON object per line."""
        return self._file(".metrics.jsonl")

    @property
    def trace(self) -> Path:
        """What --profile writes."""
        return self._file(".trace.json")

    @property
    def dropped(self) -> Path:
        """The clips that were left out, with the reason."""
        return self._file(".dropped.tsv")

    @property
    def events(self) -> Path:
        """TensorBoard's."""
        return self.path / "tensorboard" / self.name

    @property
    def attention(self) -> Path:
        """The folder of pictures of where a speller looks."""
        return self._file(".attention")

    def of_epoch(self, epoch: int) -> Path:
        """Return the model that --save_step keeps of an epoch."""
        return self._file(f".epoch{epoch}.safetensors")

    def of_step(self, step: int) -> Path:
        """Return the model that --checkpoint_every keeps of a step."""
        return self._file(f".step{step}.safetensors")

    def _file(self, ending: str) -> Path:
        return self.path / (self.name + ending)


def folder_of(args: Namespace, workers: Workers) -> RunFolder:
    """Return the folder of a run, the same on all workers: with --dated one of its own in --model_path, and with
    --load_model the latest of those.

    Raises UsageError where there is none to resume.
    """
    root = Path(args.model_path)
    if not args.dated:
        return RunFolder(root, args.model_name)

    def choose() -> Path:
        if not args.load_model:
            return root / datetime.now().strftime(DATED)
        found = sorted(path.parent for path in root.glob(f"{PATTERN}/{args.model_name}.last.safetensors"))
        if not found:
            raise UsageError(f"--dated --load_model: {root} has no folder of an earlier run named {args.model_name}")
        return found[-1]

    return RunFolder(workers.broadcast_from_rank_0(choose), args.model_name)


def write_setting(run: RunFolder, args: Namespace, workers: Workers) -> str:
    """Write all options beside the results, on rank 0, and give what was written: JSON. Raises ListError."""
    entry = {**vars(args), "workers": workers.size, "version": ramospeech.__version__}
    setting = json.dumps(entry, indent=1, default=str)
    workers.broadcast_from_rank_0(lambda: write_text(run.config, setting + "\n"))
    return setting

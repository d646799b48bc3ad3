"""Where a run writes what."""

import json
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import ramospeech
from ramospeech.corpora.lists import write_text
from ramospeech.parallel import Workers


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
        return self._file(".state.pt")

    @property
    def config(self) -> Path:
        """All options, as JSON."""
        return self._file(".json")

    @property
    def log(self) -> Path:
        """The log of printed lines."""
        return self._file(".log")

    @property
    def dropped(self) -> Path:
        """The clips that were left out, with the reason."""
        return self._file(".dropped.tsv")

    @property
    def events(self) -> Path:
        """TensorBoard's."""
        return self.path / "tensorboard" / self.name

    def of_epoch(self, epoch: int) -> Path:
        """Return the model that --save_step keeps of an epoch."""
        return self._file(f".epoch{epoch}.safetensors")

    def _file(self, ending: str) -> Path:
        return self.path / (self.name + ending)


def write_setting(run: RunFolder, args: Namespace, workers: Workers) -> str:
    """Write all options beside the results, on rank 0, and give what was written: JSON. Raises ListError."""
    entry = {**vars(args), "workers": workers.size, "version": ramospeech.__version__}
    setting = json.dumps(entry, indent=1, default=str)
    workers.broadcast_from_rank_0(lambda: write_text(run.config, setting + "\n"))
    return setting

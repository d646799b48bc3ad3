"""The curves of a run beside TensorBoard: lines of JSON on disk, and W&B or MLflow where they are installed."""

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from ramospeech.errors import UsageError

TRACKERS = ("wandb", "mlflow")


class Record(Protocol):
    """Takes the values of a step by TensorBoard's tags."""

    def write(self, values: Mapping[str, float], step: int) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """A file with one JSON object per entry: `step`, and the values by tag.

    done: steps before a resumed run; entries of later ones, which are written again, are dropped. warn: is told once
    where the file cannot be written; the run continues without it.
    """

    def __init__(self, path: Path, done: int = 0, warn: Callable[[str], object] = print) -> None:
        self.path, self.warn = path, warn
        self.lost = False
        kept = self._kept(done) if done else []
        self._try(lambda: self._begin("".join(line + "\n" for line in kept)))

    def _kept(self, done: int) -> list[str]:
        """Return the lines of steps up to `done`; one that was cut off by a crash is none."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []
        return [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= done]

    def _begin(self, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(text, encoding="utf-8")

    def write(self, values: Mapping[str, float], step: int) -> None:
        """Append one entry."""
        line = json.dumps({"step": step, **values}) + "\n"
        self._try(lambda: self._append(line))

    def _append(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)

    def _try(self, write: Callable[[], None]) -> None:
        if self.lost:
            return
        try:
            write()
        except OSError as error:
            self.lost = True
            self.warn(f"warning: {self.path}: cannot be written ({error.strerror}); curves are in TensorBoard only")

    def close(self) -> None:
        """Do nothing: each entry was closed."""


class Tracker:
    """Sends curves to W&B or MLflow, which take their address and their account from their own environment variables.

    name: of the run; options: of the command line. Raises UsageError where the package is not installed or refuses.
    """

    def __init__(self, kind: str, name: str, options: Mapping[str, Any]) -> None:
        try:
            self.package = importlib.import_module(kind)
        except ModuleNotFoundError:
            raise UsageError(f"--track {kind}: {kind} is not installed: pip install {kind}") from None
        try:
            self._start(kind, name, {key: str(value) for key, value in options.items()})
        except Exception as error:  # of their own kinds: no account, no network
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise UsageError(f"--track {kind}: {reason}; leave it out, or see the manual of {kind}") from error

    def _start(self, kind: str, name: str, options: dict[str, str]) -> None:
        if kind == "wandb":
            self.run = self.package.init(project="ramospeech", name=name, id=name, resume="allow", config=options)
            self._log = self.run.log
        else:
            self.run = self.package.start_run(run_name=name)
            self.package.log_params(options)
            self._log = self.package.log_metrics

    def write(self, values: Mapping[str, float], step: int) -> None:
        """Send one entry."""
        self._log(dict(values), step=step)

    def close(self) -> None:
        """Send the rest."""
        self.run.finish() if hasattr(self.run, "finish") else self.package.end_run()


def records_of(path: Path, track: str | None, options: Mapping[str, Any], done: int, warn: Any) -> list[Record]:
    """Return where the curves of a run go beside TensorBoard: a file, and with `track` a service. Raises UsageError."""
    records: list[Record] = [JsonLines(path, done, warn)]
    return [*records, Tracker(track, path.name.removesuffix(".metrics.jsonl"), options)] if track else records

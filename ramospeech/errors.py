"""The few exceptions of the toolkit. Each message names the file or line, what is wrong and what to do.

Programs wrap their `main` in `program`, so that a user sees one line and an exit status, never a traceback.
"""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class RamospeechError(Exception):
    """Base of every error that a user can act on."""

    exit_status = 1
    printed_elsewhere = False  # by worker 0, where this is another worker


class UsageError(RamospeechError):
    """A wrong option, or options that do not go together."""

    exit_status = 2


class AudioError(RamospeechError):
    """A recording that cannot be used: missing, empty, truncated, not audio, too short."""


class OutputError(RamospeechError):
    """Files of one recording that cannot be written; those of others can."""


class ListError(RamospeechError):
    """A list, manifest or table with a bad line; the message names the file and the line number."""

    exit_status = 2


class UnitError(RamospeechError):
    """A syllable or character that the inventory does not have."""


class ModelError(RamospeechError):
    """A model file or checkpoint that is missing, broken, hostile or of another architecture."""

    exit_status = 2


class DistributedError(RamospeechError):
    """Workers that do not agree, or Horovod missing where it is needed."""

    exit_status = 2


class WorkerLostError(DistributedError):
    """Another worker ended or cannot be reached; this one, of that rank, cannot continue without it."""

    exit_status = 1

    def __init__(self, rank: int, cause: Exception) -> None:
        said = (str(cause).strip().splitlines() or [""])[0]
        self.lost = f"worker {rank} lost another worker, whose own message stands before this one ({said})"
        super().__init__(f"{self.lost}; resume with --load_model (training) or --resume (transcribing)")


class TrainingError(RamospeechError):
    """Training that cannot continue: nothing left to train on, a full disk, a loss that stays non-finite."""


class MissingPackageError(RamospeechError, ImportError):
    """A package that only a part of the toolkit needs, and that is not installed."""

    exit_status = 2


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import in the block what the extra of that name installs. Raises MissingPackageError, which names the extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed; it comes with: pip install 'ramospeech[{name}]'"
        raise MissingPackageError(message) from error


@contextmanager
def torch_for(what: str) -> Iterator[None]:
    """Import torch in the block. Raises MissingPackageError, which says what needs it, where it is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        message = (
            f"{what} needs torch, which is not installed: pip install torch; an ONNX file needs none (docs/onnx.md)"
        )
        raise MissingPackageError(message) from error


# Are given the line of an error that ends a program: logs of runs.
on_fatal_error: list[Callable[[str], object]] = []


def program(main: Callable[..., int | None]) -> Callable[..., int]:
    """Wrap a program's main: a RamospeechError becomes `error: ...` on stderr and its exit status."""

    @functools.wraps(main)
    def wrapped(*args, **kwargs) -> int:
        try:
            return main(*args, **kwargs) or 0
        except RamospeechError as error:
            if not error.printed_elsewhere:
                print(f"error: {error}", file=sys.stderr)
                for report in on_fatal_error:
                    report(f"error: {error}")
            return error.exit_status
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
            return 130
        except BrokenPipeError:  # the reader of our output went away (`| head`)
            sys.stderr.close()
            return 0
        finally:
            on_fatal_error.clear()

    return wrapped

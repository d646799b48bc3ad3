"""One transcription by all the workers that a launcher started."""

import argparse
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

from ramospeech.audio import Source
from ramospeech.environment import launched
from ramospeech.pipeline import Transcriber
from ramospeech.programs.job import Job
from ramospeech.transcript import Transcript

if TYPE_CHECKING:  # transcribing alone by an ONNX file needs no torch
    from ramospeech.parallel import Workers

ROUND = 20.0  # seconds of work after which the workers hand over what they have
_LOOKED_AT = 200  # recordings whose sizes the hosts compare

Make = Callable[[Iterable[Source]], Iterator[Transcript]]


class Together:
    """A transcription by several workers, of which rank 0 writes. Called with the workers, it gives the exit status.

    Where workers are lost, leave or join in an elastic run, or torchrun starts all anew, it is called again and takes
    up what was written to the journal.

    args: the options; choices: names of those that transcripts depend on; transcriber_of: (options, device) -> what
    transcribes.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        choices: Sequence[str],
        transcriber_of: Callable[[argparse.Namespace, str], Transcriber],
    ):
        self.args, self.choices, self.transcriber_of = args, choices, transcriber_of
        self.again = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0"

    def __call__(self, workers: "Workers") -> int:
        """Raises: DistributedError: workers with other options or recordings; WorkerLostError; WorkersChangedError;
        what one worker raises, on all."""
        args = self.args
        again = workers.broadcast_object(self.again)
        workers.check_same("command line", vars(args))
        job = workers.run_or_fail_together(lambda: Job(args, self.choices, again) if workers.rank == 0 else None)
        check_same_recordings(workers, job.sources if job else None)
        device = device_of(args.device, workers)
        transcriber = workers.run_or_fail_together(lambda: self.transcriber_of(args, device))
        self.again = True
        if job is None:
            for _ in shared(workers, None, lambda sources: transcriber.transcribe_batch(sources, args.batch_seconds)):
                pass
        else:
            job.write(
                lambda sources, progress: shared(
                    workers,
                    sources,
                    lambda some: transcriber.transcribe_batch(some, args.batch_seconds, progress=progress),
                    progress,
                )
            )
        workers.all_gather_object("written")  # none leaves before, so that others can where rank 0 is lost
        return 0  # also where recordings failed: launchers take another status for a lost worker


def device_of(device: str, workers: "Workers") -> str:
    """Return the device of a worker: of `cuda` each has a GPU of its own, as far as there are any."""
    if device != "cuda":
        return device
    import torch

    return f"cuda:{workers.local_rank % max(1, torch.cuda.device_count())}"


def check_same_recordings(workers: "Workers", sources: Sequence[Source] | None) -> None:
    """Check that every host has the recordings of rank 0, by the sizes of up to 200; other ranks give None.

    A host without them would be done sooner than the others, and so fail most of them.

    Raises: DistributedError: which names the workers that have others.
    """
    looked_at = workers.broadcast_object(sources and sources[:: -(-len(sources) // _LOOKED_AT)])
    workers.check_same("set of recordings", [_size(source) for source in looked_at or ()])


def _size(source: Source) -> int | None:
    try:
        return os.path.getsize(str(getattr(source, "source", source)))
    except OSError:
        return None


def shared(
    workers: "Workers",
    sources: Sequence[Source] | None,
    make: Make,
    progress: Callable[[float], object] = lambda _: None,
) -> Iterator[Transcript]:
    """Yield the transcripts of all sources of rank 0 in order, on every worker; other ranks give None.

    In rounds: what is left is dealt to the workers, each makes what it can in ROUND seconds, and all is gathered. So
    a slow host does less, and a lost worker costs no more than a round. progress: is told the seconds of audio that
    other workers recognised.

    Raises: WorkerLostError; WorkersChangedError: of an elastic run, after what was made in order.
    """
    return _rounds(workers, workers.broadcast_object(sources) or (), make, progress)


def _rounds(
    workers: "Workers", sources: Sequence[Source], make: Make, progress: Callable[[float], object]
) -> Iterator[Transcript]:
    from ramospeech.parallel import WorkersChangedError

    left = list(range(len(sources)))
    ready: dict[int, Transcript] = {}
    following = 0
    while left:
        mine = (sources[i] for i in left[workers.rank :: workers.size])
        made = workers.run_or_fail_together(partial(_some, make, mine, time.monotonic() + ROUND))
        parts, changed = zip(*workers.all_gather_object((made, workers.changed)), strict=True)
        for rank, part in enumerate(parts):
            ready.update(zip(left[rank :: workers.size], part, strict=False))
            if rank != workers.rank:
                progress(sum(transcript.seconds for transcript in part))
        left = [i for i in left if i not in ready]
        while following in ready:
            yield ready.pop(following)
            following += 1
        if left and any(changed):
            raise WorkersChangedError


def _some(make: Make, sources: Iterable[Source], end: float) -> list[Transcript]:
    """Make transcripts of the first sources: after `end` none is begun."""
    return list(make(takewhile(lambda _: time.monotonic() < end, sources)))


def run(alone: Callable[[], int], together: Together) -> int:
    """Return what `together` returns, given the workers of this run, or `alone` where no launcher started this process.

    Under `horovodrun` with --host-discovery-script `together` is called again when workers are lost, leave or join.
    """
    if not launched():
        return alone()
    from ramospeech import parallel

    return parallel.run(together, elastic=os.environ.get("HOROVOD_ELASTIC") == "1")

"""The recordings that a command line of `ramospeech transcribe` names, and what is written of them."""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ramospeech.audio import Source, channels, name_of
from ramospeech.errors import AudioError, OutputError
from ramospeech.inputs import Inputs, find_inputs
from ramospeech.output import Output, Style
from ramospeech.programs.journal import Journal
from ramospeech.programs.progress import Progress
from ramospeech.transcript import Transcript
from ramospeech.translate import Translation, opennmt_block

Make = Callable[[list[Source], Callable[[float], object]], Iterator[Transcript]]
"""Sources, and what is to be told the seconds of audio of each batch -> their transcripts in order."""


class Job:
    """Finds the recordings and prepares the output; what is left out or remarkable goes to stderr.

    choices: names of the options that transcripts depend on. again: resume if there is something to resume.
    Raises UsageError, ListError: inputs, or an output, that cannot be used.
    """

    def __init__(self, args: argparse.Namespace, choices: Sequence[str], again: bool = False):
        self.args = args
        self.inputs = find_inputs(args.inputs, args.data_root)
        for line in (*self.inputs.notes, *self.inputs.left_out):
            print(f"note: {line}" if line in self.inputs.notes else f"error: {line}", file=sys.stderr)
        self._found = _sources(self.inputs, split=args.channels == "split")
        style = Style(args.paragraphs or bool(args.speakers), args.words, args.doubtful)
        self._output = Output(args.format, args.output, len(self._found) > 1, style)
        self._journal = Journal(args.output, {name: getattr(args, name) for name in choices}, args.resume, again)

    @property
    def sources(self) -> list[Source]:
        """What is to be transcribed, in order."""
        return [source for _, source in self._found]

    def write(self, make: Make) -> int:
        """Write the transcripts that `make` makes, and those made before; return the program's exit status.

        Raises: UsageError: the output cannot be written; what `make` raises.
        """
        found, reasons, noisy = self._found, Counter[str](), 0
        with self._journal, self._output, Progress(len(found)) as progress:

            def missing(sources: list[Source]) -> Iterator[Transcript]:
                progress.expect(sources)
                return make(sources, progress.audio)

            transcripts = self._journal.complete(self.sources, missing)
            for order, ((name, _), transcript) in enumerate(zip(found, transcripts, strict=True), 1):
                for warning in transcript.warnings:
                    progress.say(f"warning: {warning}")
                noisy += bool(transcript.no_speech)
                if transcript.error:
                    reasons[_reason(transcript.error, name_of(found[order - 1][1]))] += 1
                    progress.say(f"error: {transcript.error}")
                elif self.args.verbose:
                    text = transcript.nbest or [Translation(transcript.text, transcript.score)]
                    progress.say(opennmt_block(order, transcript.pinyin, text))
                try:
                    with progress.paused():
                        self._output.write(replace(transcript, id=name))
                        sys.stdout.flush()
                except OutputError as error:
                    if not transcript.error:
                        reasons["not written"] += 1
                    progress.say(f"error: {error}")
                progress.recording()
        if self.args.verbose:
            print(f"Prediction using {progress.elapsed():.1f}s", file=sys.stderr)
        self._summarise(reasons, noisy, progress)
        return 3 if reasons or self.inputs.left_out else 0

    def _summarise(self, reasons: Counter[str], noisy: int, progress: Progress) -> None:
        total, failed = len(self._found), sum(reasons.values())
        why = ", ".join(f"{times} {reason}" for reason, times in reasons.most_common())
        counts = [f"{total - failed} transcribed", f"{failed} failed" + (f" ({why})" if why else "")]
        if noisy:
            counts.append(f"{noisy} with parts taken as noise or music")
        if self.inputs.left_out:
            counts.append(f"{len(self.inputs.left_out)} left out")
        recordings = "1 recording" if total == 1 else f"{total} recordings"
        print(f"{recordings}: {', '.join(counts)}; {progress.speed()}", file=sys.stderr)


def _sources(inputs: Inputs, split: bool) -> list[tuple[str, Source]]:
    """Return name and source of each recording, or of each of its channels. One that cannot be read stays whole: what
    is wrong with it is told when its turn comes."""
    found: list[tuple[str, Source]] = []
    for name, path in inputs.recordings:
        try:
            sources = channels(path) if split else [path]
        except AudioError:
            sources = [path]
        found += [(f"{name}#{n}" if len(sources) > 1 else name, source) for n, source in enumerate(sources, 1)]
    return found


def _reason(error: str, path: str) -> str:
    """Return what kind of error that is: its first words."""
    return re.split("[:;(]", error.removeprefix(f"{path}: "))[0].strip()

"""Pictures of where a speller looks while it writes a recording down."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath

from ramospeech.errors import OutputError, extra
from ramospeech.files import whole_file
from ramospeech.recogniser import Recognised
from ramospeech.score.pictures import draw_attention
from ramospeech.stages import End, RecognisedPiece


class AttentionMaps:
    """A stage behind `recognise` that writes `NAME.png` for each recording, `NAME.2.png` and so on for its further
    pieces, into a folder; of two recordings of one name the second is `NAME-2`.

    A picture has a row for each unit, of the weights of the frames, the mean over heads. One that cannot be written
    gives the recording a warning. Raises MissingPackageError without matplotlib.
    """

    def __init__(self, folder: str | Path, seconds_per_frame: float) -> None:
        with extra("report"):
            import matplotlib  # noqa: F401
        self.folder, self.seconds_per_frame = Path(folder), seconds_per_frame
        self._used: set[str] = set()

    def __call__(self, pieces: Iterable[RecognisedPiece | End]) -> Iterator[RecognisedPiece | End]:
        """Pass the pieces on."""
        waiting: list[Recognised] = []
        for item in pieces:
            if isinstance(item, RecognisedPiece):
                waiting.append(item.result)
                yield item
                continue
            drawn = [each for each in waiting if each.attention is not None and len(each.attention)]
            warnings = () if item.error else self._write(item.id, drawn)
            waiting = []
            yield replace(item, warnings=(*item.warnings, *warnings))

    def _write(self, source: str, results: list[Recognised]) -> tuple[str, ...]:
        stem = PurePath(source).stem or "recording"
        name, number = stem, 1
        while name in self._used:
            number += 1
            name = f"{stem}-{number}"
        self._used.add(name)
        for piece, result in enumerate(results, 1):
            path = self.folder / (f"{name}.{piece}.png" if piece > 1 else f"{name}.png")
            assert result.attention is not None
            figure = draw_attention(result.attention[None], result.hypotheses[0].tokens, self.seconds_per_frame)
            try:
                with whole_file(path, "wb", OutputError, "choose another --attention_maps") as file:
                    figure.savefig(file, format="png")
            except OutputError as error:
                return (str(error),)
        return ()

"""How long a recording is by its header alone, for a bar of progress: quick, and sometimes wrong."""

from pathlib import Path

import soundfile

from ramospeech.audio import media
from ramospeech.audio.marks import piece_seconds
from ramospeech.audio.sources import Channel, Source
from ramospeech.errors import AudioError
from ramospeech.files import MEDIA_EXTENSIONS


def stated_seconds(source: Source) -> float:
    """Return seconds by the header of a file; 0 where it says nothing, cannot be read, or the source is not a path."""
    if isinstance(source, Channel):
        return stated_seconds(source.source)
    if not isinstance(source, str | Path):
        return 0.0
    if (seconds := piece_seconds(source)) is not None:
        return seconds
    try:
        if Path(source).suffix.lower() in MEDIA_EXTENSIONS:
            return media.stated_seconds(str(source))
        return soundfile.info(str(source)).duration
    except (AudioError, soundfile.LibsndfileError, OSError, TypeError):
        return 0.0

"""The corpora by name: how each is downloaded and how its utterances are found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ramospeech.corpora import aidatatang, aishell, folder, magicdata, primewords, stcmds, thchs
from ramospeech.corpora.recordings import Recording


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus that can be prepared; `download` is None where there is nothing to download."""

    title: str
    prepare: Callable[[Path], Sequence[Recording]]
    download: Callable[[Path], None] | None = None


CORPORA = {
    "thchs": Corpus("THCHS-30", thchs.prepare_thchs, thchs.download_thchs),
    "aishell": Corpus("AISHELL-1", aishell.prepare_aishell, aishell.download_aishell),
    "stcmds": Corpus("ST-CMDS", stcmds.prepare_stcmds, stcmds.download_stcmds),
    "primewords": Corpus("Primewords Set 1", primewords.prepare_primewords, primewords.download_primewords),
    "magicdata": Corpus("MAGICDATA", magicdata.prepare_magicdata, magicdata.download_magicdata),
    "aidatatang": Corpus("aidatatang_200zh", aidatatang.prepare_aidatatang, aidatatang.download_aidatatang),
    "folder": Corpus("your own recordings", folder.prepare_folder),
}

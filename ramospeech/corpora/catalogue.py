"""The corpora by name: how each is downloaded and how its utterances are found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ramospeech.corpora import (
    aidatatang,
    aishell,
    aishell2,
    aishell3,
    an4,
    cmu,
    commonvoice,
    fleurs,
    folder,
    kespeech,
    ksponspeech,
    librispeech,
    magicdata,
    meetings,
    noise,
    primewords,
    ramc,
    stcmds,
    tedlium,
    thchs,
    voxforge,
    webdataset,
    wenetspeech,
    zeroth,
)
from ramospeech.corpora.download import Archive, download_and_unpack, unpack_found
from ramospeech.corpora.recordings import Recording


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus that can be prepared.

    Attributes: prepare: (root) -> its utterances, or for noise the folders of options; archives: what --download
    fetches; parts: of which `prepare` takes some; headerless: `prepare` takes the rate of its samples; holds_dev:
    whether a dev set is taken out of train; noise: whether it is noise, music or rooms, and has no lists.
    """

    title: str
    prepare: Callable[..., Any]
    archives: Sequence[Archive] = ()
    parts: tuple[str, ...] = ()
    headerless: bool = False
    holds_dev: bool = False
    noise: bool = False

    @property
    def download(self) -> Callable[[Path], None] | None:
        """Download and unpack all of it into a folder; None where there is nothing to download."""
        return partial(download_and_unpack, self.archives) if self.archives else None

    @property
    def all_parts(self) -> tuple[str, ...]:
        """What --parts can choose from: parts, or the archives where there are several."""
        names = tuple(archive.name.split(".")[0] for archive in self.archives)
        return self.parts or (names if len(names) > 1 else ())

    def chosen(self, parts: Sequence[str]) -> list[Archive]:
        """Return the archives of those parts; all where no parts are given, or the parts are not archives."""
        named = [archive for archive in self.archives if archive.name.split(".")[0] in parts]
        return named or list(self.archives)

    def recordings(self, root: Path, parts: Sequence[str] = (), sample_rate: int | None = None) -> list[Recording]:
        """Return the utterances below a folder; archives that lie there are unpacked first."""
        unpack_found(self.archives, root)
        more: dict[str, Any] = {"parts": tuple(parts)} if parts and self.parts else {}
        if self.headerless and sample_rate:
            more["sample_rate"] = sample_rate
        return list(self.prepare(root, **more))


CORPORA = {
    "thchs": Corpus("THCHS-30", thchs.prepare_thchs, thchs.ARCHIVES),
    "aishell": Corpus("AISHELL-1", aishell.prepare_aishell, aishell.ARCHIVES),
    "stcmds": Corpus("ST-CMDS", stcmds.prepare_stcmds, stcmds.ARCHIVES),
    "primewords": Corpus("Primewords Set 1", primewords.prepare_primewords, primewords.ARCHIVES),
    "magicdata": Corpus("MAGICDATA", magicdata.prepare_magicdata, magicdata.ARCHIVES),
    "aidatatang": Corpus("aidatatang_200zh", aidatatang.prepare_aidatatang, aidatatang.ARCHIVES),
    "aishell2": Corpus("AISHELL-2", aishell2.prepare_aishell2),
    "aishell3": Corpus("AISHELL-3", aishell3.prepare_aishell3, aishell3.ARCHIVES, holds_dev=True),
    "aishell4": Corpus("AISHELL-4", meetings.prepare_aishell4, meetings.AISHELL4, holds_dev=True),
    "alimeeting": Corpus("AliMeeting", meetings.prepare_alimeeting, meetings.ALIMEETING),
    "ramc": Corpus("MagicData-RAMC", ramc.prepare_ramc, ramc.ARCHIVES),
    "wenetspeech": Corpus("WenetSpeech", wenetspeech.prepare_wenetspeech, parts=wenetspeech.PARTS),
    "kespeech": Corpus("KeSpeech", kespeech.prepare_kespeech),
    "commonvoice": Corpus("Common Voice", commonvoice.prepare_commonvoice),
    "fleurs": Corpus("FLEURS", fleurs.prepare_fleurs, fleurs.ARCHIVES),
    "an4": Corpus("AN4", an4.prepare_an4, an4.ARCHIVES, headerless=True, holds_dev=True),
    "librispeech": Corpus("LibriSpeech", librispeech.prepare_librispeech, librispeech.ARCHIVES, librispeech.PARTS),
    "tedlium": Corpus("TED-LIUM", tedlium.prepare_tedlium, tedlium.ARCHIVES),
    "voxforge": Corpus("VoxForge", voxforge.prepare_voxforge),
    "cmu": Corpus("arrays of CMU 11-785", cmu.prepare_cmu),
    "zeroth": Corpus("Zeroth-Korean", zeroth.prepare_zeroth, zeroth.ARCHIVES, holds_dev=True),
    "ksponspeech": Corpus("KsponSpeech", ksponspeech.prepare_ksponspeech, headerless=True),
    "musan": Corpus("MUSAN", noise.musan_folders, noise.MUSAN, noise=True),
    "rirs": Corpus("RIRS_NOISES", noise.rirs_folders, noise.RIRS, noise=True),
    "webdataset": Corpus("tars of others by WebDataset's convention", webdataset.prepare_webdataset),
    "folder": Corpus("your own recordings", folder.prepare_folder),
}

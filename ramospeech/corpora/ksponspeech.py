"""KsponSpeech (AI Hub, by application): 969 hours of Korean conversation, about 2,000 speakers.

    KsponSpeech_scripts/{train,dev,eval_clean,eval_other}.trn
        KsponSpeech_01/KsponSpeech_0001/KsponSpeech_000001.pcm :: 아/ 몬 소리야, ...
    **/KsponSpeech_01/KsponSpeech_0001/KsponSpeech_000001.{pcm,txt}     16 bits, little endian, without a header;
                                                                        the text again, in CP949

`(70%)/(칠십 퍼센트)` is written and spoken form: the spoken one is taken. `b/ l/ o/ n/ u/` are breath, laughter, noise
and the like, which go, as do `/` of fillers, `+` of repeated words and `*` of unclear ones. Without the scripts a split
is made.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ramospeech.audio import headerless
from ramospeech.corpora.recordings import Recording, absent, recordings_in
from ramospeech.errors import ListError
from ramospeech.files import split_lines
from ramospeech.text.encoding import read_text

_SPLITS = {"train": "train", "dev": "dev", "eval_clean": "test", "eval_other": "test"}
_DUAL = re.compile(r"\(([^()]*)\)/\(([^()]*)\)")
_NOISE = re.compile(r"(?<![^\s/])[blonu]/")


def spoken(text: str) -> str:
    """Return what was spoken, of KsponSpeech's notation.

    >>> spoken("b/ 그래 (70%)/(칠십 퍼센트) 확률이라니 뭐+ 뭐* 어/ 암튼")
    '그래 칠십 퍼센트 확률이라니 뭐 뭐 어 암튼'
    """
    return " ".join(re.sub(r"[/+*]", " ", _NOISE.sub(" ", _DUAL.sub(r"\2", text))).split())


def prepare_ksponspeech(root: Path, sample_rate: int = 16_000) -> list[Recording]:
    """Return the utterances of KsponSpeech; their samples are at `sample_rate`."""
    files = {path.stem: path for path in recordings_in(root, (".pcm",))}
    scripts = [path for name in _SPLITS for path in sorted(root.glob(f"**/{name}.trn"))]
    if not files:
        raise absent("KsponSpeech", root, "**/KsponSpeech_000001.pcm")
    rows = [row for path in scripts for row in _script(path)] or _texts(files)
    found = []
    for name, text, split, source in rows:
        file = files.get(name)
        problem = {} if file else {"problem": "missing", "detail": f"no {name}.pcm below {root}"}
        path = headerless(file, "l", sample_rate) if file else None
        text = None if text is None else spoken(text)
        found.append(Recording(name, path, text, split=split, source=source, **problem))
    return found


def _script(path: Path) -> Iterator[tuple[str, str | None, str | None, str]]:
    for number, line in enumerate(split_lines(read_text(path)[0], path), 1):
        file, sign, text = line.partition(" :: ")
        if not sign:
            raise ListError(f"{path}:{number}: no ` :: ` between the recording and its text; copy the scripts again")
        yield Path(file).stem, text, _SPLITS[path.stem], f"{path}:{number}"


def _texts(files: dict[str, Path]) -> Iterator[tuple[str, str | None, str | None, str]]:
    for name, path in files.items():
        text = path.with_suffix(".txt")
        yield name, text.read_bytes().decode("cp949") if text.exists() else None, None, ""

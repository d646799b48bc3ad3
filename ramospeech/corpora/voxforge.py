"""VoxForge (GPL): English and other languages, read by volunteers at home; no split of its own.

    */Aaron-20080318-kdl/etc/PROMPTS            Aaron-20080318-kdl/mfc/a0001 AUTHOR OF THE DANGER TRAIL ...
    */Aaron-20080318-kdl/{wav,flac}/a0001.{wav,flac}

Its thousands of archives, one per session, are not fetched: unpack those you want below --root. The speaker is what
precedes the date; people who gave no name are `anonymous` and count as one each session.
"""

from pathlib import Path

from ramospeech.corpora.recordings import Recording, Table, find_folder, match, read_table, recordings_in

_PROMPTS = ("PROMPTS", "prompts-original")


def prepare_voxforge(root: Path) -> list[Recording]:
    """Return the utterances of all sessions of VoxForge."""
    folder = find_folder(root, "voxforge", "**/etc/*")
    found = []
    for prompts in sorted({path.parent for name in _PROMPTS for path in folder.glob(f"**/etc/{name}")}):
        session = prompts.parent
        path = next(prompts / name for name in _PROMPTS if (prompts / name).exists())
        written, texts = read_table(path), Table()
        for name, text in written.items():
            texts.add(f"{session.name}/{name.split('/')[-1]}", text, path, 0)
        texts.note, texts.repeated = written.note, written.repeated
        who = session.name.split("-")[0]
        recordings = (
            Recording(f"{session.name}/{file.stem}", file, None, session.name if who == "anonymous" else who)
            for kind in ("wav", "flac")
            for file in recordings_in(session / kind, (f".{kind}",))
        )
        found += match(recordings, texts)
    return found

"""KeSpeech (by application): 1,542 hours of Mandarin and eight of its dialects, 27,237 speakers, split.

KeSpeech/Tasks/ASR/{train_phase1,train_phase2,dev_phase1,dev_phase2,test}/{wav.scp,text,utt2spk}
    1000001_1000001_000001 Audio/1000001/phase1/1000001_000001.wav      relative to KeSpeech/
"""

from pathlib import Path

from ramospeech.corpora.recordings import Recording, Table, find_folder, match, read_table

_NOISE = "<SPOKEN_NOISE>"


def prepare_kespeech(root: Path) -> list[Recording]:
    """Return the utterances of KeSpeech's recognition task."""
    folder = find_folder(root, "KeSpeech", "Tasks/ASR/*/wav.scp")
    found = []
    for part in sorted(path.parent for path in folder.glob("Tasks/ASR/*/wav.scp")):
        split = part.name.split("_")[0]
        written, speakers = read_table(part / "text"), read_table(part / "utt2spk")
        texts = Table(written.note)
        for name, text in written.items():
            texts.add(name, text.replace(_NOISE, " "), part / "text", 0)
        texts.repeated = written.repeated
        recordings = (
            Recording(name, folder / path, None, speakers.get(name, ""), split)
            for name, path in read_table(part / "wav.scp").items()
        )
        found += match(recordings, texts)
    return found

"""What the demo prints of its clips."""

import subprocess
import sys


def test_lines_say_whether_they_are_pinyin_or_hanzi(root, tmp_path):
    (tmp_path / "list.txt").write_text("a.ogg\tni3 hao3\t你好\nb.ogg\tzai4 jian4\t再见\n", encoding="utf-8")
    (tmp_path / "hyp.tsv").write_text(
        "id\tpinyin\thanzi\na.ogg\tni3 hao4\t你号\nb.ogg\tzai4 jian4\t再见\n", encoding="utf-8"
    )
    command = [sys.executable, str(root / "demo" / "show.py"), "list.txt", "hyp.tsv", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "a.ogg",
        "  pinyin  reference   ni3 hao3",
        "          recognised  ni3 hao4",
        "  hanzi   reference   你好",
        "          recognised  你号",
    ]


def test_without_arguments_the_wrapper_transcribes_clips_of_the_demo(root, tmp_path):
    done = subprocess.run(["sh", str(root / "speech2text.sh")], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [
        f"demo/audio/test/{name}.ogg" for name in ("0003", "0004", "0048")
    ]
    assert "for recordings of your own" in done.stderr

#!/bin/sh
# Transcribe recordings with the Python of this project, from any folder:
#     ./speech2text.sh a.wav                          its text
#     ./speech2text.sh --format srt --output a.srt a.mp3
#     ./speech2text.sh --help                         everything else
#     ./speech2text.sh                                clips of the demo, to see that it works
root=$(dirname "$(readlink -f "$0")")
python="$root/.venv/bin/python"
[ -x "$python" ] || python=python3
if [ $# -eq 0 ]; then
    echo "Three clips of the demo; for recordings of your own: $0 talk.mp3 (all options: $0 --help)" >&2
    cd "$root" && set -- demo/audio/test/0003.ogg demo/audio/test/0004.ogg demo/audio/test/0048.ogg
fi
exec "$python" "$root/speech2text.py" "$@"

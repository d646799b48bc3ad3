#!/bin/sh
# Transcribe recordings with the Python of this project, from any folder:
#     ./speech2text.sh a.wav                          its text
#     ./speech2text.sh --format srt --output a.srt a.mp3
#     ./speech2text.sh --help                         everything else
root=$(dirname "$(readlink -f "$0")")
python="$root/.venv/bin/python"
[ -x "$python" ] || python=python3
[ $# -gt 0 ] || set -- --help
exec "$python" "$root/speech2text.py" "$@"

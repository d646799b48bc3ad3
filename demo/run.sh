#!/bin/sh
# The main job on the demo corpus: train with two Horovod workers, transcribe test clips, compare, score.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
OUT=demo/run
export OMP_NUM_THREADS=1

rm -rf "$OUT"
mkdir -p "$OUT"

echo "Three clips transcribed by the shipped model (yours: ./speech2text.sh talk.mp3), below what is spoken in them:"
grep -E '/(0003|0004|0048)\.ogg' data_config/demo_test.txt >"$OUT/first.txt"
sh speech2text.sh --data_root demo --format tsv --output "$OUT/first.tsv" "$OUT/first.txt"
python demo/show.py "$OUT/first.txt" "$OUT/first.tsv" 3
echo

port=6006
port_is_free() {
    python -c "
import socket
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('', $port))" 2>/dev/null
}
while ! port_is_free && [ $port -lt 6026 ]; do
    echo "Port $port is taken, perhaps by another TensorBoard."
    port=$((port + 1))
done
tensorboard --logdir "$OUT/tensorboard" --port $port >"$OUT/tensorboard.log" 2>&1 &
board=$!
trap 'kill $board 2>/dev/null || true' EXIT

if ! command -v horovodrun >/dev/null 2>&1 && [ ! -e .venv/horovod-failed ]; then
    echo "Before a model is trained, Horovod is built, by which two processes train together (once, about 3 minutes)."
    ./install.sh --horovod-once
fi
if command -v horovodrun >/dev/null 2>&1; then
    launch="horovodrun -np 2"
else
    launch=
    echo "Horovod is not installed, so one process trains; with it two would: ./install.sh --horovod"
fi
echo "Now a model of its own is trained on the small corpus in demo/audio: synthetic commands, in three parts. It learns"
echo "from the first, the best state is chosen on the second (dev), and the third (test) says at the end how good it is:"
echo "110 clips of two voices and of sentences that the other parts do not have."
echo "Watch it at http://localhost:$port/ meanwhile."
start=$(date +%s)
if [ -n "$launch" ]; then # the launcher writes the number of the worker before each line
    $launch python train.py --recipe demo --model_path "$OUT" --model_name demo 2>&1 |
        sed -u 's/^\[[0-9,]*\]<std[a-z]*>://'
else
    python train.py --recipe demo --model_path "$OUT" --model_name demo
fi
[ -f "$OUT/demo.safetensors" ] || exit 1
echo "Trained in $(($(date +%s) - start)) s."

echo
echo "A language model of the syllables of the training part; the weights below were found on the dev part by"
echo "python -m ramospeech.tune."
python -m ramospeech.train_lm data_config/demo_train.txt --output "$OUT/demo.arpa"

echo
echo "Transcribing the 110 clips of the test part, with greedy decoding and with beam search with the language model:"
transcribe() {
    name=$1; shift
    sh speech2text.sh --model "$OUT/demo.safetensors" --data_root demo --format tsv --output "$OUT/$name.tsv" "$@" \
        data_config/demo_test.txt
}
transcribe greedy
transcribe beam --decoder beam --lm "$OUT/demo.arpa" --lm_weight 0.825 --length_bonus 3.5
python demo/show.py data_config/demo_test.txt "$OUT/beam.tsv"
for decoder in greedy beam; do
    echo
    case $decoder in
        greedy) echo "Errors on all of them, with greedy decoding:" ;;
        beam) echo "Errors by beam search with the language model:" ;;
    esac
    python evaluate.py --ref data_config/demo_test.txt --hyp "$OUT/$decoder.tsv"
done
echo
echo "The model that was trained is $OUT/demo.safetensors. It knows the commands of the demo only; to transcribe a"
echo "recording of your own with it:"
echo "    ./speech2text.sh --model $OUT/demo.safetensors talk.mp3"
echo "and with the shipped model, which knows more: ./speech2text.sh talk.mp3"
echo "To look at the run again: .venv/bin/tensorboard --logdir $OUT/tensorboard, then http://localhost:6006/"

#!/bin/sh
# Tests, benchmark and a short training on a machine with an NVIDIA GPU, without network: one command.
#
#     sh benchmarks/on_gpu.sh WHEELS OUT
#
# That machine has Linux on x86-64, Python 3.12 and torch 2.11 or later for CUDA. WHEELS is a folder that was filled on a
# machine with network, at the root of the checkout:
#
#     pip download --dest WHEELS --only-binary :all: --python-version 3.12 \
#         --platform manylinux2014_x86_64 --platform manylinux_2_28_x86_64 \
#         --constraint requirements.txt --no-deps soundfile cffi pycparser soxr pypinyin tensorboardX rapidfuzz opencc
#
# and whatever else its python lacks of numpy, scipy, safetensors, tqdm, matplotlib, Jinja2, protobuf, pytest, hypothesis.
# OUT gets tests.log, gpu.log, windows.log, training.log, transcripts.tsv, docs/benchmarks.md with its new section, and status.txt.
# Takes about ten minutes. PYTHON names another interpreter than python3. Exit status 0 if every step succeeded.
set -u

[ $# -eq 2 ] || { echo "usage: sh benchmarks/on_gpu.sh WHEELS OUT" >&2; exit 2; }
[ -d "$1" ] || { echo "error: $1 is not a folder of wheels; see the first lines of $0" >&2; exit 2; }
wheels=$(cd "$1" && pwd)
mkdir -p "$2" || exit 2
out=$(cd "$2" && pwd)
cd "$(dirname "$0")/.." || exit 2
status=0
: >"$out/status.txt"

# step NAME LOG COMMAND...: runs a command, keeps what it says, and goes on.
step() {
    name=$1 log=$out/$2
    shift 2
    echo "$name ..."
    start=$(date +%s)
    "$@" >"$log" 2>&1
    code=$?
    echo "$name: exit status $code, $(($(date +%s) - start)) s" | tee -a "$out/status.txt"
    [ $code -eq 0 ] || { status=1; tail -n 20 "$log"; }
}

# Packages go into a folder of their own, beside those that the machine's python has: its torch above all.
site=$out/site
python=${PYTHON:-python3}
step "packages" packages.log "$python" -m pip install --no-index --no-deps --target "$site" "$wheels"/*.whl
[ $status -eq 0 ] || exit 1
export PYTHONPATH="$PWD:$site"
step "torch and GPU" machine.log "$python" -c '
import sys, torch
print(sys.version, torch.__version__, torch.version.cuda)
print([torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())])
sys.exit(not torch.cuda.is_available())'
cat "$out/machine.log"
[ $status -eq 0 ] || { echo "error: torch finds no CUDA GPU here" >&2; exit 1; }

step "tests" tests.log "$python" -m pytest -m gpu -p no:cacheprovider -rs tests/device
step "benchmark" gpu.log "$python" benchmarks/gpu.py
cp docs/benchmarks.md "$out/benchmarks.md"
step "windows" windows.log "$python" benchmarks/windows.py
cp docs/benchmarks.md "$out/benchmarks.md"
step "training" training.log "$python" train.py --recipe demo --device cuda --epochs 8 --batch_size 16 \
    --model_path "$out/run" --model_name demo
step "transcribing" transcribing.log "$python" speech2text.py --model "$out/run/demo.safetensors" --device cuda \
    --data_root demo --format tsv --output "$out/transcripts.tsv" data_config/demo_test.txt
step "evaluating" evaluating.log "$python" evaluate.py --ref data_config/demo_test.txt --hyp "$out/transcripts.tsv"
cat "$out/status.txt"
exit $status

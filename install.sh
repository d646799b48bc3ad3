#!/bin/sh
# Builds .venv: Python packages and the two compiled searches (ctc_decode's core and the n-gram translator's); with
# --horovod also Horovod, against that torch, for training with several processes. A second run installs nothing, and
# builds the searches again only where their sources changed. Without a compiler decoding is slower and several
# processes do not work; a line for each says what to do.
#   ./install.sh                       all but Horovod
#   ./install.sh --horovod             Horovod too, again after a failed build
#   ./install.sh --horovod-once        Horovod too, unless its build failed before (make demo, make test)
#   ./install.sh --core                try the searches again after a failed build
#   PYTHON=python3.12 ./install.sh     another interpreter
set -eu
cd "$(dirname "$0")"
VENV=.venv
PY=$VENV/bin/python
STAMP=$VENV/requirements.sha256
FAILED=$VENV/horovod-failed
HOROVOD_LOG=$VENV/horovod-build.log
CORE_STAMP=$VENV/core.sha256
SEARCH=ramospeech/translate/ngram
CORE_LOG=$VENV/core-build.log
PACKAGES_LOG=$VENV/packages.log
. packaging/progress.sh

say() { printf '%s\n' "$*" >&2; }
fingerprint() { cat requirements.txt requirements-dev.txt requirements-horovod.txt install.sh | sha256sum | cut -d' ' -f1; }

core_fingerprint() {
    { $PY -V; cat CMakeLists.txt packaging/compiled/pyproject.toml ctc_decode/CMakeLists.txt \
        ctc_decode/python_module.cmake ctc_decode/src/* $SEARCH/CMakeLists.txt $SEARCH/src/*; } | sha256sum | cut -d' ' -f1
}

make_venv() {
    "${PYTHON:-python3}" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' ||
        { say "error: Python 3.11, 3.12 or 3.13 is needed; name one: PYTHON=python3.11 ./install.sh"; exit 1; }
    "${PYTHON:-python3}" -m venv $VENV ||
        { rm -rf $VENV; say "error: no venv module: apt-get install python3-venv"; exit 1; }
}

install_packages() {
    say "Installing Python packages into $VENV (once, a few minutes; log: $PACKAGES_LOG) ..."
    : > $PACKAGES_LOG
    follow packages $PACKAGES_LOG $PY -m pip install --progress-bar off --disable-pip-version-check \
        --root-user-action ignore -r requirements.txt -r requirements-dev.txt ||
        { grep -a ^ERROR $PACKAGES_LOG | tail -n 5 >&2; say "error: packages were not installed, see $PACKAGES_LOG"; exit 1; }
}

# The build of `pip install .` without the rest of the wheel; its two compiled files go into the checkout.
build_core() {
    rm -f ctc_decode/_core*.so $SEARCH/_search*.so
    if ! command -v c++ >/dev/null 2>&1 && ! command -v g++ >/dev/null 2>&1 && ! command -v clang++ >/dev/null 2>&1; then
        say "note: no C++ compiler, so decoding searches in numpy, much slower: apt-get install g++ python3-dev, then make"
        return 0
    fi
    say "Building the compiled searches (once, about a minute; log: $CORE_LOG) ..."
    wheel=$(mktemp -d)
    : > $CORE_LOG
    if follow core $CORE_LOG $PY -m pip wheel -v --disable-pip-version-check --no-deps -C build-dir="$wheel/build" -w "$wheel" ./packaging/compiled &&
        $PY -m zipfile -e "$wheel"/*.whl "$wheel/files" && cp "$wheel"/files/ctc_decode/_core*.so ctc_decode/ 2>> $CORE_LOG &&
        cp "$wheel"/files/$SEARCH/_search*.so $SEARCH/ 2>> $CORE_LOG &&
        $PY -c 'import ctc_decode._core, ramospeech.translate.ngram._search' 2>> $CORE_LOG; then
        :
    else
        rm -f ctc_decode/_core*.so $SEARCH/_search*.so
        say "note: the compiled searches did not build, see $CORE_LOG; decoding searches in numpy, much slower. Again: ./install.sh --core"
    fi
    rm -rf "$wheel"
    core_fingerprint > $CORE_STAMP
}

explain_no_horovod() {
    say "note: no Horovod ($1). Training in one process works; for several: apt-get install g++ make python3-dev, then ./install.sh --horovod"
}

build_horovod() {
    if ! command -v g++ >/dev/null 2>&1 || ! command -v make >/dev/null 2>&1; then
        touch $FAILED
        explain_no_horovod "no g++ and make on this machine"
        return 0
    fi
    say "Building Horovod (once, about 3 minutes; log: $HOROVOD_LOG) ..."
    tools=$(mktemp -d)
    trap 'rm -rf "$tools"' EXIT
    # Horovod puts -std=c++14 on the command line and torch 2 needs C++17; the last one wins.
    printf '#!/bin/sh\nexec g++ "$@" -std=c++17\n' > "$tools/g++17"
    chmod +x "$tools/g++17"
    gpu=
    if $PY -c 'import sys, torch; sys.exit(torch.version.cuda is None)' && command -v nvcc >/dev/null 2>&1; then
        nccl=$($PY -c 'import nvidia.nccl as n; print(list(n.__path__)[0])' 2>/dev/null || true)
        gpu="HOROVOD_GPU_OPERATIONS=NCCL ${nccl:+HOROVOD_NCCL_HOME=$nccl}"
    fi
    # The others first, without isolation from torch: pip would otherwise build Horovod before setuptools is right.
    : > $HOROVOD_LOG
    if grep -v '^horovod' requirements-horovod.txt > "$tools/needs.txt" &&
        follow Horovod $HOROVOD_LOG $PY -m pip install --progress-bar off --disable-pip-version-check \
            --root-user-action ignore -r "$tools/needs.txt" &&
        follow Horovod $HOROVOD_LOG env $gpu CXX="$tools/g++17" PATH="$PWD/$VENV/bin:$PATH" HOROVOD_WITH_PYTORCH=1 \
            HOROVOD_WITHOUT_TENSORFLOW=1 HOROVOD_WITHOUT_MXNET=1 HOROVOD_WITHOUT_MPI=1 HOROVOD_WITH_GLOO=1 \
            $PY -m pip install -v --disable-pip-version-check --no-build-isolation --no-deps \
            "$(grep -o '^horovod==[0-9.]*' requirements-horovod.txt)" &&
        check_horovod; then
        rm -f $FAILED
    else
        touch $FAILED
        explain_no_horovod "its build failed, see $HOROVOD_LOG"
    fi
}

check_horovod() {
    built=$($VENV/bin/horovodrun --check-build 2>> $HOROVOD_LOG) || return 1
    printf '%s\n' "$built" >> $HOROVOD_LOG
    printf '%s\n' "$built" | grep -q '\[X\] PyTorch' && printf '%s\n' "$built" | grep -q '\[X\] Gloo'
}

case ${1:-} in
    '' | --core | --horovod | --horovod-once) ;;
    *) say "error: install.sh has the options --core, --horovod and --horovod-once, not $1"; exit 2 ;;
esac
[ -x $PY ] || make_venv
if [ "$(cat $STAMP 2>/dev/null)" != "$(fingerprint)" ]; then
    install_packages
    rm -f $FAILED
    # Programs outside the root, like those of benchmarks/, import the packages of this checkout.
    pwd > "$($PY -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ramospeech-checkout.pth"
    fingerprint > $STAMP
    # A Horovod that was built for another torch does not load: build it again.
    $PY -c 'import horovod.torch' >/dev/null 2>&1 || $PY -m pip uninstall -q -y horovod >/dev/null 2>&1
fi
if [ "${1:-}" = --core ]; then rm -f $CORE_STAMP; fi
if [ "$(cat $CORE_STAMP 2>/dev/null)" != "$(core_fingerprint)" ]; then
    build_core
fi
if [ ! -x $VENV/bin/ramospeech ]; then
    printf '#!%s\nfrom ramospeech.__main__ import main\n\nraise SystemExit(main())\n' "$PWD/$PY" > $VENV/bin/ramospeech
    chmod +x $VENV/bin/ramospeech
fi
if [ "${1:-}" = --horovod ]; then rm -f $FAILED; fi
case ${1:-} in
    --horovod | --horovod-once)
        if [ ! -x $VENV/bin/horovodrun ] && [ ! -e $FAILED ]; then
            build_horovod
        fi
        ;;
esac

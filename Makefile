# make demo       sets up, transcribes clips, builds Horovod, trains on the demo corpus with two workers and scores it
# make test       sets up, Horovod too, and runs the tests;  make test-slow: those that take minutes too
# make test-gpu  the tests that need an NVIDIA GPU
# make bench      measures and writes docs/benchmarks.md (ace.py and models.py, which take hours, go by themselves)
# make check      ruff and mypy
# make docs       builds the site of docs/ into site/
.PHONY: demo test test-slow test-gpu bench check docs setup setup-horovod
PY := .venv/bin/python
# One process for each processor, one thread in each (tests/conftest.py); the slowest tests are named at the end.
TEST := $(PY) -m pytest -n auto --dist loadgroup --durations 15

demo: setup
	demo/run.sh

test: setup-horovod
	$(TEST)

test-slow: setup-horovod
	$(TEST) -m 'slow or not slow'

test-gpu: setup-horovod
	$(PY) -m pytest -m gpu -rs tests/device

bench: setup-horovod
	for name in bench_training decoder translator translator_design recordings inference; do $(PY) benchmarks/$$name.py || exit 1; done

check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

docs: setup
	$(PY) docs/make_options.py
	.venv/bin/mkdocs build --strict

setup:
	@./install.sh

setup-horovod:
	@./install.sh --horovod-once

"""One thread in each test process, lines of progress, and fixtures shared by all tests."""

# ruff: noqa: E402  (the variables come first: numpy and torch read them when they are imported)
import os

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # and the programs that tests run inherit it

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from progress_lines import ProgressLines

ROOT = Path(__file__).resolve().parent.parent
MOST_WORKERS = 8  # of `pytest -n auto`; each holds torch, about half a GB

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # in the process that prints, not in a worker of pytest-xdist
        config.pluginmanager.register(ProgressLines())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker for each processor that this process may use: what `-n auto` means."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, MOST_WORKERS)


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings and lists beside the checkout; skips where it is absent."""
    folder = ROOT.parent / "shared"
    if not (folder / "audio").is_dir():
        pytest.skip("the recordings of ../shared are not on this machine")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator, fresh for each test."""
    return np.random.default_rng(20261121)

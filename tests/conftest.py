"""Fixtures shared by all tests."""

from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


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

"""The networks that are compared are ones that train.py takes."""

import importlib
import sys

import pytest

from ramospeech.programs import train
from ramospeech.training import options, parse_with_recipe
from ramospeech.training.folder import RunFolder
from ramospeech.training.start import new_or_resumed, prepare


@pytest.fixture
def networks(root, monkeypatch):
    """Their options by name, of the module as it is imported when it is run."""
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    yield importlib.import_module("architectures").NETWORKS
    sys.modules.pop("architectures", None)


def test_each_is_a_network_of_its_own(networks, tmp_path):
    described = set()
    for words in networks.values():
        args = parse_with_recipe(options(train.__doc__), words.split())
        train.check_options(args)
        model, _ = new_or_resumed(args, RunFolder(tmp_path, "new"))
        prepare(model, args)
        described.add(model.config.describe())
    assert len(described) == len(networks) >= 6

"""The ablation of ACE: what its table says of curves that are known."""

import sys

import pytest


@pytest.fixture
def ablation(root, monkeypatch):
    """The module `ace`, imported as it is when it is run."""
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import ace

    yield ace
    for name in ("ace", "bench_training", "table", "trainings"):
        sys.modules.pop(name, None)


def test_differences_are_taken_seed_by_seed(ablation):
    curves = {
        "CTC": [[0.9, 0.40, 0.20], [0.9, 0.50, 0.30], [0.9, 0.60, 0.10]],
        "CTC + 0.1 ACE": [[0.4, 0.3, 0.18], [0.9, 0.4, 0.28], [0.9, 0.4, 0.08]],
        "ACE": [[1.0, 0.9, 0.9], [1.0, 0.9, 0.9], [1.0, 0.9, 0.3]],
    }
    _, _, plain, both, alone = ablation.table(curves).split("\n")
    assert plain == "| CTC | 20.0 | 20.0, 30.0, 10.0 |  |"
    assert both == "| CTC + 0.1 ACE | 18.0 | 18.0, 28.0, 8.0 | -2.0 (-2.0 to -2.0) |"
    # Differences 70, 60 and 20: mean 50, standard error 26.46 / sqrt(3), times 4.303.
    assert alone == "| ACE | 70.0 | 90.0, 90.0, 30.0 | +50.0 (-15.7 to +115.7) |"


def test_one_seed_has_no_interval(ablation):
    table = ablation.table({"CTC": [[0.5, 0.2]], "ACE": [[0.5, 0.3]]})
    assert "| ACE | 30.0 | 30.0 | +10.0 |" in table


def test_every_variant_is_a_run_of_its_own(ablation):
    from trainings import name_of

    names = {name_of(variant, seed) for variant in ablation.VARIANTS for seed in (1, 2)}
    assert len(names) == 2 * len(ablation.VARIANTS)


def test_the_picture_is_drawn(ablation, tmp_path):
    ablation.draw({"CTC": [[0.9, 0.5], [0.8, 0.4]], "ACE": [[1.0, 1.0], [1.0, 0.9]]}, tmp_path / "ace.png")
    assert (tmp_path / "ace.png").read_bytes()[:4] == b"\x89PNG"

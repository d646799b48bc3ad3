"""The table of busy machines, of times that are known, and that the busy loops end."""

import sys

import pytest


@pytest.fixture
def busy(root, monkeypatch):
    """The module `busy`, imported as it is when it is run."""
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import busy

    yield busy
    for name in ("busy", "bench_training", "table"):
        sys.modules.pop(name, None)


def test_times_are_compared_with_a_fair_share(busy):
    times = {("ours", 0): [1.0, 9.0, 1.0], ("ours", 1): [1.5], ("ours", 2): [3.0],
             ("torch", 0): [1.25], ("torch", 1): [3.0], ("torch", 2): [8.0]}  # fmt: skip
    ours, torch = busy.rows("job", times, cores=2)
    assert ours == "| job | ramospeech | 1.00 s, +0.0 % | 1.50 s, 1.12 | 3.00 s, 1.50 |"
    assert torch == "| job | torch's own | 1.25 s, +25.0 % | 3.00 s, 2.25 | 8.00 s, 4.00 |"


def test_busy_loops_end_with_the_work(busy, monkeypatch):
    started = []
    original = busy.subprocess.Popen
    monkeypatch.setattr(
        busy.subprocess, "Popen", lambda *args, **options: started.append(original(*args)) or started[-1]
    )
    with pytest.raises(RuntimeError), busy.busy(2):
        assert [loop.poll() for loop in started] == [None, None]
        raise RuntimeError
    assert all(loop.poll() is not None for loop in started)


def test_a_worker_that_fails_is_an_error(busy, tmp_path, monkeypatch):
    script = tmp_path / "busy_worker.py"
    script.write_text("raise SystemExit('no model')")
    monkeypatch.setattr(busy, "WORKER", script)
    with pytest.raises(busy.errors.UsageError, match=r"busy_worker\.py failed"):
        busy.Worker("train", "ours").run()

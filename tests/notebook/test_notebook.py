"""The notebook that explains CTC: its cells run in order, in plain Python, and are kept without outputs."""

import json
import re
import warnings

import pytest

NOTEBOOK = "docs/ctc.ipynb"


@pytest.fixture(scope="module")
def cells(root):
    return json.loads((root / NOTEBOOK).read_text(encoding="utf-8"))["cells"]


def test_it_has_no_outputs(cells):
    assert len(cells) == len({cell["id"] for cell in cells})
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 8
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []


def test_what_it_links_to_exists(cells, root):
    text = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert [link for link in links if not link.startswith("https://") and not (root / "docs" / link).is_file()] == []


def test_every_cell_runs(cells, root, monkeypatch, capsys):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    monkeypatch.chdir(root / "docs")  # where Jupyter starts it
    names: dict[str, object] = {}
    pictures = 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*non-interactive.*")
        for cell in cells:
            if cell["cell_type"] == "code":
                source = "".join(cell["source"])
                exec(compile(source, cell["id"], "exec"), names)
                pictures += len(plt.get_fignums())
                assert len(plt.get_fignums()) == ("plt.show()" in source), "a picture for each cell that shows one"
                plt.close("all")
    printed = capsys.readouterr().out
    assert pictures >= 5
    assert "zhou1 wu3 tian1 jin1" in printed and "ctc_decode:" in printed

"""Sections of docs/benchmarks.md."""

import importlib.util
from pathlib import Path


def test_a_section_replaces_itself_only(root: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("table", root / "benchmarks" / "table.py")
    assert spec and spec.loader
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    path = tmp_path / "docs" / "benchmarks.md"
    table.write_section("a", "first", path)
    table.write_section("b", "other", path)
    table.write_section("a", r"second \1", path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Benchmarks\n") and text.endswith("<!-- b:begin -->\nother\n<!-- b:end -->\n")
    assert "<!-- a:begin -->\nsecond \\1\n<!-- a:end -->" in text and "first" not in text

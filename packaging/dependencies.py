"""Metadata for the build: the package depends on the lines of requirements.txt, but for an extra, marked [media]."""

from pathlib import Path
from typing import Any


def dynamic_metadata(field: str, settings: dict[str, Any], project: dict[str, Any]) -> list[str]:
    """What scikit-build-core asks for: each requirement without its comment."""
    if field != "dependencies" or settings:
        raise RuntimeError(f"packaging/dependencies.py gives dependencies and has no settings, not {field} {settings}")
    lines = Path(__file__).resolve().parent.parent.joinpath("requirements.txt").read_text("utf-8").splitlines()
    requirements = (line.split("#")[0].strip() for line in lines if "# [media]" not in line)
    return [requirement for requirement in requirements if requirement]

"""Metadata for the build: the dependencies of the package are the lines of requirements.txt."""

from pathlib import Path
from typing import Any


def dynamic_metadata(field: str, settings: dict[str, Any], project: dict[str, Any]) -> list[str]:
    """What scikit-build-core asks for: each requirement without its comment."""
    if field != "dependencies" or settings:
        raise RuntimeError(f"packaging/dependencies.py gives dependencies and has no settings, not {field} {settings}")
    lines = Path(__file__).resolve().parent.parent.joinpath("requirements.txt").read_text("utf-8").splitlines()
    requirements = (line.split("#")[0].strip() for line in lines)
    return [requirement for requirement in requirements if requirement]

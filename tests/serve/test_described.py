"""The service does what its description at /openapi.json says, with requests that schemathesis makes of it."""

# ruff: noqa: E402  (what may be missing comes first)
import pytest

pytest.importorskip("fastapi")
schemathesis = pytest.importorskip("schemathesis")
from hypothesis import settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from test_hostile import Length

from ramospeech.serve import Limits, create_app

schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(Length(), Limits(megabytes=0.2)))  # type: ignore


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=300)
def test_each_route_answers_as_described(case) -> None:
    case.call_and_validate(excluded_checks=[positive_data_acceptance])  # which takes any bytes for a recording

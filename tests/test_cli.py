"""Types of options: what they take, and that what no run can use is refused with its bounds."""

import argparse

import pytest

from ramospeech import cli
from ramospeech.errors import UsageError


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (cli.count, ["1", "7", "2147483647"], ["0", "-1", "1.5", "nan", "inf", "", "1e3", "9" * 20]),
        (cli.count_or_0, ["0", "3"], ["-1", "x"]),
        (cli.positive, ["1e-9", "3"], ["0", "-0.0", "inf", "nan", "-inf", "1e999", "one"]),
        (cli.positive_or_0, ["0", "2.5"], ["-1e-9", "nan", "inf"]),
        (cli.fraction, ["0", "0.999"], ["1", "-0.1", "nan"]),
        (cli.seed, ["0", str(2**63 - 1)], ["-1", str(2**63), "0.5"]),
        (cli.number(float, -5, 5), ["-5", "5"], ["5.1", "-inf"]),
    ],
)
def test_numbers_within_and_outside_of_bounds(kind, good, bad):
    for text in good:
        assert str(kind(text)) == text or kind(text) == float(text)
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError, match=r"must be a (whole|finite) number"):
            kind(text)


@pytest.mark.parametrize("line", [["--epochs", "0"], ["--epochs"], ["--other", "1"], []])
def test_errors_of_the_command_line_are_one_line(line):
    parser = cli.Parser(prog="x")
    parser.add_argument("--epochs", type=cli.count, required=True)
    with pytest.raises(UsageError) as caught:
        parser.parse_args(line)
    assert "\n" not in str(caught.value) and "--epochs" in str(caught.value) + " ".join(line)

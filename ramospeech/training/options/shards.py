"""Options of train.py: reading clips that are packed into shards."""

import argparse

from ramospeech.cli import count, positive_or_0


def add_shards(parser: argparse.ArgumentParser) -> None:
    """Add the options of shards."""
    group = parser.add_argument_group("shards", "of lists that `ramospeech prepare pack` has written")
    group.add_argument(
        "--shard_buffer",
        type=count,
        default=32,
        help="shards whose clips are mixed; an epoch goes from these to the next",
    )
    group.add_argument("--shard_cache", metavar="DIR", help="where to keep what was read from http addresses")
    group.add_argument("--shard_cache_gb", type=positive_or_0, default=10.0, help="size of that; 0 keeps nothing")

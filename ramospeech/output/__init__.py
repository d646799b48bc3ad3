"""Transcripts as txt, json, srt, vtt and tsv: a module for each format, `Output` for where they go, and `read_tsv`."""

from ramospeech.output.cues import clock, cues
from ramospeech.output.formats import WRITERS, get_writer
from ramospeech.output.json import JsonWriter
from ramospeech.output.srt import SrtWriter
from ramospeech.output.target import Output, output_file
from ramospeech.output.tsv import COLUMNS, TsvWriter, read_tsv
from ramospeech.output.txt import TxtWriter
from ramospeech.output.vtt import VttWriter
from ramospeech.output.writer import Writer

__all__ = [
    "COLUMNS",
    "WRITERS",
    "JsonWriter",
    "Output",
    "SrtWriter",
    "TsvWriter",
    "TxtWriter",
    "VttWriter",
    "Writer",
    "clock",
    "cues",
    "get_writer",
    "output_file",
    "read_tsv",
]

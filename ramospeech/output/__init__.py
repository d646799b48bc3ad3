"""Transcripts as txt, json, srt, vtt, tsv, TextGrid and HTML, a module for each.

`Output` is where they go; `read_tsv` reads one format back.
"""

from ramospeech.output.cues import clock, cues, spoken_cues
from ramospeech.output.formats import WRITERS, get_writer
from ramospeech.output.html import HtmlWriter
from ramospeech.output.json import JsonWriter
from ramospeech.output.srt import SrtWriter
from ramospeech.output.target import Output, output_file
from ramospeech.output.textgrid import TextGridWriter
from ramospeech.output.tsv import COLUMNS, TsvWriter, read_tsv
from ramospeech.output.txt import TxtWriter
from ramospeech.output.vtt import VttWriter
from ramospeech.output.words import timed_words
from ramospeech.output.writer import DOUBTFUL, Style, Writer

__all__ = [
    "COLUMNS",
    "DOUBTFUL",
    "WRITERS",
    "HtmlWriter",
    "JsonWriter",
    "Output",
    "SrtWriter",
    "Style",
    "TextGridWriter",
    "TsvWriter",
    "TxtWriter",
    "VttWriter",
    "Writer",
    "clock",
    "cues",
    "get_writer",
    "output_file",
    "read_tsv",
    "spoken_cues",
    "timed_words",
]

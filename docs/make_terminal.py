"""Draws docs/terminal.png: commands as they are typed in a checkout, and what they really print.

    python docs/make_terminal.py [--font FILE.ttc] [--face N]

The font needs Chinese characters, all twice as wide as Latin ones, such as Noto Sans Mono CJK.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from unicodedata import east_asian_width

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (
    "ramospeech transcribe demo/audio/test/0004.ogg",
    "ramospeech transcribe --format srt demo/audio/test/0007.ogg",
    "ramospeech transcribe --format tsv demo/audio/test/00{04,07,10}.ogg | cut -f 2,3",
)
SIZE, LINE, MARGIN = 20, 30, 24  # pixels
BACKGROUND, PROMPT, TYPED, OUTPUT, NOTES = "#1e1e28", "#7fd17f", "#ffffff", "#d8d8e0", "#9a9ab0"


def columns(text: str) -> int:
    """Return how many cells of a terminal a text takes."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def printed(command: str) -> tuple[list[str], list[str]]:
    """Return what a command prints: the lines of stdout and those of stderr."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return [expanded(line) for line in done.stdout.splitlines()], done.stderr.splitlines()


def expanded(line: str) -> str:
    """Return a line with its tabs as a terminal shows them: spaces up to the next eighth cell."""
    text = ""
    for character in line:
        text += " " * (8 - columns(text) % 8) if character == "\t" else character
    return text


def draw(rows: list[list[tuple[str, str]]], font: ImageFont.FreeTypeFont) -> Image.Image:
    """Return a picture of rows of (text, colour)."""
    cell = round(font.getlength("M"))
    width = max(sum(columns(text) for text, _ in row) for row in rows)
    picture = Image.new("RGB", (width * cell + 2 * MARGIN, len(rows) * LINE + 2 * MARGIN), BACKGROUND)
    pen = ImageDraw.Draw(picture)
    for number, row in enumerate(rows):
        column = 0
        for text, colour in row:
            for character in text:
                pen.text((MARGIN + column * cell, MARGIN + number * LINE), character, colour, font)
                column += columns(character)
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--font", default="/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
    parser.add_argument("--face", type=int, default=7, help="number of the font within a collection")
    args = parser.parse_args()
    rows: list[list[tuple[str, str]]] = []
    for command in COMMANDS:
        output, notes = printed(command)
        rows.append([("$ ", PROMPT), (command, TYPED)])
        rows += [[(line, OUTPUT)] for line in output if line]
        rows += [[(line, NOTES)] for line in notes]
        rows.append([("", OUTPUT)])
    font = ImageFont.truetype(args.font, SIZE, index=args.face)
    draw(rows[:-1], font).quantize(64).save(ROOT / "docs" / "terminal.png", optimize=True)


if __name__ == "__main__":
    main()

"""A page for one recording: it plays, and a click on a character plays from there."""

from __future__ import annotations

import base64
import itertools
import math
import mimetypes
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ramospeech.output.cues import clock, cues
from ramospeech.output.words import begins
from ramospeech.output.writer import Style, Writer

if TYPE_CHECKING:
    from ramospeech.transcript import Token, Transcript

EMBEDDED_BYTES = 64 * 2**20  # of a recording that the page holds itself; a larger one is linked

PAGE = """<!DOCTYPE html>
<html lang="zh-Hans">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 1.3em/2.2 system-ui, "Noto Sans CJK SC", sans-serif; max-width: 45em; margin: 1em auto; padding: 0 1em; }}
audio {{ position: sticky; top: 0; width: 100%; }}
p {{ margin: .4em 0; }} time {{ color: #777; font-size: .6em; margin-right: 1em; }}
ruby {{ cursor: pointer; border-radius: .2em; }} rt {{ font-size: .5em; color: #777; }}
ruby:hover {{ background: #eef; }} ruby.now {{ background: #fd6; }}
ruby.doubtful {{ text-decoration: underline dotted #c00; }}
</style>
<h1>{title}</h1>
<audio controls src="{audio}"></audio>
{notes}{body}
<script>
const player = document.querySelector("audio"), all = [...document.querySelectorAll("ruby")];
for (const each of all) each.onclick = () => {{ player.currentTime = each.dataset.start; player.play(); }};
player.ontimeupdate = () => {{
  for (const each of all)
    each.classList.toggle("now", each.dataset.start <= player.currentTime && player.currentTime < each.dataset.end);
}};
</script>
</html>
"""


class HtmlWriter(Writer):
    """A self-contained page: the recording, the text with pinyin above it, doubtful syllables underlined."""

    single = True

    def write(self, transcript: Transcript) -> None:
        notes = [*([transcript.error] if transcript.error else []), *transcript.warnings]
        self.file.write(
            PAGE.format(
                title=escape(Path(transcript.id).name or transcript.id),
                audio=_audio(transcript),
                notes="".join(f"<p><em>{escape(note)}</em></p>\n" for note in notes),
                body="\n".join(_paragraphs(transcript, self.style)),
            )
        )


def _paragraphs(transcript: Transcript, style: Style) -> list[str]:
    """A paragraph for each cue, with its time."""
    starts = [start for start, _, _ in cues(transcript)]
    paragraphs = []
    for start, following in itertools.pairwise([*starts, math.inf]):
        tokens = [token for token in transcript.tokens if start <= token.start < following]
        time = clock(start, ".")[:8]
        name = f"<b>{escape(tokens[0].speaker)}</b> " if tokens[0].speaker else ""
        rubies = "".join(_ruby(group, style) for group in _groups(tokens))
        paragraphs.append(f"<p><time>{time}</time>{name}{rubies}</p>")
    return paragraphs


def _groups(tokens: Sequence[Token]) -> list[list[Token]]:
    """Put the syllables of a number that is written in digits together."""
    groups: list[list[Token]] = []
    for token in tokens:
        if groups and not begins(token):
            groups[-1].append(token)
        else:
            groups.append([token])
    return groups


def _ruby(tokens: Sequence[Token], style: Style) -> str:
    """Return the markup of a syllable, or of the syllables of a number."""
    first, pinyin = tokens[0], " ".join(token.pinyin for token in tokens)
    above = f"<rt>{escape(pinyin)}</rt>" if first.hanzi and first.pinyin else ""
    text = escape(first.shown or f"{first.pinyin} ")
    attributes = f'data-start="{first.start:.3f}" data-end="{tokens[-1].end:.3f}"'
    attributes += ' class="doubtful"' * any(map(style.is_doubtful, tokens))
    return f"<ruby {attributes}>{text}{above}</ruby>"


def _audio(transcript: Transcript) -> str:
    """The recording itself as a data URL; where it is large or not a file, its name."""
    source = transcript.id if transcript.channel is None else transcript.id.removesuffix(f"#{transcript.channel}")
    path = Path(source)
    try:
        if path.is_file() and path.stat().st_size <= EMBEDDED_BYTES:
            kind = mimetypes.guess_type(path.name)[0] or "audio/wav"
            return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
    except OSError:  # the recording is gone since: its transcript is still worth a page
        pass
    return escape(source, quote=True)

"""Text while somebody speaks: from a microphone, or a recording as if it were spoken now.

    ramospeech listen
    ramospeech listen --model fast --hotword 肖战
    ramospeech listen --file talk.wav --format json

In a terminal the line of what is being spoken is written over, dim where it may still change; after a pause it stays.
Ctrl-C ends it.
"""

import argparse
import io
import sys
from dataclasses import replace

from ramospeech.cli import Parser, add_device, add_hotwords, add_model, add_translator, number, positive_or_0
from ramospeech.display import add_options
from ramospeech.errors import UsageError, program
from ramospeech.live import LiveOptions, LiveRecogniser
from ramospeech.live.screen import Screen
from ramospeech.live.sources import microphone, paced
from ramospeech.pipeline import Transcriber
from ramospeech.text import collect_hotwords
from ramospeech.translate import Phrases


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = Parser(description=__doc__)
    parser.add_argument("--file", metavar="PATH", help="read this recording instead of a microphone")
    parser.add_argument(
        "--pace", type=positive_or_0, default=1.0, help="speed of a file, times real time; 0: no waiting"
    )
    parser.add_argument("--microphone", metavar="NUMBER|NAME", help="another than the default")
    add_model(parser)
    add_translator(parser)
    add_device(parser)
    add_hotwords(parser)
    parser.add_argument(
        "--pause",
        type=number(float, 0.4, 10),
        default=LiveOptions.pause,
        metavar="S",
        help="seconds without a syllable that end an utterance",
    )
    parser.add_argument(
        "--format",
        choices=["txt", "json"],
        default="txt",
        help="json: every update in a line, as the WebSocket of the service sends it",
    )
    add_options(parser, punctuation=False)
    args = parser.parse_args(argv)
    if args.file and args.microphone:
        raise UsageError("give --file or --microphone, not both")
    if args.translator == "none" and (args.hotwords or args.hotword):
        raise UsageError("--hotwords need a translator; leave out --translator none")
    return args


@program
def main(argv: list[str] | None = None) -> int:
    """Recognise until the recording ends, or Ctrl-C."""
    args = parse(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # whatever the locale
        sys.stdout.reconfigure(encoding="utf-8")
    hotwords = collect_hotwords(args.hotwords, args.hotword)
    transcriber = Transcriber.from_pretrained(
        args.model,
        False if args.translator == "none" else args.translator,
        device=args.device,
        hotwords=Phrases(hotwords) if hotwords else None,
        threads=args.threads,
        punctuation=args.punctuation and args.translator != "none",
        itn=args.itn,
        script=args.script,
    )
    live = LiveRecogniser(transcriber, replace(LiveOptions(), pause=args.pause))
    screen = Screen(sys.stdout, args.format == "json")

    def say(line: str) -> None:
        print(f"warning: {line}", file=sys.stderr)

    name = int(args.microphone) if (args.microphone or "").isdigit() else args.microphone
    blocks = paced(args.file, args.pace, say) if args.file else microphone(name, say)
    try:
        for block in blocks:
            for update in live.push(block):
                screen.show(update)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    for update in live.finish():
        screen.show(update)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

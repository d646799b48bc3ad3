"""Serve transcriptions over HTTP, to programs that speak to OpenAI's service and to others.

ramospeech serve
curl -F file=@talk.mp3 http://127.0.0.1:8000/v1/audio/transcriptions
"""

import os
from collections.abc import Sequence

from ramospeech import environment

environment.prepare_module()

from ramospeech.cli import Parser, count, number, positive  # noqa: E402
from ramospeech.errors import UsageError, extra, program  # noqa: E402
from ramospeech.pipeline import Transcriber  # noqa: E402
from ramospeech.serve.app import Limits, create_app  # noqa: E402

with extra("serve"):
    import uvicorn

KEY = "RAMOSPEECH_API_KEY"


def parser() -> Parser:
    """Return the options of the program."""
    about, examples = (__doc__ or "").split("\n\n", 1)
    parser = Parser(description=about, epilog=examples)
    parser.add_argument("--model", default="accurate", help="accurate, fast or a file")
    parser.add_argument("--translator", metavar="FILE", help="of pinyin to hanzi (default: the shipped n-gram)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 or mps")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=number(int, 1, 65535), default=8000, help="to listen on")
    parser.add_argument("--max_megabytes", type=positive, default=Limits.megabytes, help="of a request, at most")
    parser.add_argument("--max_minutes", type=positive, default=Limits.minutes, help="of audio in a request, at most")
    parser.add_argument("--timeout", type=positive, default=Limits.timeout, help="seconds until an answer, at most")
    parser.add_argument("--waiting", type=count, default=Limits.waiting, help="requests in the queue, at most")
    parser.epilog = f"{parser.epilog}\nClients need the key in the environment variable {KEY}, where it is set."
    return parser


@program
def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the process is told to end; requests that run are finished first."""
    args = parser().parse_args(argv)
    key = os.environ.get(KEY)
    if key == "":
        raise UsageError(f"{KEY} is set and empty; set a key, or unset it")
    transcriber = Transcriber.from_pretrained(args.model, args.translator, device=args.device)
    limits = Limits(args.max_megabytes, args.max_minutes, args.timeout, args.waiting)
    uvicorn.run(create_app(transcriber, limits, key), host=args.host, port=args.port, timeout_graceful_shutdown=60)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

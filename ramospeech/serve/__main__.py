"""Serve transcriptions over HTTP, to programs that speak to OpenAI's service and to others.

ramospeech serve
curl -F file=@talk.mp3 http://127.0.0.1:8000/v1/audio/transcriptions
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence

from ramospeech import environment

environment.prepare_module()

from ramospeech.cli import Parser, add_device, add_model, count, number, positive  # noqa: E402
from ramospeech.display import add_options  # noqa: E402
from ramospeech.errors import UsageError, extra, program  # noqa: E402
from ramospeech.pipeline import Transcriber  # noqa: E402
from ramospeech.serve.app import Limits, create_app  # noqa: E402
from ramospeech.serve.live import Streams  # noqa: E402
from ramospeech.serve.messages import MESSAGE_BYTES  # noqa: E402

with extra("serve"):
    import uvicorn

KEY = "RAMOSPEECH_API_KEY"
CONNECTIONS = 1000  # at once; more are refused with 503
END_SECONDS = 60  # for what runs, once the process is told to end


def parser() -> Parser:
    """Return the options of the program."""
    about, examples = (__doc__ or "").split("\n\n", 1)
    parser = Parser(description=about, epilog=examples)
    add_model(parser)
    parser.add_argument("--translator", metavar="FILE", help="model of pinyin to hanzi (default: the shipped one)")
    add_device(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=number(int, 1, 65535), default=8000, help="port to listen on")
    parser.add_argument(
        "--max_megabytes", type=positive, default=Limits.megabytes, help="largest request, in 10^6 bytes"
    )
    parser.add_argument("--max_minutes", type=positive, default=Limits.minutes, help="longest audio of a request")
    parser.add_argument(
        "--timeout", type=positive, default=Limits.timeout, help="seconds after which a request is given up"
    )
    parser.add_argument("--waiting", type=count, default=Limits.waiting, help="longest queue of requests")
    parser.add_argument("--streams", type=count, default=Limits.streams, help="most live streams at once")
    parser.add_argument("--idle", type=positive, default=Limits.idle, help="seconds a stream may send no audio")
    add_options(parser, punctuation=True)
    parser.epilog = f"{parser.epilog}\nClients need the key in the environment variable {KEY}, where it is set."
    return parser


class Server(uvicorn.Server):
    """Lets live streams end with their last text before it closes connections."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        streams: Streams = self.config.app.state.streams  # type: ignore[union-attr]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await streams.close()
        await super().shutdown(sockets)


@program
def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the process is told to end; requests that run are finished first."""
    args = parser().parse_args(argv)
    key = os.environ.get(KEY)
    if key == "":
        raise UsageError(f"{KEY} is set and empty; set a key, or unset it")
    transcriber = Transcriber.from_pretrained(
        args.model,
        args.translator,
        device=args.device,
        threads=args.threads,
        punctuation=args.punctuation,
        itn=args.itn,
        script=args.script,
    )
    limits = Limits(args.max_megabytes, args.max_minutes, args.timeout, args.waiting, args.streams, args.idle)
    config = uvicorn.Config(
        create_app(transcriber, limits, key),
        host=args.host,
        port=args.port,
        timeout_graceful_shutdown=END_SECONDS,
        limit_concurrency=CONNECTIONS,
        ws_max_size=2 * MESSAGE_BYTES,
        ws_ping_interval=None,  # an answer waits behind audio that is not read yet; streams have limits of their own
        ws_per_message_deflate=False,
    )
    server = Server(config)
    with contextlib.suppress(KeyboardInterrupt):  # once all has ended
        server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""The HTTP service of the stand-in, as a process."""

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from greenloop.tools.standin import record as record_module
from greenloop.tools.standin import script as script_module
from greenloop.tools.standin.answering import Shared
from greenloop.tools.standin.cache import PrefixCache
from greenloop.tools.standin.calls import Call
from greenloop.tools.standin.demo import HOW_TO, demo_script
from greenloop.tools.standin.record import RequestLog
from greenloop.tools.standin.refusal import Refused
from greenloop.tools.standin.script import Script
from greenloop.tools.standin.shelf import Shelf
from greenloop.tools.standin.turnstile import Turnstile
from greenloop.tools.standin.wire import ClientGone, Wire


class Service(ThreadingHTTPServer):
    """One stand-in."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], shared: Shared) -> None:
        super().__init__(address, Handler)
        self.shared = shared


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Service

    def log_message(self, format: str, *args: Any) -> None:
        """The request log says it all."""

    def _serve(self) -> None:
        call = Call(self.server.shared, self, Wire(self))
        try:
            call.serve()
        except Refused as refused:
            call.refuse(refused)
        except ClientGone:
            call.finish("disconnected")
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _serve


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until killed."""
    args = _parser().parse_args(argv)
    try:
        script = demo_script() if args.demo else Script.load(args.script)
    except (OSError, ValueError, TypeError) as error:
        print(f"no script in {args.script}: {error}", file=sys.stderr)
        return 2
    try:
        service = Service(("127.0.0.1", args.port), _shared(script, args.log))
    except OSError as error:
        print(f"cannot listen on port {args.port}: {error}; try --port 0", file=sys.stderr)
        return 3
    if args.with_parent:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    print(f"listening http://127.0.0.1:{service.server_port}", flush=True)
    if args.demo:
        print(HOW_TO.format(port=service.server_port), flush=True)
    try:
        service.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m greenloop.tools.standin",
        description="A scripted stand-in for an Ollama server.",
        epilog=f"{script_module.__doc__}\nThe request log:\n\n{record_module.__doc__}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--script", type=Path, help="JSON file; its format is described below")
    source.add_argument("--demo", action="store_true", help="play the model for examples/ferry")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--log", type=Path, help="file for the requests, one JSON line each")
    parser.add_argument("--with-parent", action="store_true", help="end when the starter ends")
    return parser


def _shared(script: Script, log: Path | None) -> Shared:
    shelf = Shelf(
        script.models,
        gpu_bytes=script.gpu_bytes,
        max_loaded=script.max_loaded,
        clock=script.clock,
    )
    return Shared(script, RequestLog(log), shelf, Turnstile(script.max_queue), PrefixCache())


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)

"""The HTTP service of the stand-in, as a process."""

import argparse
import os
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from greenloop.tools.standin.calls import Call, Shared
from greenloop.tools.standin.chat import Turnstile
from greenloop.tools.standin.chat_request import Refused
from greenloop.tools.standin.record import RequestLog
from greenloop.tools.standin.script import Script
from greenloop.tools.standin.shelf import Shelf
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
            call.error(refused.status, refused.text)
        except ClientGone:
            call.finish("disconnected")
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _serve


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="A scripted stand-in for an Ollama server.")
    parser.add_argument("--script", type=Path, required=True, help="JSON file, see script.py")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--log", type=Path, help="file for the requests, one JSON line each")
    parser.add_argument("--with-parent", action="store_true", help="end when the starter ends")
    args = parser.parse_args(argv)
    script = Script.load(args.script)
    shared = Shared(script, RequestLog(args.log), Shelf(script.models), Turnstile(script.max_queue))
    service = Service(("127.0.0.1", args.port), shared)
    if args.with_parent:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    print(f"listening http://127.0.0.1:{service.server_port}", flush=True)
    service.serve_forever(poll_interval=0.1)
    return 0


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)

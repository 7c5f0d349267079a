"""Serves the annotation page to this machine's browser: the page, its pictures, and a place to send judgements to.

It binds to 127.0.0.1 and to nothing else. The address holds a random word, so that neither other users of the machine
nor other pages in the browser can read or judge; a request under another host name (DNS rebinding) gets nothing. It is
not made for the network, and knows no users. What is judged and kept is `annotate.py`'s.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from novic_ros import images
from novic_ros.evaluation.annotate import Sitting
from novic_ros.evaluation.ovic import WEIGHTS, OvicError
from novic_ros.evaluation.pages import inline_page
from novic_ros.evaluation.thumbnails import small_jpeg

__all__ = ["AnnotationServer"]

LOOPBACK = "127.0.0.1"
LARGEST = (1400, 1050)  # pixels of a picture that is sent
LONGEST_BODY = 1000  # bytes; a judgement takes 50
POLICY = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src {script}; connect-src 'self'"


class AnnotationServer(ThreadingHTTPServer):
    """A server for one sitting. files: picture -> where it lies. port 0: any that is free. Raises OSError.

    Call `serve_forever`, and `shutdown` from another thread; a context manager as any server of the standard library.
    """

    daemon_threads = True

    def __init__(self, sitting: Sitting, files: Mapping[str, Path], port: int = 0):
        self.sitting, self.files = sitting, dict(files)
        self.word = secrets.token_urlsafe(12)
        super().__init__((LOOPBACK, port), _Handler)

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.word}/"

    @cached_property
    def pictures(self) -> list[str]:
        """The pictures in the order of the pairs, each once; the page asks for them by number."""
        return list(dict.fromkeys(pair.picture for pair in self.sitting.pairs))

    def state(self) -> dict[str, Any]:
        """What the page starts with."""
        numbers = {picture: number for number, picture in enumerate(self.pictures)}
        sitting = self.sitting
        return {"pictures": self.pictures, "categories": list(WEIGHTS), "file": sitting.path.name,
                "pairs": [[numbers[pair.picture], pair.label, sitting.category(number)]
                          for number, pair in enumerate(sitting.pairs)]}


class _Handler(BaseHTTPRequestHandler):
    server: AnnotationServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        path = self._asked()
        if path == "":
            page, script_hash = inline_page("annotate", {})
            self._send(page.encode(), "text/html; charset=utf-8", policy=POLICY.format(script=f"'{script_hash}'"))
        elif path == "state":
            self._send_json(self.server.state())
        elif path is not None and path.startswith("picture/"):
            self._send_picture(path.removeprefix("picture/"))
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing at this address")

    def do_POST(self) -> None:
        body = self._body()
        if self._asked() != "judge":
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing at this address")
            return
        try:
            said = json.loads(body)
            if not isinstance(said, dict) or set(said) != {"pair", "category"}:
                raise ValueError("expected an object of pair and category")
            self.server.sitting.judge(said["pair"], said["category"])
        except OvicError as error:
            self._refuse(HTTPStatus.CONFLICT, str(error))
        except OSError as error:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR,
                         f"{self.server.sitting.path}: cannot be written: {error.strerror}")
        except ValueError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        else:
            self._send_json({"saved": True})

    def _asked(self) -> str | None:
        """The path below the random word; None if this is no request from our own page."""
        port = self.server.server_port
        if self.headers.get("Host") not in (f"{LOOPBACK}:{port}", f"localhost:{port}"):
            return None
        begin, _, path = self.path.lstrip("/").partition("/")
        return path if secrets.compare_digest(begin.encode(), self.server.word.encode()) else None

    def _body(self) -> bytes:
        """The request's content; nothing, and no further request, if it is too long or does not say how long it is."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LONGEST_BODY:
            self.close_connection = True
            return b""
        return self.rfile.read(int(length))

    def _send_picture(self, number: str) -> None:
        pictures = self.server.pictures
        if not number.isdecimal() or int(number) >= len(pictures):
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such picture")
            return
        try:
            picture = images.from_file(self.server.files[pictures[int(number)]])
        except images.ImageError as error:
            self._refuse(HTTPStatus.NOT_FOUND, str(error))
            return
        self._send(small_jpeg(picture, LARGEST, quality=88), "image/jpeg", cache="private, max-age=3600")

    def _send_json(self, content: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(content).encode(), "application/json", status)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._send_json({"error": why}, status)

    def _send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK, cache: str = "no-store",
              policy: str = "default-src 'none'") -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(content))), ("Cache-Control", cache),
                            ("Content-Security-Policy", policy), ("X-Content-Type-Options", "nosniff"),
                            ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Resource-Policy", "same-origin")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the page shows what goes wrong."""

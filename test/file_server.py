"""An HTTP server on this machine that serves one file, misbehaves on demand, and counts what it sends."""

import contextlib
import http.server
import re
import threading
import time


class FileServer(http.server.ThreadingHTTPServer):
    """Serves `content` at every path but /gone, with the faults that its attributes ask for."""

    daemon_threads = True

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.etag, self.last_modified = '"one"', None
        self.content_type, self.with_length = "application/zip", True
        self.honours_range = self.honours_condition = True
        self.wrong_start = 0  # added to where a range begins
        self.cuts = []  # bytes after which each answer is cut, first answer first
        self.chunked = self.stalls = False  # chunked coding; silence instead of a cut
        self.statuses = []  # answered before anything else, first answer first
        self.redirects = {}  # path -> address
        self.requests = []  # headers of every request
        self.sent = 0  # bytes of the file, over all answers
        self.release = threading.Event()  # ends every silence

    def url(self, path="/model.zip"):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request, client_address):
        pass  # the client went away: that is what some tests are about


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server
        server.requests.append(self.headers)
        if self.path in server.redirects:
            self.answer(302, Location=server.redirects[self.path], Content_Length="0")
        elif self.path == "/gone":
            self.answer(404, Content_Length="0")
        elif server.statuses:
            self.answer(server.statuses.pop(0), Content_Length="0")
        else:
            self.serve()

    def serve(self):
        server, size = self.server, len(self.server.content)
        validators = {"ETag": server.etag, "Last_Modified": server.last_modified}
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        fits = not server.honours_condition or condition in (None, server.etag, server.last_modified)
        start, status = 0, 200
        if begin and server.honours_range and fits:
            start, status = int(begin[1]), 206
            if start >= size:
                self.answer(416, Content_Range=f"bytes */{size}", Content_Length="0")
                return
            start += server.wrong_start
            validators["Content_Range"] = f"bytes {start}-{size - 1}/{size}"
        if server.chunked:
            self.protocol_version = "HTTP/1.1"
            validators["Transfer_Encoding"] = "chunked"
        elif server.with_length:
            validators["Content_Length"] = str(size - start)
        self.answer(status, Content_Type=server.content_type, **validators)
        body = server.content[start:]
        cut = server.cuts.pop(0) if server.cuts else None
        part = body[:cut]
        self.wfile.write(f"{len(body):x}\r\n".encode() + part if server.chunked else part)
        server.sent += len(part)
        if cut is None:
            self.wfile.write(b"\r\n0\r\n\r\n" if server.chunked else b"")
        elif server.stalls:
            self.wfile.flush()
            server.release.wait(20)

    def answer(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()


@contextlib.contextmanager
def serving(content):
    """A running FileServer."""
    server = FileServer(content)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextlib.contextmanager
def answering(data):
    """(address) of a server that answers every connection with these bytes, whatever they are, and closes it."""
    import socket

    listener = socket.create_server(("127.0.0.1", 0))

    def loop():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed
                return
            with connection:
                connection.recv(65536)
                connection.sendall(data)

    threading.Thread(target=loop, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/model.zip"
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def wait_until(condition, seconds=10):
    """Whether `condition()` became true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True

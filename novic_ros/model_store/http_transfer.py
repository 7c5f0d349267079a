"""The bytes of one file on their way over HTTP into a part file: ranges, redirects, and what every failure means.

A part file `NAME.part` has `NAME.part.json` beside it, which tells later whether the server still has the same file. It
does NOT check, name or record what arrived (`download` does). Standard library only; nothing happens at import.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import re
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from novic_ros import __version__

__all__ = ["Transfer", "Trouble", "check_address", "shown"]

_CHUNK = 256 * 1024
_BUSY = (429, 500, 502, 503, 504)
_NOTHING: tuple[int, dict] = (0, {"total": None})


class Trouble(Exception):
    """The network did not give the file: what happened, what to do, and whether trying again at once can help."""

    def __init__(self, what: str, advice: str, transient: bool = False):
        super().__init__(what)
        self.what, self.advice, self.transient = what, advice, transient


class Transfer:
    """One file's way from `url` into `part`.

    size: what the publisher states, in bytes; progress: called with (bytes here, bytes in all or None); timeout: the
    longest silence, in seconds. `came` counts the bytes of the file that this object got over the network.
    """

    def __init__(self, url: str, part: Path, *, size: int | None = None,
                 progress: Callable[[int, int | None], None] | None = None, timeout: float = 30.0):
        self.url, self.part, self.came = url, part, 0
        self._size, self._timeout = size, timeout
        self._state = part.with_name(part.name + ".json")
        self._progress = progress or (lambda here, total: None)
        self._opener = urllib.request.build_opener(_Redirects)

    def run(self, waits: Sequence[float]) -> None:
        """Fill the part file; after a cut connection try again after each of `waits` seconds, counted anew whenever
        there is more than before. Raises Trouble, and OSError for the disk.
        """
        furthest, tries = self._kept()[0], 0
        while True:
            try:
                return self._attempt()
            except Trouble as trouble:
                here = self._kept()[0]
                if here > furthest:
                    furthest, tries = here, 0
                if not trouble.transient or tries >= len(waits):
                    raise
            time.sleep(waits[tries])
            tries += 1

    def _attempt(self) -> None:
        here, state = self._kept()
        if here and here == state["total"]:  # complete, only never renamed
            return
        with self._open(here, state) as response:
            resumed = response.status == 206 and self._continues(response, here, state)
            if response.status == 200 or resumed:
                self._store(response, here if resumed else 0)
                return
            if response.status != 206 or not here:
                raise Trouble(f"the server answered {response.status} {response.reason}, which is not a file",
                              "Check the address")
        self.forget()  # a 206 for another file, or from another place
        self._attempt()

    def _open(self, here: int, state: dict):
        headers = {"User-Agent": f"novic_ros/{__version__}", "Accept": "*/*"}
        if here:
            headers["Range"] = f"bytes={here}-"
            condition = state["etag"] or state["last_modified"]
            if not condition.startswith("W/"):  # a weak tag may not be sent; the answer's is compared all the same
                headers["If-Range"] = condition
        try:
            return self._opener.open(urllib.request.Request(self.url, headers=headers), timeout=self._timeout)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and here:  # what is here is not a beginning of what the server has now
                self.forget()
                return self._open(*_NOTHING)
            raise _refusal(error) from error
        except urllib.error.URLError as error:
            raise _unreachable(self.url, error.reason, self._timeout) from error
        except (http.client.HTTPException, OSError) as error:
            raise _unreachable(self.url, error, self._timeout) from error

    def _store(self, response, here: int) -> None:
        """Append the answer's body to the `here` bytes that the part file keeps."""
        if response.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
            raise Trouble("a web page came instead of the file, as from a network that wants a log-in first",
                          "Open the address in a browser on this network")
        length = response.headers.get("Content-Length", "")
        total = here + int(length) if length.isdigit() else None
        if self._size is not None and total not in (None, self._size):
            raise Trouble(f"the server offers {total:,} bytes, expected {self._size:,}",
                          "Check the address: it is another file or another version")
        self._check_space(here, total)
        if not here:
            self.forget()
            state = {"source": self._source(), "etag": response.headers.get("ETag", ""),
                     "last_modified": response.headers.get("Last-Modified", ""), "total": total}
            self._state.write_text(json.dumps(state), encoding="utf-8")
        self._progress(here, total)
        with open(self.part, "ab" if here else "wb", buffering=0) as file:
            while total is None or here < total:
                data = self._read(response, here, total)
                if not data:
                    break
                view = memoryview(data)
                while view:
                    view = view[file.write(view):]
                here += len(data)
                self.came += len(data)
                self._progress(here, total)
        if total is not None and here < total:
            raise self._stopped("the connection was cut", here, total)

    def _read(self, response, here: int, total: int | None) -> bytes:
        try:
            return response.read1(_CHUNK if total is None else min(_CHUNK, total - here))
        except TimeoutError as error:
            raise self._stopped(f"the server fell silent for {self._timeout:g} s", here, total) from error
        except (http.client.HTTPException, OSError) as error:
            raise self._stopped("the connection was cut", here, total) from error

    def _stopped(self, what: str, here: int, total: int | None) -> Trouble:
        of = "" if total is None else f" of {total:,}"
        advice = "Run this again to go on from there" if self._kept()[0] else "Run this again"
        return Trouble(f"{what} after {here:,}{of} bytes", advice, transient=True)

    def _kept(self) -> tuple[int, dict]:
        """(bytes that a new request can go on from, what the server said about their file)."""
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
            size = self.part.stat().st_size
        except (FileNotFoundError, ValueError):
            return _NOTHING
        fits = (isinstance(state, dict) and set(state) == {"source", "etag", "last_modified", "total"}
                and state["source"] == self._source() and (state["etag"] or state["last_modified"]))
        return (size, state) if fits else _NOTHING

    def forget(self) -> None:
        """Delete what has arrived."""
        self._state.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)

    def _source(self) -> str:
        """Which address the part came from; hashed, because addresses may hold passwords and keys."""
        return hashlib.sha256(self.url.encode()).hexdigest()

    @staticmethod
    def _continues(response, here: int, state: dict) -> bool:
        """Whether this 206 is the rest of the very file whose beginning is here."""
        begin = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if not begin or int(begin[1]) != here:
            return False
        said = (response.headers.get("ETag"), response.headers.get("Last-Modified"))
        both = [(old, new) for old, new in zip((state["etag"], state["last_modified"]), said) if old and new]
        return bool(both) and both[0][0] == both[0][1]

    def _check_space(self, here: int, total: int | None) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if total is not None and total - here > free:
            raise OSError(errno.ENOSPC, f"{total - here:,} bytes are still to come, {free:,} are free")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but only to http(s), and never from a protected to an open connection."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        old, new = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if new not in ("http", "https") or (old, new) == ("https", "http"):
            fp.close()
            raise Trouble(f"the server redirects from {old} to {new}, which is not safe", "Check the address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _refusal(error: urllib.error.HTTPError) -> Trouble:
    """What an HTTP status other than success means."""
    said = f"{error.code} {error.reason}".splitlines()[0].strip()
    if error.code in (404, 410):
        return Trouble(f"the server has no such file ({said})", "Check the address: the release may have moved")
    if error.code in (401, 403):
        return Trouble(f"the server refuses access ({said})",
                       "Check the address; some servers refuse whole networks, or too many requests for a while")
    if error.code == 407:
        return _proxy_login(said)
    if error.code in _BUSY:
        return Trouble(f"the server is overloaded or out of order ({said})", "Try again later", transient=True)
    if 300 <= error.code < 400:
        return Trouble(f"the server's redirects lead nowhere ({error.code})", "Check the address")
    return Trouble(f"the server refuses ({said})", "Check the address")


def _unreachable(url: str, reason, timeout: float) -> Trouble:
    """What it means that no answer came. reason: an exception or a text."""
    host, network = urlsplit(url).hostname, "Check the network"
    proxy = _proxy(url)
    if proxy:
        host, network = f"{host} through the proxy {proxy}", "Check the network and https_proxy or http_proxy"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Trouble(f"the certificate of {host} is not accepted ({reason.verify_message})",
                       "Check this machine's clock and its CA certificates")
    if isinstance(reason, TimeoutError):
        return Trouble(f"{host} did not answer within {timeout:g} s", network)
    if isinstance(reason, socket.gaierror):
        return Trouble(f"there is no way to look up {host}: no network, no DNS, or a wrong name", network)
    if isinstance(reason, ConnectionRefusedError):
        return Trouble(f"{host} refuses connections", network)
    if str(reason).startswith("Tunnel connection failed: "):
        said = str(reason).partition(": ")[2]
        return _proxy_login(said) if said.startswith("407") else Trouble(f"no way to {host}: {said}", network)
    if isinstance(reason, (http.client.RemoteDisconnected, ConnectionError)):
        return Trouble(f"{host} closed the connection without an answer", network, transient=True)
    if isinstance(reason, http.client.HTTPException):
        return Trouble(f"what {host} answers is not HTTP", "Check the address")
    return Trouble(f"{host} cannot be reached ({getattr(reason, 'strerror', None) or reason})", network)


def _proxy_login(said: str) -> Trouble:
    return Trouble(f"the proxy wants a user name and password ({said})",
                   "Put them into https_proxy, as http://USER:PASSWORD@HOST:PORT")


def _proxy(url: str) -> str:
    """The proxy that urllib will use for this address, without its password; empty if none."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    if not proxy or urllib.request.proxy_bypass(parts.netloc):
        return ""
    return shown(proxy)


def check_address(url: str) -> None:
    """Raise Trouble for what is no address of a file on the web."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or not re.fullmatch("[!-~]+", url):
        raise Trouble("expected an address of the form https://HOST/FILE, in plain ASCII", "Correct it")
    if parts.username is not None:
        raise Trouble("an address with a user name in it is not supported", "Leave it out")


def shown(url: str) -> str:
    """An address without a user's name and password."""
    return re.sub(r"//[^/?#]*@", "//", url)

"""One file from the web into a folder: checked, named only when it is complete, and then never fetched again.

`NAME.sha256` keeps the checksum of a file whose publisher states none. The way over the network, with its part file, is
`http_transfer`. It is NOT about models: `registry` knows what to fetch, `archive` what is inside. Standard
library only; nothing happens at import.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from novic_ros.model_store.http_transfer import Transfer, Trouble, check_address, shown

__all__ = ["DownloadError", "Downloaded", "download"]


class DownloadError(RuntimeError):
    """The file is not here; the message says why, and what to do."""


@dataclass(frozen=True)
class Downloaded:
    """A file that is complete and checked."""

    path: Path
    size: int  # bytes
    sha256: str
    fetched: int  # bytes that came over the network this time
    check: str  # what the checksum was compared with: "published", "recorded", or "first use" (recorded just now)


def download(url: str, target: str | os.PathLike[str], *, size: int | None = None, sha256: str | None = None,
             verify: Callable[[Path], None] | None = None,
             progress: Callable[[int, int | None], None] | None = None,
             timeout: float = 30.0, waits: Sequence[float] = (1.0, 5.0)) -> Downloaded:
    """Make the file at `url` lie at `target`; a file that already does is checked, and the network left alone.

    size (bytes) and sha256 (hexadecimal) are what the publisher states; a file that differs is refused. Without a
    published checksum, that of the first good file is written to `target`.sha256 and holds from then on. `verify` looks
    into the file before it is accepted and raises ValueError if it is not what it should be. `progress` is called with
    (bytes here, bytes in all or None). `timeout` is the longest silence in seconds; after a cut connection it is tried
    again, going on where it stopped, after each of `waits` seconds, counted anew whenever new bytes arrived.

    Raises DownloadError. What has arrived is kept for the next call, also after KeyboardInterrupt.
    """
    target = Path(os.path.abspath(os.path.expanduser(target)))
    part = target.with_name(target.name + ".part")
    transfer = Transfer(url, part, size=size, progress=progress, timeout=timeout)
    try:
        if not target.exists():
            check_address(url)
            target.parent.mkdir(parents=True, exist_ok=True)
            with _alone(target):
                if not target.exists():  # another process may have finished while the lock was taken
                    transfer.run(waits)
                    return _accept(part, target, size, sha256, verify, transfer)
        return _accept(target, target, size, sha256, verify, transfer)
    except Trouble as trouble:
        raise DownloadError(f"cannot fetch {shown(url)}: {trouble.what}. {trouble.advice}, or save the file by hand as "
                            f"{target} and run this again; then no network is needed") from trouble
    except OSError as error:  # only of this machine's disk: those of the network became Trouble where they arose
        raise DownloadError(_disk_complaint(target, error, part.exists())) from error


def _accept(path: Path, target: Path, size: int | None, sha256: str | None,
            verify: Callable[[Path], None] | None, transfer: Transfer) -> Downloaded:
    """Check the complete file at `path` and give it its name. A bad one that was just fetched is deleted."""
    record = target.with_name(target.name + ".sha256")
    recorded = None if sha256 else _recorded(record)
    expected = sha256.lower() if sha256 else recorded
    came, digest = path.stat().st_size, _sha256(path)
    problem = ""
    if size is not None and came != size:
        problem = f"it has {came:,} bytes, expected {size:,}"
    elif expected and digest != expected:
        problem = f"its SHA-256 is {digest}, expected {expected}"
        if recorded:
            problem += f" as at its first use (if its publisher has replaced it, delete {record})"
    elif verify:
        try:
            verify(path)
        except ValueError as error:
            problem = str(error)
    if problem and path != target:
        transfer.forget()
        raise DownloadError(f"what came for {target} is not the right file: {problem}. It was deleted; check the "
                            "address, or run this again")
    if problem:
        raise DownloadError(f"{target} is not the right file: {problem}. Delete it and run this again, or replace it")
    if path != target:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
        os.replace(path, target)
        transfer.forget()
    if not expected:
        fresh = record.with_name(record.name + ".new")
        fresh.write_text(f"{digest}  {target.name}\n", encoding="utf-8")  # as sha256sum writes it
        os.replace(fresh, record)
    check = "published" if sha256 else "recorded" if recorded else "first use"
    return Downloaded(target, came, digest, transfer.came, check)


def _recorded(record: Path) -> str | None:
    """The checksum written at the first use, or None."""
    try:
        words = record.read_text(encoding="utf-8", errors="replace").split()
    except FileNotFoundError:
        return None
    if not words or not re.fullmatch("[0-9a-f]{64}", words[0]):
        raise DownloadError(f"{record}: expected a SHA-256 checksum, came something else; delete it and run this again")
    return words[0]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(1024 * 1024):
            digest.update(data)
    return digest.hexdigest()


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Keep other processes from fetching the same file. The lock file stays: to delete it would open a gap."""
    try:
        import fcntl
    except ImportError:  # not on this system
        yield
        return
    with open(target.with_name(f".{target.name}.lock"), "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DownloadError(f"another process is fetching {target} now; wait for it, then run this again") from None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):  # a network disk without locks
                raise
        yield


def _disk_complaint(target: Path, error: OSError, arriving: bool) -> str:
    what = f"{error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        kept = "; what has arrived is kept" if arriving else ""
        return f"cannot store {target}: the disk is full ({what}){kept}. Free some space or use a cache on another disk"
    where = error.filename or target
    return f"cannot store {target}: {where}: {what}. Make the folder {target.parent} writable, or use another cache"

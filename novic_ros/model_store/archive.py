"""One checkpoint out of a zip archive that a stranger made: checked whole, and written under a name that we choose.

No name in the archive ever becomes a path, so none can lead out of a folder; nothing is executed. It does NOT fetch
archives (`download`) or read checkpoints (`decoding`). Standard library only.
"""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

__all__ = ["ArchiveError", "check_archive", "extract_member"]

_CHUNK = 1024 * 1024
_LARGEST = 8 * 1024**3  # bytes; a released checkpoint has about 150 MB
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


class ArchiveError(ValueError):
    """The archive is damaged or does not hold what it should; the message says which of the two."""


def check_archive(archive: Path, member: str) -> None:
    """Read the member to its end and compare its checksum. Raises ArchiveError, and OSError for the disk."""
    _copy(archive, member, None)


def extract_member(archive: Path, member: str, target: Path) -> None:
    """Write the member's bytes to the file `target`, which is deleted again if that fails.

    member: its path in the archive; one entry with the same last part in another folder counts as well.
    Raises ArchiveError, and OSError for the disk.
    """
    try:
        _copy(archive, member, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _copy(archive: Path, member: str, target: Path | None) -> None:
    try:
        with zipfile.ZipFile(archive) as file:
            info = _find(file, archive, member)
            with file.open(info) as source:
                if target is None:
                    while source.read(_CHUNK):
                        pass
                else:
                    with open(target, "wb") as sink:
                        shutil.copyfileobj(source, sink, _CHUNK)
    except ArchiveError:
        raise
    except _DAMAGE as error:
        raise ArchiveError(f"{archive.name} is not a zip archive that can be read: {error}") from error


def _find(file: zipfile.ZipFile, archive: Path, member: str) -> zipfile.ZipInfo:
    name = PurePosixPath(member).name
    entries = [info for info in file.infolist() if not info.is_dir() and PurePosixPath(info.filename).name == name]
    exact = [info for info in entries if info.filename == member]
    chosen = exact or entries
    if len(chosen) != 1:
        names = ", ".join(repr(info.filename) for info in file.infolist()[:10]) or "nothing"
        found = f"{len(chosen)} such entries" if chosen else f"only {names}"
        raise ArchiveError(f"{archive.name} should hold {member} once, but holds {found}")
    info = chosen[0]
    if stat.S_ISLNK(info.external_attr >> 16):
        raise ArchiveError(f"{info.filename} in {archive.name} is a link, expected a file")
    if info.flag_bits & 1:
        raise ArchiveError(f"{info.filename} in {archive.name} is encrypted, expected a plain file")
    if info.file_size > _LARGEST:
        raise ArchiveError(f"{info.filename} in {archive.name} would unpack to {info.file_size:,} bytes, "
                           f"expected at most {_LARGEST:,}")
    return info

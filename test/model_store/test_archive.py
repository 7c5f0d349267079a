"""archive: one member comes out, damage is noticed, and no name in an archive leads anywhere."""

import io
import os
import stat
import struct
import zipfile

import pytest

from novic_ros.model_store import archive as archive_module
from novic_ros.model_store.archive import ArchiveError, check_archive, extract_member

MEMBER = "run_1/chunk_9.train"
WEIGHTS = os.urandom(100_000)


@pytest.fixture
def archive(tmp_path):
    return tmp_path / "model.zip"


def pack(archive, *entries, method=zipfile.ZIP_DEFLATED):
    """Write (name or ZipInfo, content) entries."""
    with zipfile.ZipFile(archive, "w", method) as file:
        for name, content in entries:
            file.writestr(name, content)


def files_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_member_comes_out_byte_for_byte(archive, tmp_path, method):
    pack(archive, ("run_1/", ""), ("run_1/notes.txt", "hello"), (MEMBER, WEIGHTS), method=method)
    check_archive(archive, MEMBER)
    extract_member(archive, MEMBER, tmp_path / "out.train")
    assert (tmp_path / "out.train").read_bytes() == WEIGHTS
    assert files_below(tmp_path) == {"model.zip", "out.train"}


@pytest.mark.parametrize("name", ["chunk_9.train", "outputs/deep/run_1/chunk_9.train"])
def test_another_folder_in_the_archive_does_not_matter(archive, tmp_path, name):
    pack(archive, (name, WEIGHTS))
    extract_member(archive, MEMBER, tmp_path / "out.train")
    assert (tmp_path / "out.train").read_bytes() == WEIGHTS


@pytest.mark.parametrize("folder", ["../..", "", "/etc", "a/../.."])
def test_names_that_lead_out_of_the_folder_lead_nowhere(archive, tmp_path, folder):
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    pack(archive, (f"{folder}/chunk_9.train", WEIGHTS), ("../../evil.sh", "evil"), ("..\\evil.bat", "evil"))
    extract_member(archive, MEMBER, inner / "out.train")
    assert files_below(tmp_path) == {"model.zip", "a/b/c/out.train"}
    assert not os.path.exists("/etc/chunk_9.train")


def complaint(archive):
    with pytest.raises(ArchiveError) as caught:
        check_archive(archive, MEMBER)
    target = archive.with_name("out.train")
    with pytest.raises(ArchiveError):
        extract_member(archive, MEMBER, target)
    assert not target.exists()
    return str(caught.value)


def test_an_archive_without_the_member_says_what_it_holds(archive):
    pack(archive, ("readme.md", "x"), ("other.train", "x"))
    assert complaint(archive) == (
        f"model.zip should hold {MEMBER} once, but holds only 'readme.md', 'other.train'")  # fmt: skip
    pack(archive)
    assert "holds only nothing" in complaint(archive)


def test_two_candidates_are_not_guessed_between(archive):
    pack(archive, ("a/chunk_9.train", "x"), ("b/chunk_9.train", "y"))
    assert "holds 2 such entries" in complaint(archive)


def test_the_exact_name_wins_but_must_be_there_once(archive, tmp_path):
    pack(archive, ("copy/chunk_9.train", "x"), (MEMBER, WEIGHTS))
    extract_member(archive, MEMBER, tmp_path / "out.train")
    assert (tmp_path / "out.train").read_bytes() == WEIGHTS
    with pytest.warns(UserWarning, match="Duplicate name"):
        pack(archive, (MEMBER, WEIGHTS), (MEMBER, "evil"))
    (tmp_path / "out.train").unlink()
    assert "holds 2 such entries" in complaint(archive)


def test_a_folder_or_a_link_is_no_checkpoint(archive):
    pack(archive, (MEMBER + "/", ""))
    assert "holds only" in complaint(archive)
    link = zipfile.ZipInfo(MEMBER)
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    pack(archive, (link, "/etc/passwd"))
    assert f"{MEMBER} in model.zip is a link, expected a file" in complaint(archive)


def test_an_encrypted_member_is_refused(archive):
    pack(archive, (MEMBER, "x"))
    data = bytearray(archive.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    assert "is encrypted" in complaint(archive)


def test_a_member_that_unpacks_to_too_much_is_refused_before_it_is_read(archive, monkeypatch):
    monkeypatch.setattr(archive_module, "_LARGEST", 1000)
    pack(archive, (MEMBER, bytes(1001)))
    assert "would unpack to 1,001 bytes, expected at most 1,000" in complaint(archive)


def test_damage_is_noticed(archive):
    pack(archive, (MEMBER, WEIGHTS), method=zipfile.ZIP_STORED)
    good = archive.read_bytes()
    flipped = bytearray(good)
    flipped[50_000] ^= 1
    for data in (b"", b"<html>no</html>", good[:-1000], good[:50_000], bytes(flipped)):
        archive.write_bytes(data)
        assert "model.zip is not a zip archive that can be read" in complaint(archive)


def test_damage_in_compressed_data_is_noticed(archive):
    pack(archive, (MEMBER, b"text " * 10_000))
    data = bytearray(archive.read_bytes())
    data[60:70] = b"\xff" * 10
    archive.write_bytes(data)
    assert "is not a zip archive that can be read" in complaint(archive)


def test_an_unknown_compression_is_refused(archive):
    pack(archive, (MEMBER, "x"))
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", data, data.index(signature) + offset, 77)
    archive.write_bytes(data)
    assert "not a zip archive that can be read" in complaint(archive)


def test_a_disk_that_fills_up_leaves_nothing(archive, tmp_path, monkeypatch):
    pack(archive, (MEMBER, WEIGHTS))

    def full(source, sink, length):
        sink.write(source.read(10))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive_module.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        extract_member(archive, MEMBER, tmp_path / "out.train")
    assert files_below(tmp_path) == {"model.zip"}


def test_an_archive_in_an_archive_is_only_data(archive, tmp_path):
    inner = io.BytesIO()
    pack(inner, ("x", "y"))
    pack(archive, (MEMBER, inner.getvalue()))  # a checkpoint is itself a zip archive
    extract_member(archive, MEMBER, tmp_path / "out.train")
    assert (tmp_path / "out.train").read_bytes() == inner.getvalue()

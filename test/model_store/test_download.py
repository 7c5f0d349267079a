"""download and http_transfer, against a server on this machine: resuming, checks, and what every failure says."""

import errno
import hashlib
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
from email.message import Message
from pathlib import Path

import pytest
from file_server import answering, serving, wait_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from novic_ros.model_store import http_transfer
from novic_ros.model_store.download import Downloaded, DownloadError, download

CONTENT = random.Random(1).randbytes(300_000)
OTHER = random.Random(2).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server():
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def target(tmp_path):
    return tmp_path / "downloads" / "model.zip"


def get(server, target, **options):
    return download(server.url(), target, **{"waits": (), "timeout": 5, **options})


def part_of(target):
    return target.with_name("model.zip.part")


def others(target):
    """What lies beside the file, without its lock."""
    return {path.name for path in target.parent.iterdir()} - {"model.zip", ".model.zip.lock"}


# ---- what goes well --------------------------------------------------------------------------------------


def test_a_file_arrives_with_progress_and_its_checksum_is_recorded(server, target):
    seen = []
    result = get(server, target, progress=lambda *state: seen.append(state))
    assert result == Downloaded(target, 300_000, SHA256, 300_000, "first use")
    assert target.read_bytes() == CONTENT
    assert others(target) == {"model.zip.sha256"}
    assert target.with_name("model.zip.sha256").read_text() == f"{SHA256}  model.zip\n"
    assert seen[0] == (0, 300_000) and seen[-1] == (300_000, 300_000)
    assert [here for here, _ in seen] == sorted({here for here, _ in seen})


def test_a_file_that_is_here_needs_no_network(server, target):
    get(server, target)
    again = download("http://127.0.0.1:1/model.zip", target)
    assert (again.fetched, again.check, len(server.requests)) == (0, "recorded", 1)


def test_a_file_placed_by_hand_is_checked_and_recorded(target):
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    assert download("http://127.0.0.1:1/model.zip", target).check == "first use"
    assert download("http://127.0.0.1:1/model.zip", target, sha256=SHA256.upper()).check == "published"


def test_redirects_are_followed(server, target):
    server.redirects = {"/model.zip": "/elsewhere?key=1"}
    assert get(server, target).fetched == 300_000


@pytest.mark.parametrize("options", [{"chunked": True}, {"with_length": False}])
def test_a_file_of_unknown_length_arrives(server, target, options):
    vars(server).update(options)
    seen = []
    get(server, target, progress=lambda *state: seen.append(state))
    assert target.read_bytes() == CONTENT
    assert {total for _, total in seen} == {None}


# ---- cut and resumed -------------------------------------------------------------------------------------


def test_a_cut_download_goes_on_where_it_stopped(server, target):
    server.cuts = [100_000]
    with pytest.raises(DownloadError, match=r"cut after 100,000 of 300,000 bytes. Run this again to go on from there"):
        get(server, target)
    assert not target.exists() and part_of(target).stat().st_size == 100_000
    seen = []
    result = get(server, target, sha256=SHA256, progress=lambda *state: seen.append(state))
    assert (result.fetched, server.sent, seen[0]) == (200_000, 300_000, (100_000, 300_000))
    assert [headers.get("Range") for headers in server.requests] == [None, "bytes=100000-"]
    assert server.requests[1].get("If-Range") == '"one"'
    assert target.read_bytes() == CONTENT
    assert others(target) == set()


def test_cuts_are_mended_within_one_call_as_long_as_bytes_arrive(server, target):
    server.cuts = [50_000, 1, 70_000, 0, 100_000]
    assert get(server, target, waits=(0.0, 0.0)).fetched == server.sent == 300_000
    assert len(server.requests) == 6
    assert target.read_bytes() == CONTENT


def test_no_endless_tries_where_nothing_arrives(server, target):
    server.cuts = [1000] + [0] * 10
    with pytest.raises(DownloadError, match="cut after 1,000 of"):
        get(server, target, waits=(0.0, 0.0))
    assert len(server.requests) == 1 + 2  # what is new after the first cut starts the count


def test_a_server_without_ranges_that_always_cuts_is_given_up(server, target):
    server.honours_range, server.cuts = False, [1000] * 20
    with pytest.raises(DownloadError, match="cut after 1,000 of"):
        get(server, target, waits=(0.0, 0.0))
    assert len(server.requests) == 3


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(cuts=st.lists(st.integers(1, 60_000), max_size=5))
def test_wherever_it_is_cut_every_byte_comes_once(tmp_path_factory, cuts):
    place = tmp_path_factory.mktemp("cuts") / "model.zip"
    with serving(CONTENT) as running:
        running.cuts = list(cuts)
        result = download(running.url(), place, sha256=SHA256, waits=(0.0,), timeout=5)
        assert result.fetched == running.sent == 300_000


@pytest.mark.parametrize(("etag", "last_modified", "condition"), [
    (None, "Wed, 01 May 2024 10:00:00 GMT", "Wed, 01 May 2024 10:00:00 GMT"),
    ('W/"weak"', None, None),
])  # fmt: skip
def test_other_validators_serve_too(server, target, etag, last_modified, condition):
    server.etag, server.last_modified, server.cuts = etag, last_modified, [10]
    assert get(server, target, waits=(0.0,)).fetched == 300_000
    assert server.requests[1].get("If-Range") == condition


def starts_anew(server, target):
    """A second call after a cut keeps nothing of the first, and what it gets is right."""
    assert get(server, target).fetched == 300_000
    assert target.read_bytes() == server.content


def cut_once(server, target):
    server.cuts = [100_000]
    with pytest.raises(DownloadError, match="was cut"):
        get(server, target)


def test_a_server_that_ignores_ranges_starts_anew(server, target):
    cut_once(server, target)
    server.honours_range = False
    starts_anew(server, target)


@pytest.mark.parametrize("honours_condition", [True, False])
def test_a_changed_file_starts_anew(server, target, honours_condition):
    cut_once(server, target)
    server.content, server.etag, server.honours_condition = OTHER, '"two"', honours_condition
    starts_anew(server, target)


def test_a_file_that_became_shorter_starts_anew(server, target):
    cut_once(server, target)
    server.content, server.honours_condition = OTHER[:80_000], False
    result = get(server, target)
    assert (result.fetched, target.read_bytes()) == (80_000, OTHER[:80_000])


def test_a_range_from_the_wrong_place_starts_anew(server, target):
    cut_once(server, target)
    server.wrong_start = 5
    starts_anew(server, target)


def test_without_validators_nothing_is_resumed(server, target):
    server.etag = None
    server.cuts = [100_000]
    with pytest.raises(DownloadError, match=r"was cut after 100,000 of 300,000 bytes. Run this again, or"):
        get(server, target)
    starts_anew(server, target)


@pytest.mark.parametrize("state", ["", "[]", "{}", '{"total": 3}'])
def test_a_damaged_state_starts_anew(server, target, state):
    cut_once(server, target)
    target.with_name("model.zip.part.json").write_text(state)
    starts_anew(server, target)


def test_another_address_starts_anew(server, target):
    cut_once(server, target)
    server.sent = 0
    assert download(server.url("/mirror.zip"), target, waits=()).fetched == server.sent == 300_000


def test_a_complete_part_is_only_renamed(server, target):
    cut_once(server, target)
    part_of(target).write_bytes(CONTENT)  # as after a kill between the last byte and the new name
    assert get(server, target).fetched == 0
    assert len(server.requests) == 1


def test_an_interruption_leaves_what_arrived(server, target):
    server.cuts, server.stalls = [120_000], True

    def progress(here, total):
        if here == 120_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(server, target, progress=progress)
    assert part_of(target).stat().st_size == 120_000
    assert get(server, target).fetched == 180_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_ends_leaves_what_arrived(server, target, root, number):
    server.cuts, server.stalls = [120_000], True
    code = "import sys; from novic_ros.model_store.download import download; download(sys.argv[1], sys.argv[2])"
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", code, server.url(), target]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: part_of(target).exists() and part_of(target).stat().st_size == 120_000, 30)
        with pytest.raises(DownloadError, match="another process is fetching"):
            get(server, target)
        process.send_signal(number)
        assert process.wait(10) != 0
    finally:
        process.kill()
        process.wait()
    assert get(server, target).fetched == 180_000
    assert target.read_bytes() == CONTENT


# ---- what is not the right file --------------------------------------------------------------------------


def test_a_wrong_size_is_refused_before_anything_is_fetched(server, target):
    with pytest.raises(DownloadError, match="the server offers 300,000 bytes, expected 5"):
        get(server, target, size=5)
    assert others(target) == set()


def test_a_wrong_size_is_refused_where_the_server_does_not_say_it(server, target):
    server.with_length = False
    with pytest.raises(DownloadError, match=r"not the right file: it has 300,000 bytes, expected 5. It was deleted"):
        get(server, target, size=5)
    assert others(target) == set() and not target.exists()


def test_a_wrong_checksum_is_refused_and_deleted(server, target):
    with pytest.raises(DownloadError, match=f"its SHA-256 is {SHA256}, expected {'0' * 64}. It was deleted"):
        get(server, target, sha256="0" * 64)
    assert others(target) == set() and not target.exists()


def test_the_checksum_of_the_first_use_holds_later(server, target):
    get(server, target)
    target.unlink()
    assert get(server, target).check == "recorded"
    target.unlink()
    server.content = OTHER
    with pytest.raises(DownloadError, match=r"as at its first use \(if its publisher .*delete .*\.sha256"):
        get(server, target)
    assert not target.exists()


def test_a_bad_file_placed_by_hand_is_refused_and_kept(target):
    target.parent.mkdir()
    target.write_bytes(OTHER)
    with pytest.raises(DownloadError, match=r"model.zip is not the right file: .* Delete it and run this"):
        download("http://127.0.0.1:1/model.zip", target, sha256=SHA256)
    assert target.read_bytes() == OTHER


def test_what_does_not_stand_the_look_inside_is_never_recorded(server, target):
    def verify(path):
        assert path.read_bytes() == CONTENT
        raise ValueError("it is a cake recipe")

    with pytest.raises(DownloadError, match="it is a cake recipe. It was deleted"):
        get(server, target, verify=verify)
    assert others(target) == set() and not target.exists()


@pytest.mark.parametrize("text", ["", "cake", "0" * 63])
def test_a_damaged_record_is_an_error(server, target, text):
    target.parent.mkdir()
    target.with_name("model.zip.sha256").write_text(text)
    with pytest.raises(DownloadError, match=r"model.zip.sha256: expected a SHA-256 checksum, .*; delete it"):
        get(server, target)


def test_a_login_page_is_not_the_file(server, target):
    cut_once(server, target)
    server.content_type = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="a web page came instead of the file"):
        get(server, target)
    server.content_type = "application/zip"
    assert get(server, target).fetched == 200_000  # what was here before is still good


# ---- what goes wrong on the network ----------------------------------------------------------------------


def complaint(url, target, **options):
    """The message of the DownloadError: one line, which names address and file, and says what to do by hand."""
    with pytest.raises(DownloadError) as caught:
        download(url, target, **{"waits": (), "timeout": 5, **options})
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(f", or save the file by hand as {target} and run this again; then no network is needed")
    assert not target.exists()
    return text


def test_a_file_that_is_not_there(server, target):
    text = complaint(server.url("/gone"), target)
    assert text.startswith(f"cannot fetch {server.url('/gone')}: the server has no such file (404 Not Found). Check")


@pytest.mark.parametrize(("status", "said"), [
    (403, "refuses access (403 Forbidden)"), (401, "refuses access"), (410, "no such file (410 Gone)"),
    (407, "the proxy wants a user name"), (418, "the server refuses (418"), (304, "redirects lead nowhere (304)"),
])  # fmt: skip
def test_a_refusal_is_said_and_not_repeated(server, target, status, said):
    server.statuses = [status] * 3
    assert said in complaint(server.url(), target, waits=(0.0, 0.0))
    assert len(server.requests) == 1


def test_a_busy_server_is_asked_again(server, target):
    server.statuses = [503, 429]
    assert get(server, target, waits=(0.0, 0.0)).fetched == 300_000
    server.statuses = [503] * 3
    assert "overloaded or out of order (503" in complaint(server.url(), target.with_name("b"), waits=(0.0, 0.0))


def test_success_without_a_file(server, target):
    server.statuses = [204]
    assert "answered 204 No Content, which is not a file" in complaint(server.url(), target)


def test_redirects_in_a_circle(server, target):
    server.redirects = {"/model.zip": "/b", "/b": "/model.zip"}
    assert "redirects lead nowhere (302)" in complaint(server.url(), target)


@pytest.mark.parametrize("place", ["ftp://127.0.0.1/model.zip", "file:///etc/passwd"])
def test_redirects_lead_to_no_other_protocol(server, target, place):
    server.redirects = {"/model.zip": place}
    assert "redirects" in complaint(server.url(), target)


def test_no_redirect_from_a_protected_to_an_open_connection():
    import urllib.request

    request = urllib.request.Request("https://example.org/a")
    with pytest.raises(http_transfer.Trouble, match="redirects from https to http, which is not safe"):
        http_transfer._Redirects().redirect_request(request, open(os.devnull), 302, "Found", {}, "http://example.org/b")


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_nobody_answers(target):
    url = f"http://127.0.0.1:{closed_port()}/a.zip"
    assert "127.0.0.1 refuses connections. Check the network" in complaint(url, target)


def test_an_unknown_host(target, monkeypatch):
    def unknown(*args, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "no way to look up models.invalid: no network, no DNS" in complaint("http://models.invalid/a.zip", target)


def test_silence_before_the_answer(target):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.zip"
        assert "127.0.0.1 did not answer within 0.2 s" in complaint(url, target, timeout=0.2)


def test_silence_in_the_middle(server, target):
    server.cuts, server.stalls = [100_000], True
    text = complaint(server.url(), target, timeout=0.3)
    assert "the server fell silent for 0.3 s after 100,000 of 300,000 bytes. Run this again to go on from there" in text
    assert get(server, target).fetched == 200_000


def test_a_chunked_answer_that_is_cut(server, target):
    server.chunked, server.cuts = True, [1000]
    assert "the connection was cut after 1,000 bytes" in complaint(server.url(), target)


@pytest.mark.parametrize(("data", "said"), [
    (b"", "closed the connection without an answer"),
    (b"220 mail.example ESMTP\r\n", "what 127.0.0.1 answers is not HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "cut after 2 of 5 bytes. Run this again, or"),
])  # fmt: skip
def test_answers_of_other_servers(target, data, said):
    with answering(data) as url:
        assert said in complaint(url, target)


def test_a_proxy_is_named_without_its_password(target, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{closed_port()}")
    text = complaint("http://models.invalid/a.zip", target)
    assert "models.invalid through the proxy http://127.0.0.1:" in text and "secret" not in text
    assert "http_proxy" in text


@pytest.mark.parametrize(("answer", "said"), [
    (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "the proxy wants a user name and password (407"),
    (b"HTTP/1.1 503 Not today\r\n\r\n", "no way to models.invalid through the proxy"),
])  # fmt: skip
def test_a_proxy_that_refuses_a_tunnel(target, monkeypatch, answer, said):
    with answering(answer) as proxy:
        monkeypatch.setenv("https_proxy", proxy.rpartition("/")[0])
        assert said in complaint("https://models.invalid/a.zip", target)


def test_a_certificate_that_is_not_accepted():
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "certificate is not yet valid"
    trouble = http_transfer._unreachable("https://example.org/a", error, 5)
    assert trouble.what == "the certificate of example.org is not accepted (certificate is not yet valid)"
    assert "clock" in trouble.advice


def test_other_failures_carry_the_system_s_words():
    reason = OSError(errno.ENETUNREACH, "Network is unreachable")
    trouble = http_transfer._unreachable("https://example.org/a", reason, 5)
    assert trouble.what == "example.org cannot be reached (Network is unreachable)"
    refusal = http_transfer._refusal(urllib.error.HTTPError("u", 451, "For\nlegal", Message(), None))
    assert refusal.what == "the server refuses (451 For)"


@pytest.mark.parametrize("url", [
    "", "model.zip", "/tmp/model.zip", "ftp://a/b", "file:///etc/passwd", "http://", "https:///b", "http://a:x/b",
    "http://[/b", "http://a/b c", "http://a/\n", "http://ä/b",
])  # fmt: skip
def test_what_is_no_address_is_refused_before_any_network(target, url):
    with pytest.raises(DownloadError, match="expected an address of the form https://HOST/FILE"):
        download(url, target)
    assert not target.parent.exists()


def test_a_password_in_an_address_is_refused_and_not_repeated(target):
    text = complaint("https://me:sec@ret@example.org/a.zip", target)
    assert "//example.org/a.zip: an address with a user name in it is not supported" in text and "ret" not in text


# ---- what goes wrong on the disk -------------------------------------------------------------------------


def test_too_little_room_is_noticed_before_the_first_byte(server, target, monkeypatch):
    monkeypatch.setattr(http_transfer.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    with pytest.raises(DownloadError, match=r"the disk is full \(300,000 bytes are still to come, 1,000 are free\)"):
        get(server, target)
    assert others(target) == set()


def test_a_disk_that_fills_up_keeps_what_arrived(server, target, monkeypatch):
    server.cuts = [100_000]
    with pytest.raises(DownloadError):
        get(server, target)
    real_open = open

    class Full:
        def __init__(self, *args, **options):
            self.file = real_open(*args, **options)

        def __enter__(self):
            return self

        def __exit__(self, *args):
            self.file.close()

        def write(self, data):
            if self.file.tell() >= 150_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            room = 150_000 - self.file.tell()
            return self.file.write(data[: min(10_000, room)])  # a raw file may write less than it was given

    with monkeypatch.context() as patch:
        patch.setattr(http_transfer, "open", Full, raising=False)
        with pytest.raises(DownloadError, match=r"disk is full \(No space left on device\); what has arrived is"):
            get(server, target, waits=(0.0,))
    assert part_of(target).stat().st_size == 150_000
    assert get(server, target, sha256=SHA256).fetched == 150_000


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match=r"cannot store .*file/model.zip: .* Make the folder .* writable"):
        download(server.url(), tmp_path / "file" / "model.zip")
    assert server.requests == []


def test_the_state_holds_no_address(server, target):
    server.cuts = [10]
    with pytest.raises(DownloadError):
        download(server.url("/model.zip?key=secret"), target, waits=())
    state = json.loads(target.with_name("model.zip.part.json").read_text())
    assert set(state) == {"source", "etag", "last_modified", "total"} and "secret" not in str(state)


def test_a_relative_target_and_one_below_home(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert get(server, Path("a.zip")).path == tmp_path / "a.zip"
    assert get(server, "~/b.zip").path == tmp_path / "b.zip"

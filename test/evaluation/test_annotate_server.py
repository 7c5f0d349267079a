"""The annotation server: answers on loopback, to its own page, and to nothing else."""

import http.client
import io
import json
import socket
import threading

import pytest
from PIL import Image

from novic_ros.evaluation.annotate import Pair, Sitting
from novic_ros.evaluation.annotate_server import LONGEST_BODY, AnnotationServer

PAIRS = [Pair("a.png", "cup"), Pair("b.png", "cup"), Pair("b.png", "mug"), Pair("gone.png", "cup")]


@pytest.fixture
def server(tmp_path):
    Image.new("RGB", (3000, 20), (250, 0, 0)).save(tmp_path / "a.png")
    Image.new("RGB", (30, 20), (0, 0, 250)).save(tmp_path / "b.png")
    files = {name: tmp_path / name for name in ("a.png", "b.png", "gone.png")}
    with AnnotationServer(Sitting(PAIRS, tmp_path / "judged.json"), files) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def ask(server):
    """Send one request below the page's address: (status, headers, content)."""
    def send(method, path, body=None, *, word=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.request(method, f"/{server.word if word is None else word}/{path}", body, dict(headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    return send


def judge(pair, category):
    return json.dumps({"pair": pair, "category": category}).encode()


def test_the_page_and_what_it_starts_with(server, ask):
    status, headers, content = ask("GET", "")
    assert status == 200
    assert b"<h1 id=\"label\">" in content
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    state = json.loads(ask("GET", "state")[2])
    assert state["pictures"] == ["a.png", "b.png", "gone.png"]
    assert state["pairs"] == [[0, "cup", None], [1, "cup", None], [1, "mug", None], [2, "cup", None]]
    assert server.address == f"http://127.0.0.1:{server.server_port}/{server.word}/"


def test_pictures_are_sent_scaled_down(ask):
    status, headers, content = ask("GET", "picture/0")
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(content)).size[0] == 1400
    assert Image.open(io.BytesIO(ask("GET", "picture/1")[2])).size == (30, 20)


@pytest.mark.parametrize("path", ["picture/2", "picture/3", "picture/-1", "picture/", "picture/../judged.json",
                                  "picture/%2e%2e/a.png", "judge", "elsewhere", "../", "state/"])
def test_what_is_not_there(ask, path):
    status, _, content = ask("GET", path)
    assert status == 404
    assert json.loads(content)["error"]


def test_a_judgement_is_saved(server, ask):
    status, _, content = ask("POST", "judge", judge(2, "close_primary"))
    assert (status, json.loads(content)) == (200, {"saved": True})
    assert json.loads(ask("GET", "state")[2])["pairs"][2] == [1, "mug", "close_primary"]
    assert json.loads(server.sitting.path.read_text())["b.png"]["close_primary"] == ["mug"]


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"{}", b'{"pair": 0}', judge(99, "incorrect"),
                                  judge(0, "fine"), judge([], "incorrect"), judge(0, {}), b"\xff",
                                  b'{"pair": 0, "category": "incorrect", "more": 1}', b" " * (LONGEST_BODY + 1)])
def test_what_makes_no_sense_is_refused(server, ask, body):
    status, _, content = ask("POST", "judge", body)
    assert status == 400
    assert json.loads(content)["error"]
    assert server.sitting.judged == 0


def test_a_conflict_and_a_full_disk_are_told(server, ask, monkeypatch):
    server.sitting.path.write_text('{"a.png": {"incorrect": ["x"]}}')
    status, _, content = ask("POST", "judge", judge(0, "incorrect"))
    assert status == 409 and "changed by another program" in json.loads(content)["error"]

    def full(number, category):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(server.sitting, "judge", full)
    status, _, content = ask("POST", "judge", judge(0, "incorrect"))
    assert status == 500 and json.loads(content)["error"].endswith("cannot be written: No space left on device")


@pytest.mark.parametrize("word", ["", "x", "aaaaaaaaaaaaaaaa", "%C3%BC"])
def test_without_the_word_there_is_nothing(server, ask, word):
    for method, path, body in (("GET", "", None), ("GET", "state", None), ("GET", "picture/0", None),
                               ("POST", "judge", judge(0, "incorrect"))):
        assert ask(method, path, body, word=word)[0] == 404
    assert server.sitting.judged == 0


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1.evil.example"])
def test_another_host_name_gets_nothing(server, ask, host):
    assert ask("GET", "state", headers={"Host": host}.items())[0] == 404
    assert ask("POST", "judge", judge(0, "incorrect"), headers={"Host": host}.items())[0] == 404
    assert server.sitting.judged == 0
    assert ask("GET", "state", headers={"Host": f"localhost:{server.server_port}"}.items())[0] == 200


def test_two_sittings_have_two_words(server, tmp_path):
    with AnnotationServer(server.sitting, {}) as other:
        assert other.word != server.word
        assert len(other.word) >= 16


def test_it_listens_on_loopback_only(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"
    others = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in others - {"127.0.0.1"}:
        with pytest.raises(OSError):
            socket.create_connection((address, server.server_port), timeout=5)


def test_a_taken_port_is_an_error(server):
    with pytest.raises(OSError):
        AnnotationServer(server.sitting, {}, server.server_port)


def test_judgements_from_many_at_once_are_all_saved(server, ask):
    threads = [threading.Thread(target=ask, args=("POST", "judge", judge(pair, "incorrect"))) for pair in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Sitting(PAIRS, server.sitting.path).judged == 4

"""`novic models list` and `novic models get`: against a server on this machine, and with a stand-in for the converter.

That the authors' checkpoints convert and load is tested where that is done (test/decoding).
"""

import argparse
import dataclasses
import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from file_server import serving, wait_until

from novic_ros.cli import models_registry
from novic_ros.decoding import DecodingError
from novic_ros.model_store import ModelNotFound, find_model
from novic_ros.model_store.registry import known_model

TAG, SPEC, WIDTH = "tiny", "openclip:some/encoder", 24
MEMBER = "run_1/chunk_9.train"
WEIGHTS = os.urandom(200_000)


def packed(member=MEMBER, content=WEIGHTS):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr(member, content)
    return data.getvalue()


@pytest.fixture
def server():
    with serving(packed()) as running:
        yield running


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NOVIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "cache"


@pytest.fixture
def known(server, cache, tmp_path, monkeypatch):
    """A registry that knows `tiny`, whose release is on the server; gives a function that changes its release."""
    monkeypatch.setenv("NOVIC_MODELS", str(tmp_path / "site"))
    (tmp_path / "site" / "registry").mkdir(parents=True)

    def describe(**changes):
        release = {"url": server.url("/files/tiny.zip"), "member": MEMBER, "size": None, "sha256": None, "remark": ""}
        (tmp_path / "site" / "registry" / f"{TAG}.json").write_text(json.dumps({
            "tag": TAG, "summary": "small [sic]", "embedder": SPEC, "width": WIDTH, "scores": {"World-H": 12.5},
            "score_source": "a dream", "licence": "ours", "licence_remark": "Only on Sundays.",
            "release": release | changes,
        }))  # fmt: skip

    describe()
    return describe


@pytest.fixture
def converted(monkeypatch):
    """A stand-in for the converter; gives the contents of the checkpoints that it was given."""
    given = []

    def convert(checkpoint, folder):
        given.append(checkpoint.read_bytes())
        describe_model(folder)

    monkeypatch.setattr(models_registry, "convert", convert)
    return given


def describe_model(folder, embedder=SPEC, width=WIDTH):
    folder.mkdir(parents=True)
    (folder / "decoder.json").write_text(json.dumps({"embedder": embedder, "architecture": {"embed_dim": width}}))


def novic_models(*words):
    parser = argparse.ArgumentParser()
    models_registry.add_registry_parsers(parser.add_subparsers(required=True))
    args = parser.parse_args([str(word) for word in words])
    return args.run(args)


def left_in(folder):
    """Files below a folder, without locks."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


# ---- list ------------------------------------------------------------------------------------------------


def test_the_list_names_every_model_and_where_it_is(known, cache, capsys):
    assert novic_models("list") == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert list(rows)[:2] == ["tag", "novic_mini"]
    assert re.search(r"novic_mini +novic_mini +384 +- +Apache-2.0 +embedded", rows["novic_mini"])
    assert re.search(r"ta4 +openclip:timm/ViT-B-16-SigLIP +768 +79.56 +.*Apache-2.0 +not downloaded", rows["ta4"])
    assert re.search(r"tiny +openclip:some/encoder +24 +12.50 +ours +not downloaded", rows["tiny"])
    assert rows.keys() >= {"ya2", "yb3", "ye2"}
    describe_model(cache / TAG)
    novic_models("list")
    assert re.search(r"tiny .*in cache", capsys.readouterr().out)
    assert not (cache / "downloads").exists()


def test_the_list_as_json_holds_all_that_is_known(known, capsys):
    assert novic_models("list", "--json") == 0
    rows = {row["tag"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["ye2"]["scores"]["Wiki-H with specificity"] == 78.16
    assert rows["ye2"]["release"]["url"] == known_model("ye2").release.url
    assert rows["ye2"]["folder"] is None and "Apple" in rows["ye2"]["licence_remark"]
    assert Path(rows["novic_mini"]["folder"]).is_dir() and rows["novic_mini"]["where"] == "embedded"


def test_models_of_one_s_own_are_listed_too(cache, capsys):
    describe_model(cache / "ours", "novic_mini", 384)
    (cache / "broken").mkdir()
    (cache / "broken" / "decoder.json").write_text("{")
    assert novic_models("list", "--json") == 0
    rows = {row["tag"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["ours"]["embedder"], rows["ours"]["width"], rows["ours"]["where"]) == ("novic_mini", 384, "in cache")
    assert rows["broken"]["summary"].startswith("decoder.json cannot be read")
    assert novic_models("list") == 0
    assert re.search(r"broken +\? +\? +- +\?", capsys.readouterr().out)


def test_a_wrong_registry_file_is_said(known, tmp_path, capsys):
    (tmp_path / "site" / "registry" / "bad.json").write_text("{")
    assert novic_models("list") == novic_models("get", TAG) == 2
    assert "bad.json is no description of a model" in capsys.readouterr().err


def test_the_list_fits_a_narrow_terminal(cache, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert novic_models("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80 and any(line.startswith("ta4 ") for line in lines)


# ---- get -------------------------------------------------------------------------------------------------


def test_get_fetches_checks_converts_and_the_model_is_found(known, server, cache, converted, capsys):
    assert novic_models("get", TAG) == 0
    assert converted == [WEIGHTS]
    assert find_model(TAG) == cache / TAG
    assert left_in(cache) == {"tiny/decoder.json", "downloads/tiny.zip.sha256"}
    printed = capsys.readouterr()
    assert "Only on Sundays." in printed.out and "small [sic]" in printed.out
    assert "No checksum is published for it. Its SHA-256, " in printed.out
    assert f"{TAG} is here: {cache / TAG}" in printed.out
    assert SPEC in printed.out and f"--model {TAG}` once while there is a network" in printed.out
    assert printed.err == ""

    assert novic_models("get", TAG) == 0
    assert f"{TAG} is already here" in capsys.readouterr().out
    assert (len(converted), len(server.requests)) == (1, 1)


def test_a_checkpoint_of_the_authors_becomes_a_model_that_loads(known, server, cache, tiny_model, tmp_path, capsys):
    from novic_ros import decoding
    from novic_ros.cli.main import main
    from novic_ros.decoding.authors_export import write_authors
    from novic_ros.decoding.checkpoint import load_slim
    from novic_ros.vocabulary import canonical

    file, checkpoint = tmp_path / "chunk_9.train", load_slim(tiny_model)
    vocabulary = dataclasses.replace(checkpoint.vocabulary, tokenizer_size=49408)  # CLIP's byte pairs
    nouns = tuple(canonical(noun) for noun in checkpoint.nouns)
    write_authors(file, dataclasses.replace(checkpoint, vocabulary=vocabulary, nouns=nouns), SPEC)
    server.content = packed(content=file.read_bytes())
    assert main(["models", "get", TAG]) == 0, capsys.readouterr().err
    decoder = decoding.load(find_model(TAG), "cpu")
    assert (decoder.width, decoder.embedder_spec) == (WIDTH, SPEC)
    assert decoder.nouns == nouns
    assert main(["models", "list"]) == 0
    assert re.search(r"tiny .*in cache", capsys.readouterr().out)


def test_what_the_converter_says_names_no_scratch_folder(known, server, cache, capsys):
    said = fails(cache, capsys)  # the real one, with random bytes
    assert "tiny.zip cannot be converted: chunk_9.train: expected a checkpoint of NOVIC" in said


def test_keep_download_keeps_the_archive_and_it_serves_again_without_a_network(known, server, cache, converted, capsys):
    assert novic_models("get", TAG, "--keep-download") == 0
    assert (cache / "downloads" / "tiny.zip").read_bytes() == server.content
    (cache / TAG / "decoder.json").unlink()
    (cache / TAG).rmdir()
    server.shutdown()
    assert novic_models("get", TAG) == 0
    assert "nothing was fetched" in capsys.readouterr().out
    assert find_model(TAG)


def test_a_mirror(known, server, cache, converted):
    known(url="http://127.0.0.1:1/tiny.zip")
    assert novic_models("get", TAG, "--url", server.url("/mirror/other_name.zip")) == 0
    assert find_model(TAG)


def test_a_published_checksum_is_used(known, server, cache, converted, capsys):
    import hashlib

    known(sha256="0" * 64)
    assert novic_models("get", TAG) == 1
    assert "expected 0000" in capsys.readouterr().err
    known(sha256=hashlib.sha256(server.content).hexdigest(), size=len(server.content))
    assert novic_models("get", TAG) == 0
    assert "Its SHA-256 is the published one." in capsys.readouterr().out
    assert left_in(cache) == {"tiny/decoder.json"}


def test_an_unknown_tag_is_wrong_usage(cache, capsys):
    assert novic_models("get", "ta5") == 2
    assert "no known model 'ta5'; known: novic_mini, ta4" in capsys.readouterr().err


def test_the_embedded_model_is_here_already(cache, capsys):
    assert novic_models("get", "novic_mini") == 0
    assert "novic_mini is already here" in capsys.readouterr().out


def test_an_embedded_model_whose_folder_is_missing(cache, capsys, monkeypatch):
    monkeypatch.setattr(models_registry, "installed_models", dict)
    assert novic_models("get", "novic_mini") == 1
    assert "novic_mini comes with novic_ros, but its folder is not here" in capsys.readouterr().err
    assert novic_models("list", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["where"] == "missing"


def fails(cache, capsys, *words):
    """`get` ends with 1 and one line; no model and no scratch folder is left."""
    assert novic_models("get", TAG, *words) == 1
    said = capsys.readouterr().err
    assert said.startswith("novic models get: ") and said.count("\n") == 1
    with pytest.raises(ModelNotFound, match="run `novic models get tiny`"):
        find_model(TAG)
    scratch = [path.name for path in cache.glob(".*")] if cache.exists() else []
    assert scratch == []
    return said


def test_a_file_that_is_gone(known, cache, converted, capsys, server):
    said = fails(cache, capsys, "--url", server.url("/gone"))
    assert "404" in said and f"save the file by hand as {cache}/downloads/tiny.zip and run this again" in said


def test_no_network_at_all(known, cache, converted, capsys):
    assert "refuses connections" in fails(cache, capsys, "--url", "http://127.0.0.1:1/a.zip")


def test_another_model_s_archive_is_refused_and_not_recorded(known, server, cache, converted, capsys):
    server.content = packed("run_2/chunk_8.train")
    assert f"should hold {MEMBER} once, but holds only 'run_2/chunk_8.train'. It was deleted" in fails(cache, capsys)
    assert left_in(cache) == set()
    server.content, server.etag = packed(), '"two"'
    assert novic_models("get", TAG) == 0


def test_what_is_no_zip_is_refused(known, server, cache, converted, capsys):
    server.content = b"not a zip" * 1000
    assert "is not a zip archive that can be read" in fails(cache, capsys)
    assert left_in(cache) == set()


def test_a_checkpoint_that_does_not_convert_keeps_the_archive(known, cache, capsys, monkeypatch):
    def convert(checkpoint, folder):
        folder.mkdir()
        raise DecodingError("no such network")

    monkeypatch.setattr(models_registry, "convert", convert)
    said = fails(cache, capsys)
    assert "tiny.zip cannot be converted: no such network. The archive is kept; to fetch it anew, delete " in said
    assert left_in(cache) == {"downloads/tiny.zip", "downloads/tiny.zip.sha256"}


@pytest.mark.parametrize(("embedder", "width"), [("openclip:another/encoder", WIDTH), (SPEC, 512)])
def test_a_decoder_for_another_encoder_is_refused(known, cache, capsys, monkeypatch, embedder, width):
    monkeypatch.setattr(models_registry, "convert", lambda checkpoint, folder: describe_model(folder, embedder, width))
    said = fails(cache, capsys)
    assert f"a decoder for {embedder} with F = {width}, expected one for {SPEC} with F = {WIDTH}." in said


def test_a_disk_that_fills_up_while_converting(known, cache, capsys, monkeypatch):
    def convert(checkpoint, folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(models_registry, "convert", convert)
    said = fails(cache, capsys)
    assert f"cannot write to {cache}: No space left on device; free some space there, or set NOVIC_CACHE" in said


def test_a_folder_in_the_way_is_never_overwritten(known, cache, converted, capsys):
    (cache / TAG).mkdir(parents=True)
    (cache / TAG / "notes.txt").write_text("mine")
    assert novic_models("get", TAG) == 1
    assert "cannot write to" in capsys.readouterr().err
    assert (cache / TAG / "notes.txt").read_text() == "mine"
    assert not (cache / TAG / "decoder.json").exists()


def test_ctrl_c_says_that_it_goes_on_later_and_it_does(known, server, cache, root, converted):
    server.cuts, server.stalls = [100_000], True
    code = ("import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "import argparse; from novic_ros.cli import models_registry\n"
            "parser = argparse.ArgumentParser(); models_registry.add_registry_parsers(parser.add_subparsers())\n"
            "args = parser.parse_args(['get', 'tiny']); args.run(args)")  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)  # fmt: skip
    part = cache / "downloads" / "tiny.zip.part"
    try:
        assert wait_until(lambda: part.exists() and part.stat().st_size == 100_000, 60)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert "What has arrived is kept; the same command goes on from there." in printed
    assert not (cache / TAG).exists()
    assert novic_models("get", TAG) == 0
    assert server.sent == len(server.content)


def test_list_and_help_need_no_torch_and_no_network(root, cache):
    code = ("import socket, sys, argparse; socket.create_connection = socket.getaddrinfo = None\n"
            "from novic_ros.cli import models_registry\n"
            "parser = argparse.ArgumentParser(); models_registry.add_registry_parsers(parser.add_subparsers())\n"
            "args = parser.parse_args(['list', '--json']); args.run(args)\n"
            "assert 'torch' not in sys.modules")  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) >= 5

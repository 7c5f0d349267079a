"""`novic cache`: builds, resumes, shards, merges and looks into caches; a line and an exit code for every fault."""

import json
import shutil

import numpy as np
import pytest
import torch

from novic_ros.cli.main import main
from novic_ros.training import cache_file
from novic_ros.training.embedding_cache import EmbeddingCache
from novic_ros.training.row_order import RowOrder

NOUNS = ("dog", "cat", "sea lion")
LINES = [{"text": f"photo {number} of a {NOUNS[number % 3]}", "nouns": [NOUNS[number % 3]]} for number in range(40)]
LINES[7] = {"text": "a cat and a dog", "nouns": ["dog", "cat"], "weights": [0.25, 0.75]}
BLOCK_ROWS = 9


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch, tmp_path):
    """Several blocks out of few rows."""
    monkeypatch.setattr(cache_file, "BLOCK_BYTES", BLOCK_ROWS * (24 * 2 + 2 * 8))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "captions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))


@pytest.fixture
def novic(tiny_model, capsys):
    """Run `novic cache ...`: (exit code, standard output, standard error). SPEC stands for the tiny model."""
    def run(*arguments):
        code = main(["cache", *(f"local:{tiny_model}" if word == "SPEC" else str(word) for word in arguments)])
        return code, *capsys.readouterr()

    return run


def build(novic, out="out", *options):
    return novic("build", "captions.jsonl", out, "--embedder", "SPEC", "--device", "cpu", *options)


@pytest.fixture(scope="module")
def embedder(tiny_model):
    from novic_ros.embedding import load

    return load(f"local:{tiny_model}", "cpu")


def test_build(novic, tiny_model, embedder):
    code, out, err = build(novic)
    assert code == 0
    assert out == "out: 40 rows [24] for 3 nouns, 16.7 kB\n"
    assert "40 captions to vectors [24] float16: 16.7 kB, and if none is done yet about " in err
    cache = EmbeddingCache.open("out", f"local:{tiny_model}")
    order = RowOrder(40, 0).rows_at(np.arange(40))
    expected = embedder.embed_texts([LINES[row]["text"] for row in order]).numpy()
    np.testing.assert_allclose(cache.vectors, expected, atol=2e-3)
    assert cache.nouns == NOUNS
    for place, row in enumerate(order):
        if row == 7:
            assert cache.targets[place].tolist() == [1, 0]
            np.testing.assert_allclose(cache.weights[place], [0.75, 0.25])
        else:
            assert cache.targets[place].tolist() == [row % 3, -1]
            assert cache.weights[place].tolist() == [1, 0]


def test_other_seed_and_dtype_and_nouns(novic, tmp_path):
    (tmp_path / "nouns.txt").write_text("emu\nsea lion\ndog\ncat\n")
    assert build(novic, "out", "--seed", 3, "--dtype", "float32", "--nouns", "nouns.txt")[0] == 0
    cache = EmbeddingCache.open("out")
    assert (cache.vectors.dtype, cache.nouns) == (np.float32, ("emu", "sea lion", "dog", "cat"))
    order = RowOrder(40, 3).rows_at(np.arange(40))
    expected = [1 if row % 3 == 2 else 2 + row % 3 for row in order]
    assert [target for target, row in zip(cache.targets[:, 0], order) if row != 7] == \
        [target for target, row in zip(expected, order) if row != 7]


def test_an_interrupted_build_goes_on(novic, tmp_path, monkeypatch, capsys):
    assert build(novic, "whole")[0] == 0
    from novic_ros.embedding import Embedder

    original, calls = Embedder.embed_texts, []

    def embed_texts(self, texts):
        calls.append(len(texts))
        if len(calls) > 4:  # two to measure the time, then one a block
            raise KeyboardInterrupt
        return original(self, texts)

    monkeypatch.setattr(Embedder, "embed_texts", embed_texts)
    code, out, err = build(novic)
    assert (code, out) == (130, "")
    assert err.endswith("novic: interrupted\n")
    code, out, err = novic("info", "out")
    assert code == 0
    assert "unfinished, 2 of 5 blocks written" in out
    calls.clear()
    monkeypatch.setattr(Embedder, "embed_texts", lambda self, texts: calls.append(len(texts)) or original(self, texts))
    assert build(novic)[0] == 0
    assert calls == [1, 40, 9, 9, 4]
    assert (tmp_path / "out").read_bytes() == (tmp_path / "whole").read_bytes()
    calls.clear()
    assert build(novic)[0] == 0  # once more: nothing to do
    assert calls == [1, 40]


def test_shards_merge_into_the_whole(novic, tmp_path):
    assert build(novic, "whole")[0] == 0
    for part in (1, 2, 3):
        code, out, err = build(novic, f"part{part}", "--shard", f"{part}/3")
        assert (code, out.split(":")[0]) == (0, f"part{part}")
    assert novic("merge", "out", "part3", "part1", "part2")[:2] == (0, "out: 40 rows [24], 16.7 kB\n")
    assert (tmp_path / "out").read_bytes() == (tmp_path / "whole").read_bytes()
    code, out, err = novic("merge", "again", "part3", "part1")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith("novic cache merge: again: expected all 3 shards, missing: 2")


def test_info(novic, tiny_model):
    build(novic)
    code, out, err = novic("info", "out")
    assert (code, err) == (0, "")
    assert f"local:{tiny_model}" in out.replace("\n", "").replace(" ", "")
    for words in ("40 rows [24] float16", "up to 2 of 3 nouns per row: dog, cat, sea lion", "random, seed 0",
                  "5 blocks of 9 rows", "captions.jsonl", "not verified (--verify)"):
        assert words in out
    code, out, err = novic("info", "out", "--json", "--verify")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert (facts["rows"], facts["state"], facts["blocks"], facts["shard"]) == (40, "finished", 5, "1/1")
    assert (facts["verified"], facts["damaged"]) == (True, [])
    assert facts["provenance"]["captions"] == "captions.jsonl"


def test_info_of_a_damaged_cache(novic, tmp_path):
    build(novic)
    data = bytearray((tmp_path / "out").read_bytes())
    data[-3] ^= 4
    (tmp_path / "out").write_bytes(data)
    assert novic("info", "out")[0] == 0
    code, out, err = novic("info", "out", "--verify")
    assert code == 1
    assert err == ("novic cache info: out: block 4, rows 36 to 39, is damaged: its checksum is another; copy or write "
                   "the cache again\n")
    code, out, _ = novic("info", "out", "--verify", "--json")
    assert code == 1
    assert (json.loads(out)["verified"], len(json.loads(out)["damaged"])) == (False, 1)
    assert build(novic)[0] == 0  # mends it
    assert novic("info", "out", "--verify")[0] == 0


def test_a_cache_that_is_already_there(novic):
    build(novic)
    code, out, err = build(novic, "out", "--seed", 1)
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("novic cache build: out: expected no cache here, or the same one to go on "
                                           "with; found one that differs in seed.")


def test_a_disk_that_is_too_small(novic, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10**6, 10**6 - 9999, 9999))
    code, out, err = build(novic)
    assert (code, out) == (1, "")
    assert err == ("novic cache build: out: expected 16.7 kB of free disk, found 10.0 kB; free some, choose another "
                   "disk, or write shards on several\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("arguments", "code", "message"), [
    (("build", "absent.jsonl", "out", "--embedder", "SPEC"), 2, "absent.jsonl: expected a file of captions"),
    (("build", "captions.jsonl", "out", "--embedder", "nonsense"), 2, "nonsense"),
    (("build", "captions.jsonl", "out", "--embedder", "SPEC", "--nouns", "absent.txt"), 2, "absent.txt"),
    (("build", "captions.jsonl", "out", "--embedder", "SPEC", "--shard", "1/6"), 2, "at most as many shards, got 6"),
    (("build", "captions.jsonl", "absent/out", "--embedder", "SPEC"), 1, "absent/out: cannot write the cache"),
    (("info", "absent"), 2, "absent: expected an embedding cache, found nothing there"),
    (("info", "captions.jsonl"), 2, "another kind of file"),
    (("merge", "out", "captions.jsonl"), 1, "another kind of file"),
])
def test_what_cannot_be_used(novic, arguments, code, message):
    found, out, err = novic(*arguments)
    assert (found, out) == (code, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert err.startswith(f"novic cache {arguments[0]}: ")


def test_a_faulty_line_is_named(novic, tmp_path):
    with open(tmp_path / "captions.jsonl", "a") as file:
        file.write('{"text": "an emu"}\n')
    code, out, err = build(novic)
    assert (code, out) == (2, "")
    assert "captions.jsonl, line 41: expected {text, nouns}" in err


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_shards_that_cannot_be(shard, capsys):
    with pytest.raises(SystemExit) as end:
        main(["cache", "build", "a", "b", "--embedder", "x", f"--shard={shard}"])
    assert end.value.code == 2
    assert "expected I/N with 1 <= I <= N" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["cache"], ["cache", "build"], ["cache", "merge", "a"], ["cache", "info"]])
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("usage: novic cache")


def test_the_cache_trains(novic, tiny_model):
    """What was built opens where training opens it, and its batches are unit vectors."""
    from novic_ros.training.batches import ShuffledBatches

    build(novic)
    cache = EmbeddingCache.open("out", f"local:{tiny_model}")
    batches = ShuffledBatches(cache, 8, seed=0)
    for step in range(2 * batches.steps_per_epoch):
        vectors = torch.from_numpy(np.array(cache.vectors[batches(step)])).float()
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(8), atol=2e-3, rtol=0)

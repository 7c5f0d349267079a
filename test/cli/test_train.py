"""`novic train`, end to end for an open_clip model with random weights: cache, tokens, training, a decoder to use."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from novic_ros.cli.main import main

NOUNS = ("dog", "cat", "teapot", "fire engine", "T-shirt", "traffic light", "chair", "bicycle", "sea lion", "lion")
QUICK = ("--set", "hidden_dim=32", "--set", "feedfwd_dim=32", "--set", "num_layers=1", "--set", "noise_scheme=none",
         "--set", "batch_size=16", "--threads", "1", "--device", "cpu")  # fmt: skip


@pytest.fixture(scope="module")
def encoder(tiny_model):
    """The spec of a random CLIP."""
    return f"local:{tiny_model}"


@pytest.fixture(scope="module")
def cache(encoder, tmp_path_factory):
    """Captions of ten nouns, embedded by the random CLIP's own text tower."""
    from novic_ros import embedding
    from novic_ros.training.captions import TEMPLATES, caption
    from novic_ros.training.embedding_cache import write_cache

    embedder = embedding.load(encoder, "cpu")
    targets = torch.arange(len(NOUNS)).numpy()
    rows = [(embedder.embed_texts([caption(template, noun) for noun in NOUNS]).numpy(), targets)
            for template in TEMPLATES[:16]]
    path = tmp_path_factory.mktemp("cache") / "nouns.cache"
    write_cache(path, NOUNS, encoder, 16 * len(NOUNS), embedder.width, rows)
    return path


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def run(capsys, cache, encoder, output, *arguments, recipe="mini"):
    """(exit code, standard output, standard error) of `novic train`."""
    code = main(["train", str(recipe), "--cache", str(cache), "--embedder", encoder, "--output", str(output),
                 *QUICK, *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_end_to_end(capsys, cache, encoder, tmp_path, root):
    output = tmp_path / "run"
    code, out, err = run(capsys, cache, encoder, output, "--set", "epochs=60", "--set", "learning_rate=1e-2")
    assert (code, err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if not line.startswith(" "))
    assert "hidden_dim=32" in out
    assert lines["data"] == f"160 vectors [24] of {encoder} in 1 cache"
    assert lines["nouns"].startswith("10 in ")
    weights = sum(tensor.numel() for tensor in torch.load(output / "last.pt", weights_only=True)["model"].values())
    assert lines["network"] == f"{weights:,} weights"
    assert lines["training"].startswith("600 steps of 1 x 16 vectors: 60 epochs cut to 300 chunks")
    assert "MB in" in lines["disk"]
    assert lines["time"].startswith("about ")
    assert out.index("time ") < out.index("result ")
    share = json.loads((output / "result.json").read_text())["share"]
    assert share == 1.0
    assert "1.000 of 10 probed nouns come back" in lines["result"]

    # The decoder names texts' vectors, and pictures through its own encoder.
    from novic_ros import decoding, embedding
    from novic_ros.images import from_file
    from novic_ros.labeller import ImageLabeller

    decoder = decoding.load(output / "decoder", "cpu")
    vectors = embedding.load(encoder, "cpu").embed_texts([f"a photo of a {noun}" for noun in NOUNS])
    right = sum(row[0].text == noun for row, noun in zip(decoder.decode(vectors), NOUNS))
    assert right >= 9
    labeller = ImageLabeller(output / "decoder", device="cpu")
    assert labeller.label([from_file(root / "demo_photos" / "castle.jpg")])[0].best.text in NOUNS

    code, out, err = run(capsys, cache, encoder, output, "--set", "epochs=60", "--set", "learning_rate=1e-2")
    assert (code, err) == (0, "")
    assert "result " in out and "time " not in out


def test_a_site_vocabulary_from_the_same_cache(capsys, cache, encoder, tmp_path, root):
    """Nouns in a text file, in any spelling: a decoder that learns and says these alone; the cache is not touched."""
    from novic_ros import decoding
    from novic_ros.labels import Label

    site, output, before = tmp_path / "site.txt", tmp_path / "run", cache.read_bytes()
    site.write_text("# what is here\nTeapot\nt shirt   # of cotton\n\nfire-engine\nsea lion\n", encoding="utf-8")
    settings = ("--nouns", site, "--set", "epochs=100", "--set", "learning_rate=1e-2")
    code, out, err = run(capsys, cache, encoder, output, *settings)
    assert (code, err) == (0, "")
    assert f"data     64 of 160 vectors [24] of {encoder} in 1 cache\n" in out
    assert "nouns    4 in " in out
    assert "1.000 of 4 probed nouns come back" in out
    assert cache.read_bytes() == before
    assert decoding.load(output / "decoder", "cpu").nouns == ("teapot", "fire engine", "T-shirt", "sea lion")

    # What `novic label` says with it, in a beam wider than the vocabulary, is the whole vocabulary.
    labels = tmp_path / "labels.json"
    code = main(["label", str(root / "demo_photos" / "castle.jpg"), "--model", str(output / "decoder"), "--json",
                 str(labels), "--quiet", "--device", "cpu"])
    (entry,) = json.loads(labels.read_text()).values()
    assert code == 0
    assert {Label(**label).text for label in entry["labels"]} == {"teapot", "fire engine", "T-shirt", "sea lion"}

    # Another list is another training.
    site.write_text("teapot\nchair\n", encoding="utf-8")
    code, _, err = run(capsys, cache, encoder, output, *settings)
    assert code == 2
    assert "expected a training on these caches, found one on others" in err


@pytest.mark.parametrize(("text", "words"), [
    ("dog\nunicorn\ncat\nyeti\n", "2 of 4 are in no cache: unicorn, yeti"),
    ("dog\nDog\n", "line 2: 'Dog' repeats line 1"),
    ("# nothing\n", "expected at least one noun, found none"),
    (None, "expected a text file with one noun per line, found no such file"),
])  # fmt: skip
def test_lists_of_nouns_that_cannot_be_learnt(capsys, cache, encoder, tmp_path, text, words):
    site = tmp_path / "site.txt"
    if text is not None:
        site.write_text(text, encoding="utf-8")
    code, _, err = run(capsys, cache, encoder, tmp_path / "run", "--nouns", site)
    assert (code, err.count("\n")) == (2, 1)
    assert words in err
    assert not (tmp_path / "run").exists()


def test_a_dry_run_only_talks(capsys, cache, encoder, tmp_path):
    code, out, err = run(capsys, cache, encoder, tmp_path / "run", "--dry-run")
    assert (code, err) == (0, "")
    assert "time " in out
    assert not (tmp_path / "run").exists()


def test_another_number_of_nouns_than_published(capsys, cache, encoder, tmp_path):
    code, out, _ = run(capsys, cache, encoder, tmp_path / "run", "--dry-run", "--set", "published_nouns=42919")
    assert code == 0
    assert "the published run had 42,919 nouns" in out


@pytest.mark.parametrize(("arguments", "words"), [
    (["--set", "epoch=3"], "epoch: no such field, did you mean epochs?"),
    (["--set", "epochs=0", "--set", "dropout=2"], "epochs: expected a whole number"),
    (["--set", "epochs"], "expected field=value, got 'epochs'"),
    (["--set", "batch_size=1000"], "expected a batch size from 1 to 160"),
    (["--set", "chunk_scale=1e5"], "chunk_scale, epochs: expected at least one chunk"),
    (["--set", "mean_shift=true"], "mean_shift: expected the encoder's modality gap too"),
    (["--gap", "nothing.json"], "nothing.json: expected a measured modality gap"),
    (["--threads", "0"], "threads: expected a whole number from 1"),
    (["--device", "tpu"], "device: expected auto, cpu, cuda or cuda:N, got 'tpu'"),
])  # fmt: skip
def test_wrong_usage_is_one_line(capsys, cache, encoder, tmp_path, arguments, words):
    code, _, err = run(capsys, cache, encoder, tmp_path / "run", *arguments)
    assert code == 2
    assert words in err
    assert err.startswith("novic train: ")
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_wrong_files_are_one_line(capsys, cache, encoder, tmp_path):
    for arguments, words in [
        ((cache, "local:/nowhere"), "expected embeddings of 'local:/nowhere'"),
        ((tmp_path / "nothing", encoder), "nothing"),
        ((cache, "clip"), "expected embeddings of 'clip'"),
    ]:  # fmt: skip
        code, _, err = run(capsys, *arguments, tmp_path / "run")
        assert (code, err.count("\n")) == (2, 1)
        assert words in err
    code, _, err = run(capsys, cache, encoder, tmp_path / "run", recipe="nothing")
    assert code == 2
    assert "recipe 'nothing': expected a YAML file or one of mini, novic_ft0" in err
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").touch()
    code, _, err = run(capsys, cache, encoder, tmp_path / "letters")
    assert code == 2
    assert "expected an empty folder or one of a training, found neither" in err


def test_a_full_disk_is_told_before(capsys, cache, encoder, tmp_path, monkeypatch):
    from novic_ros.cli import train_screen

    monkeypatch.setattr(train_screen, "free_bytes", lambda path: 1000)
    code, _, err = run(capsys, cache, encoder, tmp_path / "run")
    assert code == 2
    assert "MB of free disk, found 0.0 MB" in err
    assert not (tmp_path / "run").exists()


def test_sigterm_saves_and_the_same_command_goes_on(capsys, cache, encoder, tmp_path, root):
    output, settings = tmp_path / "run", ("--set", "epochs=1000", "--set", "log_every=1")
    command = [sys.executable, "-m", "novic_ros.cli.main", "train", "mini", "--cache", cache, "--embedder", encoder,
               "--output", output, *QUICK, *settings]  # fmt: skip
    process = subprocess.Popen(list(map(str, command)), cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    log = output / "log.csv"
    while not (log.exists() and len(log.read_text().splitlines()) > 5):
        time.sleep(0.1)
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, "")
    assert f"the state is in {output}; the same command goes on from it" in out
    done = torch.load(output / "last.pt", weights_only=True)["done"]
    assert done == int(log.read_text().splitlines()[-1].split(",")[0]) >= 5
    code, out, err = run(capsys, cache, encoder, output, *settings, "--dry-run")
    assert (code, err) == (0, "")
    assert "time " in out


@pytest.mark.parametrize(("seconds", "text"), [
    (0.4, "0 s"), (40, "40 s"), (119, "119 s"), (180, "3.0 min"), (3600, "1.0 h"), (9000, "2.5 h"),
    (270_000, "3.1 days"),
])  # fmt: skip
def test_readable_times(seconds, text):
    from novic_ros.cli.train_screen import readable_seconds

    assert readable_seconds(seconds) == text

"""`novic ablate`: two by two from the command line, repeated without work, with scores of given vectors."""

import json

import pytest
import torch
from safetensors.torch import save_file

from novic_ros.cli.main import main

NOUNS = ("dog", "cat", "teapot", "chair", "lion", "bicycle")
QUICK = ("--set", "hidden_dim=16", "--set", "feedfwd_dim=16", "--set", "num_heads=2", "--set", "batch_size=16",
         "--set", "noise_scheme=none", "--set", "learning_rate=2e-2", "--set", "epochs=12", "--set", "warm_up_chunks=0",
         "--threads", "1", "--device", "cpu")  # fmt: skip


@pytest.fixture(scope="module")
def given(tiny_model, tmp_path_factory):
    """(cache, encoder's spec, vectors, truth): random directions as nouns, and the same directions as pictures."""
    from novic_ros.training.embedding_cache import write_cache

    folder, encoder = tmp_path_factory.mktemp("ablate"), f"local:{tiny_model}"
    random = torch.Generator().manual_seed(0)
    directions = torch.nn.functional.normalize(torch.randn(len(NOUNS), 24, generator=random), dim=-1)
    targets = torch.arange(len(NOUNS)).numpy()
    noisy = [torch.nn.functional.normalize(directions + 0.05 * torch.randn(directions.shape, generator=random), dim=-1)
             for _ in range(16)]
    write_cache(folder / "nouns.cache", NOUNS, encoder, 16 * len(NOUNS), 24, [(one.numpy(), targets) for one in noisy])
    save_file({"images": directions}, folder / "images.safetensors")
    truth = [{"synonyms": [noun], "hypernyms": [["thing"]], "hyponyms": []} for noun in NOUNS]
    (folder / "truth.json").write_text(json.dumps(truth))
    return folder / "nouns.cache", encoder, f"{folder / 'images.safetensors'}:images", folder / "truth.json"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """One thread only for a while, and no curves of every training, which would take longer than these do."""
    monkeypatch.setattr("novic_ros.training.diary.draw_curves", lambda folder: [])
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def run(capsys, given, output, *arguments):
    cache, encoder = given[:2]
    code = main(["ablate", "mini", "--cache", str(cache), "--embedder", encoder, "--output", str(output), *QUICK,
                 *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_two_by_two(capsys, given, tmp_path, monkeypatch):
    _, _, vectors, truth = given
    asked = ("--vary", "num_layers=1,2", "--vary", "prefix_length=1,2", "--seeds", 2, "--embeddings", vectors,
             "--truth", truth)
    code, out, err = run(capsys, given, tmp_path / "out", *asked)
    assert (code, err) == (0, "")
    assert "4 combinations x 2 seeds = 8 trainings" in out
    assert ", 0 are finished" in out
    results = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert results["varied"] == {"num_layers": [1, 2], "prefix_length": [1, 2]}
    for row in results["rows"]:
        figures = row["figures"]
        assert set(figures) == {"score", "exact", "share", "loss", "accuracy"}
        assert figures["score"]["values"] == figures["exact"]["values"]  # no noun is half right here
        assert figures["exact"]["mean"] > 0.8
        assert str(row["settings"]["num_layers"]) in out
    assert "num_layers" in (tmp_path / "out" / "ablation.md").read_text()
    assert (tmp_path / "out" / "num_layers=1,prefix_length=2" / "seed2" / "decoder" / "decoder.json").exists()

    from novic_ros.training.train_run import TrainRun

    monkeypatch.setattr(TrainRun, "run", None)  # nothing is trained again
    code, out, err = run(capsys, given, tmp_path / "out", *asked)
    assert (code, err) == (0, "")
    assert ", 8 are finished" in out
    assert "time " not in out
    assert json.loads((tmp_path / "out" / "ablation.json").read_text()) == results


def test_a_stopped_ablation_goes_on(capsys, given, tmp_path, monkeypatch):
    """Stopped in the second of two trainings, the same command does the rest of that one."""
    from novic_ros.training import stopping

    asked = ("--vary", "num_layers=1,2", "--seeds", 1)
    code, _, _ = run(capsys, given, tmp_path / "whole", *asked)
    assert code == 0
    calls = []
    monkeypatch.setattr(stopping.StopRequest, "__call__", lambda self: calls.append(1) or len(calls) == 80)
    code, out, _ = run(capsys, given, tmp_path / "out", *asked)
    assert code == 130
    assert "stopped  in num_layers=2/seed1" in out
    assert not (tmp_path / "out" / "ablation.json").exists()
    monkeypatch.undo()
    code, out, _ = run(capsys, given, tmp_path / "out", *asked)
    assert code == 0
    assert ", 1 are finished" in out
    assert (tmp_path / "out" / "ablation.json").read_text() == (tmp_path / "whole" / "ablation.json").read_text()


def test_a_dry_run_only_talks(capsys, given, tmp_path):
    code, out, err = run(capsys, given, tmp_path / "out", "--vary", "num_layers=1,2", "--dry-run")
    assert (code, err) == (0, "")
    assert "2 combinations x 3 seeds = 6 trainings" in out
    assert "time " in out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("arguments", "words"), [
    (["--vary", "num_layers=1,zero"], "num_layers: expected a whole number from 1"),
    (["--vary", "layers=1,2"], "layers: no such field"),
    (["--vary", "num_layers"], "expected field=value,value,..., got 'num_layers'"),
    (["--vary", "num_layers=1", "--vary", "num_layers=2"], "vary: expected every field once"),
    (["--seeds", "0"], "seeds: expected a whole number from 1, got 0"),
    (["--embeddings", "a.safetensors:b"], "embeddings, truth: expected both or none"),
    (["--embeddings", "a.safetensors:b", "--truth", "c"], "a.safetensors: expected a safetensors file"),
    (["--embeddings", "a.safetensors", "--truth", "c"], "embeddings: expected FILE.safetensors:KEY"),
])  # fmt: skip
def test_wrong_usage_is_one_line(capsys, given, tmp_path, arguments, words):
    code, _, err = run(capsys, given, tmp_path / "out", *arguments)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_vectors_and_truth_that_do_not_fit(capsys, given, tmp_path):
    _, _, vectors, truth = given
    short, narrow = tmp_path / "short.json", tmp_path / "narrow.safetensors"
    short.write_text(json.dumps(json.loads(truth.read_text())[:-1]))
    save_file({"images": torch.ones(6, 8)}, narrow)
    for embeddings, records, words in [
        (vectors, short, "expected 6 records, one per vector, found 5"),
        (vectors.replace(":images", ":pictures"), truth, "expected a tensor 'pictures', found images"),
        (f"{narrow}:images", truth, "expected vectors [N, 24], found [6, 8]"),
    ]:  # fmt: skip
        code, _, err = run(capsys, given, tmp_path / "out", "--embeddings", embeddings, "--truth", records)
        assert code == 2
        assert words in err

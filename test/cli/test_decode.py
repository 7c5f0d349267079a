"""`novic decode`: stored vectors become nouns, as the decoder itself says them, and what cannot be used is one line."""

import json

import pytest
import torch
from safetensors.torch import save_file

from novic_ros import decoding
from novic_ros.cli.main import main


@pytest.fixture
def stored(tmp_path, tiny_model):
    """(FILE:KEY, the vectors)."""
    width = decoding.load(tiny_model).width
    vectors = torch.nn.functional.normalize(torch.randn(70, width, generator=torch.Generator().manual_seed(0)), dim=-1)
    save_file({"photos": vectors, "flat": vectors[0].clone(), "whole": torch.ones(2, width, dtype=torch.int64)},
              tmp_path / "vectors.safetensors")
    return f"{tmp_path / 'vectors.safetensors'}:photos", vectors


def test_says_what_the_decoder_says(tmp_path, tiny_model, stored):
    place, vectors = stored
    out = tmp_path / "out.json"
    code = main(["decode", "--checkpoint", str(tiny_model), "--embeddings", place, "--gencfg", "beam_k3",
                 "--json", str(out)])
    expected = decoding.load(tiny_model).decode(vectors, "beam_k3")
    found = json.loads(out.read_text())
    assert code == 0
    assert [row["labels"] for row in found] == [[one.text for one in row] for row in expected]
    assert [row["scores"] for row in found] == [pytest.approx([one.score for one in row], abs=1e-4) for row in expected]


def test_a_guide_list_and_standard_output(tmp_path, capsys, tiny_model, stored):
    nouns = decoding.load(tiny_model).nouns[:2]
    (tmp_path / "guide.txt").write_text("\n".join(nouns))
    code = main(["decode", "--checkpoint", str(tiny_model), "--embeddings", stored[0], "--json", "-",
                 "--guide", str(tmp_path / "guide.txt")])
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert len(found) == 70
    assert all(set(row["labels"]) == set(nouns) for row in found)


@pytest.mark.parametrize(("change", "words"), [
    ({"--embeddings": "no_colon"}, "expected FILE.safetensors:KEY, got 'no_colon'"),
    ({"--embeddings": "/no/such/file:photos"}, "/no/such/file: expected a safetensors file"),
    ({"--embeddings": ":cats"}, "expected a tensor 'cats', found flat, photos, whole"),
    ({"--embeddings": ":flat"}, "expected float [B, F], found torch.float32"),
    ({"--embeddings": ":whole"}, "expected float [B, F], found torch.int64"),
    ({"--gencfg": "beam_z3"}, "cannot read part 'z3'"),
    ({"--checkpoint": "/no/such/model"}, "/no/such/model"),
    ({"--guide": "/no/such/list"}, "/no/such/list"),
    ({"--json": "/no/such/folder/out.json"}, "/no/such/folder/out.json"),
])  # fmt: skip
def test_what_cannot_be_used_is_one_line(tmp_path, capsys, tiny_model, stored, change, words):
    given = {"--checkpoint": str(tiny_model), "--embeddings": stored[0], "--json": str(tmp_path / "out.json")} | change
    if given["--embeddings"].startswith(":"):
        given["--embeddings"] = stored[0].removesuffix(":photos") + given["--embeddings"]
    code = main(["decode", *(word for pair in given.items() for word in pair)])
    error = capsys.readouterr().err
    assert code == 2
    assert words in error
    assert error.startswith("novic decode: ") and error.count("\n") == 1
    assert not (tmp_path / "out.json").exists()

"""`novic models import` and `export`: what they print, where they write, and one line for whatever goes wrong."""

import json

import pytest
import torch
from tiny_model import TINY_NOUNS

from novic_ros.cli.main import main


def run(capsys, *arguments):
    """(exit code, standard output, standard error) of `novic models ...`."""
    code = main(["models", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def model_folder(tmp_path):
    """A model folder of its own with a decoder in CLIP's byte pairs."""
    from tiny_model import write_tiny_decoder

    folder = tmp_path / "model"
    write_tiny_decoder(folder, embedder_spec="openclip:nobody/nothing")
    return folder


def test_there_and_back(capsys, model_folder, tmp_path):
    file, again = tmp_path / "a.train", tmp_path / "again"
    code, out, err = run(capsys, "export", model_folder, file)
    assert (code, err) == (0, "")
    assert out.startswith(f"{file}: {len(TINY_NOUNS)} nouns in ")
    assert out.endswith("for vectors [24] of openclip:nobody/nothing\n")
    code, out, err = run(capsys, "import", file, again)
    assert (code, err) == (0, "")
    assert out.startswith(f"{again}: {len(TINY_NOUNS)} nouns in ")
    before, after = (json.loads((folder / "decoder.json").read_text()) for folder in (model_folder, again))
    for field in ("token_ids", "token_texts", "end_ids", "embedder"):
        assert before[field] == after[field], field
    assert after["nouns"] == [noun.lower().replace("-", " ") for noun in TINY_NOUNS]  # as the tokens spell them
    assert after["tokenizer_size"] == 49408
    assert after["provenance"]["file"] == "a.train"


def test_half_precision_halves_the_weights(capsys, model_folder, tmp_path):
    run(capsys, "export", model_folder, tmp_path / "a.train")
    run(capsys, "import", tmp_path / "a.train", tmp_path / "whole")
    run(capsys, "import", tmp_path / "a.train", tmp_path / "half", "--half")
    whole, half = ((tmp_path / name / "decoder.safetensors").stat().st_size for name in ("whole", "half"))
    assert 0.4 < half / whole < 0.7


def test_the_encoder_can_be_named_for_the_authors_code(capsys, tiny_model, tmp_path):
    code, _, err = run(capsys, "export", tiny_model, tmp_path / "a.train")
    assert code == 2
    assert "an encoder that the authors' code knows" in err
    code, _, _ = run(capsys, "export", tiny_model, tmp_path / "a.train", "--embedder", "openclip:me/mine")
    assert code == 0
    content = torch.load(tmp_path / "a.train", weights_only=True)
    assert content["cfg_flat"]["embedder_spec"] == "openclip:me/mine"


def test_nothing_is_overwritten_unasked(capsys, model_folder, tmp_path):
    file = tmp_path / "a.train"
    run(capsys, "export", model_folder, file)
    for arguments in (("export", model_folder, file), ("import", file, model_folder)):
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, "")
        assert "may be replaced" in err
        assert run(capsys, *arguments, "--replace")[0] == 0


@pytest.mark.parametrize("arguments, complaint", [
    (("import", "nowhere.train", "new"), "nowhere.train: expected a checkpoint of NOVIC"),
    (("import", "text.train", "new"), "it is cut off or another kind of file"),
    (("import", ".", "new"), "expected a checkpoint of NOVIC"),
    (("export", "nowhere", "a.train"), "expected the description of an object decoder, found no such file"),
    (("export", "model", "a.pt"), "expected a name that ends in .train or .model"),
    (("export", "model", "nowhere/a.train"), "cannot be written"),
    (("import", "good.train", "text.train"), "text.train"),
])
def test_one_line_and_exit_code_2(capsys, model_folder, tmp_path, monkeypatch, arguments, complaint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.train").write_text("hello")
    run(capsys, "export", model_folder, "good.train")
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"novic models {arguments[0]}: ")
    assert err.count("\n") == 1
    assert complaint in err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("arguments", [(), ("import",), ("export", "x"), ("fetch",)])
def test_wrong_usage(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        run(capsys, *arguments)
    assert stop.value.code == 2
    assert "usage: novic models" in capsys.readouterr().err

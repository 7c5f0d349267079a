"""The slim format comes back as it was, and every kind of damage gives one clear error."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest
import torch
from test_noun_decoder import NOUNS, tiny_checkpoint

from novic_ros import decoding
from novic_ros.decoding import DecodingError
from novic_ros.decoding.checkpoint import load_slim, save_slim


@pytest.fixture
def folder(tmp_path):
    save_slim(tmp_path, tiny_checkpoint(), torch.float32)
    return tmp_path


def test_round_trip(folder):
    saved, loaded = tiny_checkpoint(), load_slim(folder)
    assert (loaded.nouns, loaded.noun_tokens, loaded.vocabulary) == (saved.nouns, saved.noun_tokens, saved.vocabulary)
    assert (loaded.embedder_spec, loaded.provenance) == (saved.embedder_spec, saved.provenance)
    assert not loaded.model.training
    for name, tensor in saved.model.state_dict().items():
        torch.testing.assert_close(loaded.model.state_dict()[name], tensor)
    vectors = torch.randn(3, 6)
    assert decoding.load(folder, "cpu").decode(vectors) == decoding.NounDecoder(saved).decode(vectors)


def test_tokenizer_and_trie_come_back(folder, tmp_path):
    saved = tiny_checkpoint()
    vocabulary = dataclasses.replace(saved.vocabulary, end_ids=(900, 901), tokenizer_size=1000)
    save_slim(tmp_path / "other", dataclasses.replace(saved, vocabulary=vocabulary))
    loaded = load_slim(tmp_path / "other")
    assert loaded.vocabulary == vocabulary
    assert (load_slim(folder).vocabulary.end_ids, load_slim(folder).vocabulary.tokenizer_size) == ((900,), 0)
    for field in dataclasses.fields(saved.trie):
        np.testing.assert_array_equal(getattr(loaded.trie, field.name), getattr(saved.trie, field.name))


def test_files_are_readable_as_others_are_and_nothing_else_is_left(folder):
    (folder / "plain").touch()
    wanted = (folder / "plain").stat().st_mode
    assert {path.stat().st_mode for path in folder.iterdir()} == {wanted}
    assert len(list(folder.iterdir())) == 3


def test_a_failed_save_leaves_the_old_files(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("novic_ros.decoding.checkpoint.save_file", full)
    with pytest.raises(DecodingError, match=r"decoder.safetensors: cannot be written: No space left on device"):
        save_slim(folder, tiny_checkpoint())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_half_precision_on_disk_float32_in_memory(tmp_path):
    save_slim(tmp_path, tiny_checkpoint())
    assert {p.dtype for p in load_slim(tmp_path).model.parameters()} == {torch.float32}


def test_missing_folder(tmp_path):
    with pytest.raises(DecodingError, match=r"decoder.json: expected .* no such file"):
        load_slim(tmp_path / "nowhere")


def test_truncated_weights(folder):
    weights = folder / "decoder.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(DecodingError, match=r"decoder.safetensors: expected the file with SHA-256 .* truncated"):
        load_slim(folder)


def test_weights_file_missing(folder):
    (folder / "decoder.safetensors").unlink()
    with pytest.raises(DecodingError, match="decoder.safetensors: expected the decoder's weights"):
        load_slim(folder)


@pytest.mark.parametrize("change, complaint", [
    (lambda d: d.update(format="something"), "expected the format"),
    (lambda d: d.update(version=99), "version 1, found 99"),
    (lambda d: d.pop("nouns"), "fields nouns"),
    (lambda d: d["architecture"].update(hidden_dim=12), "fit together"),
    (lambda d: d["architecture"].update(surprise=1), "fit together"),
    (lambda d: d["nouns"].append("one too many"), "nouns"),
    (lambda d: d["token_texts"].pop(), "token"),
])
def test_changed_description(folder, change, complaint):
    path = folder / "decoder.json"
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))
    with pytest.raises(DecodingError, match=complaint):
        load_slim(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\udcff".encode("utf-8", "surrogateescape")])
def test_description_that_is_no_json_object(folder, text):
    (folder / "decoder.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DecodingError, match="decoder.json: expected"):
        load_slim(folder)


def test_pickle_in_place_of_weights_is_never_executed(folder):
    import pickle

    marker = folder / "executed"

    class Payload:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    blob = pickle.dumps(Payload())
    (folder / "decoder.safetensors").write_bytes(blob)
    description = json.loads((folder / "decoder.json").read_text())
    description["sha256"] = hashlib.sha256(blob).hexdigest()
    (folder / "decoder.json").write_text(json.dumps(description))
    with pytest.raises(DecodingError, match="fit together"):
        load_slim(folder)
    assert not marker.exists()
    assert len(NOUNS) > 0

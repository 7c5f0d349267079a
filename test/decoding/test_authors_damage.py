"""Authors' checkpoints that cannot be used: one clear error for each kind of damage, and nothing is ever executed."""

import os
import pickle
import zipfile

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_decoders import (
    END_ID,
    NOUNS,
    PAD_ID,
    SIZE,
    SPEC,
    TinyTokenizer,
    content_of,
    find_tiny_tokenizer,
    tiny_checkpoint,
)
from variants import variant

from novic_ros.decoding import DecodingError
from novic_ros.decoding.authors_export import write_authors
from novic_ros.decoding.authors_format import read_authors


def refuse(path, complaint, find_tokenizer=find_tiny_tokenizer):
    with pytest.raises(DecodingError, match=complaint) as error:
        read_authors(path, find_tokenizer)
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value)


@pytest.mark.parametrize("blob, complaint", [
    (b"", "found 0 bytes that are none"), (b"hello", "found 5 bytes that are none: it is cut off or another kind"),
    (b"\x89PNG\r\n\x1a\n" * 100, "found 800 bytes"),
])
def test_another_kind_of_file(tmp_path, blob, complaint):
    path = tmp_path / "a.train"
    path.write_bytes(blob)
    refuse(path, complaint)


def test_missing_file_and_folder(tmp_path):
    refuse(tmp_path / "a.train", "found no such file")
    refuse(tmp_path, "expected a checkpoint of NOVIC")


def test_a_zip_archive_of_something_else(tmp_path):
    path = tmp_path / "a.train"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("letter.txt", "Dear all")
    refuse(path, "found an archive that torch cannot read")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated(train_file, share):
    os.truncate(train_file, int(train_file.stat().st_size * share))
    refuse(train_file, "that are none: it is cut off")


def test_one_flipped_bit_is_seen(train_file):
    blob = bytearray(train_file.read_bytes())
    with zipfile.ZipFile(train_file) as archive:
        largest = max(archive.infolist(), key=lambda part: part.file_size)
    blob[largest.header_offset + 200 + largest.file_size // 2] ^= 1
    train_file.write_bytes(blob)
    refuse(train_file, r"found damage in its part .*: copy it again")


def test_old_format_without_an_archive(train_file):
    torch.save(content_of(train_file), train_file, _use_new_zipfile_serialization=False)
    refuse(train_file, "that are none")


class Payload:
    """Makes a file when it is unpickled by a reader that executes what it reads."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.mkdir, (str(self.marker),))


@pytest.mark.parametrize("place", ["whole", "in the settings", "among the tensors", "bare pickle"])
def test_a_payload_is_never_executed(train_file, tmp_path, place):
    marker = tmp_path / "executed"
    content = content_of(train_file)
    if place == "whole":
        content = Payload(marker)
    elif place == "in the settings":
        content["cfg_flat"]["zebra"] = Payload(marker)
    elif place == "among the tensors":
        content["model_state_dict"]["pos_embedding.embedding.weight"] = Payload(marker)
    if place == "bare pickle":
        train_file.write_bytes(pickle.dumps(Payload(marker)))
        refuse(train_file, "that are none")
    else:
        torch.save(content, train_file)
        refuse(train_file, r"asks for the code (posix|os|nt)\.mkdir; nothing of it was run")
    assert not marker.exists()
    if place != "bare pickle":
        torch.load(train_file, weights_only=False)
        assert marker.exists()  # the payload does work


def test_an_archive_that_holds_no_dictionary(tmp_path):
    path = tmp_path / "a.train"
    torch.save([torch.zeros(3)], path)
    refuse(path, "found a list in it and no dictionary")


@pytest.mark.parametrize("part", ["cfg_flat", "target_config", "model_state_dict", "target_nouns",
                                  "num_invalid_target_nouns"])
def test_missing_parts_are_named(train_file, part):
    content = content_of(train_file)
    del content[part]
    torch.save(content, train_file)
    refuse(train_file, f"expected the part {part}, found only ")


def test_a_decoder_does_not_need_the_data_configuration(train_file):
    content = content_of(train_file)
    del content["data_config"]
    torch.save(content, train_file)
    assert read_authors(train_file, find_tiny_tokenizer).nouns == NOUNS


def _set(part, **values):
    return lambda content: content[part].update(values)


def _tensor(name, change):
    return lambda content: content["model_state_dict"].update({name: change(content["model_state_dict"][name])})


def _cut(name):
    return lambda content: content["model_state_dict"].pop(name)


def _whole(**values):
    return lambda content: content.update(values)


FIRST, FEED = "embed_mlp.mlp.0.weight", "transformer.layers.1.linear1.weight"
DAMAGE = {
    "another network": (_set("cfg_flat", model="DudDecoder"), "model = PrefixedIterDecoder, found 'DudDecoder'"),
    "no network": (lambda c: c["cfg_flat"].pop("model"), "model = PrefixedIterDecoder, found None"),
    "settings missing": (lambda c: c["cfg_flat"].pop("num_heads"), "expected the settings num_heads too"),
    "newer activation": (_set("cfg_flat", layer_activation="swiglu"), "layer_activation: expected one of gelu, relu"),
    "newer hidden layer": (_set("cfg_flat", mlp_hidden_layer="deep"), "mlp_hidden_layer: expected one of none, min"),
    "newer factors": (_set("cfg_flat", init_rezero_mode="deepnorm"), "rezero: expected one of none, perskip"),
    "newer setting": (_set("cfg_flat", layer_gate=True), "unknown settings layer_gate: .* update novic_ros"),
    "heads": (_set("cfg_flat", num_heads=5), "hidden_dim: expected a multiple of num_heads = 5"),
    "fraction": (_set("cfg_flat", feedfwd_scale="1/3"), "feedfwd_scale: expected a fraction of hidden_dim = 16"),
    "no fraction": (_set("cfg_flat", feedfwd_scale="a lot"), "feedfwd_scale: expected a fraction such as '1/4'"),
    "zero fraction": (_set("cfg_flat", feedfwd_scale="1/0"), "feedfwd_scale: expected a fraction such as '1/4'"),
    "encoder": (_set("cfg_flat", embedder_spec=7), "embedder_spec as text, found 7"),
    "too many layers": (_set("cfg_flat", num_layers=10**9), "expected tensors for 1000000000 layers"),
    "one more layer": (_set("cfg_flat", num_layers=3), r"found transformer.layers.2.* and 3 more missing"),
    "one less layer": (_set("cfg_flat", num_layers=1), "none missing and transformer.layers.1.* and 3 more unknown"),
    "no bias there": (_set("cfg_flat", layer_bias=True), "missing and none unknown: the settings do not belong"),
    "huge": (_set("cfg_flat", hidden_dim=4 * 10**9, feedfwd_scale=1), "expected the tensor embed_mlp.mlp.0.w"),
    "width": (_set("cfg_flat", hidden_dim=32, feedfwd_scale="3/8"), "expected the tensor embed_mlp.mlp.0.w"),
    "missing tensor": (_cut(FEED), f"found {FEED} missing"),
    "no first tensor": (_cut(FIRST), "expected the tensor embed_mlp.mlp.0.weight .units, F., found NoneType"),
    "shape": (_tensor(FEED, lambda t: t[:, :-1].contiguous()), r"linear1.weight with shape \[12, 16\] in a decoder .*"
                                                              r"hidden_dim 16.*, found torch.float32 \[12, 15\]"),
    "whole numbers": (_tensor(FEED, lambda t: t.long()), "found torch.int64"),
    "not a tensor": (_tensor(FEED, lambda t: t.tolist()), "found list"),
    "stretched": (_tensor(FEED, lambda t: t[:1].expand(t.shape)), f"expected the tensor {FEED}"),
    "NaN": (_tensor(FEED, lambda t: t * torch.nan), f"finite weights, found NaN or infinity in {FEED}"),
    "another mask": (_tensor("causality_mask", torch.zeros_like), "the causality_mask of strictly_causal = False"),
    "target field": (lambda c: c["target_config"].pop("use_masks"), "its 12 fields, found use_masks missing"),
    "newer target field": (_set("target_config", dialect=1), "found none missing and dialect unknown; update"),
    "start token": (_set("target_config", start_token_id=1), "expected start_token_id = None, found 1"),
    "full ids": (_set("target_config", compact_ids=False), "expected compact_ids = True, found False"),
    "end token": (_set("target_config", end_token_id=False), "expected end_token_id = 0, found False"),
    "token type": (_set("target_config", token_dtype=torch.float32), "token_dtype int64 or int32"),
    "token length": (_set("target_config", token_length=9), "expected the tensor pos_embedding.embedding.weight"),
    "no token length": (_set("target_config", token_length="6"), "max_tokens: expected a positive whole number"),
    "vocabulary size": (_set("target_config", vocab_size=18), "with vocab_size = 18; they are not"),
    "map": (_set("target_config", compact_map=torch.arange(SIZE)), "inverse to each other"),
    "no map": (_set("target_config", compact_map=None), "compact_map as a row of whole numbers, found NoneType"),
    "unmap": (_set("target_config", compact_unmap=torch.full((17,), SIZE)), "inverse to each other"),
    "float unmap": (_set("target_config", compact_unmap=torch.ones(17)), "compact_unmap as a row of whole numbers"),
    "no nouns": (_whole(target_nouns=()), "expected a valid noun, found 0"),
    "all invalid": (_whole(num_invalid_target_nouns=len(NOUNS)), "of which the first 8 are not"),
    "numbers as nouns": (_whole(target_nouns=("cat", 7)), "every target noun as text"),
    "nouns as one text": (_whole(target_nouns="cat"), "expected target_nouns as a list, found str"),
    "count as text": (_whole(num_invalid_target_nouns="1"), "expected num_invalid_target_nouns as int, found str"),
    "settings as list": (_whole(cfg_flat=[]), "expected cfg_flat as dict, found list"),
    "numbers as names": (_whole(cfg_flat={1: 2}), "expected text as the keys of cfg_flat"),
    "a tensor as setting": (_set("cfg_flat", zebra=torch.zeros(2)), "zebra: expected plain settings, found a Tensor"),
    "foreign noun": (_whole(target_nouns=(*NOUNS, "quark", "lepton")), "2 cannot be written in them, .* 'quark'"),
    "empty noun": (_whole(target_nouns=("", *NOUNS)), "1 cannot be written in them, the first is ''"),
}


@pytest.mark.parametrize("change, complaint", DAMAGE.values(), ids=DAMAGE)
def test_parts_that_do_not_fit_are_named(train_file, change, complaint):
    content = content_of(train_file)
    change(content)
    torch.save(content, train_file)
    message = refuse(train_file, complaint)
    assert "\n" not in message


def test_surplus_rows_must_be_zero(tmp_path):
    write_authors(tmp_path / "a.train", tiny_checkpoint(variant("quantised")))
    content = content_of(tmp_path / "a.train")
    content["model_state_dict"]["logits_linear.weight"][20, 3] = 1
    torch.save(content, tmp_path / "a.train")
    refuse(tmp_path / "a.train", "expected zeros from row 17 on in logits_linear.weight")


def test_factors_shared_by_a_layer_must_be_equal(tmp_path):
    write_authors(tmp_path / "a.train", tiny_checkpoint(variant("a factor per layer, norm last")))
    content = content_of(tmp_path / "a.train")
    content["model_state_dict"]["transformer.layers.1.scale2"] += 1
    torch.save(content, tmp_path / "a.train")
    refuse(tmp_path / "a.train", "expected transformer.layers.1.scale1 and .*scale2 to be one tensor")


@pytest.mark.parametrize("attribute, value", [("size", 999), ("end_id", 5)])
def test_a_tokenizer_of_another_encoder(train_file, attribute, value):
    other = TinyTokenizer()
    setattr(other, attribute, value)
    refuse(train_file, r"expected a tokenizer of 1000 ids with an end token of \[900, 901\]", lambda *_: other)


def test_the_tokenizer_is_asked_for_by_spec_size_and_end(train_file):
    asked = []
    read_authors(train_file, lambda *what: asked.append(what) or TinyTokenizer())
    assert asked == [(SPEC, SIZE, (END_ID, PAD_ID))]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_random_damage_gives_one_clear_error_or_none(train_file, tmp_path, data):
    blob = bytearray(train_file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        near_the_end = data.draw(st.booleans())  # where the archive's list of parts is
        place = data.draw(st.integers(len(blob) - 3000 if near_the_end else 0, len(blob) - 1))
        blob[place:place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    path = tmp_path / "damaged.train"
    path.write_bytes(blob)
    try:
        read_authors(path, find_tiny_tokenizer)
    except DecodingError as error:
        assert str(error).startswith(f"{path}: ")
        assert "\n" not in str(error)

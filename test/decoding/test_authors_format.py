"""Checkpoints of the authors' code: out and in again without loss, as PyTorch's own modules see them, and damaged."""

import copy
import dataclasses
import json
import logging
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_network import AuthorsNetwork
from tiny_decoders import (
    END_ID,
    NOUNS,
    PAD_ID,
    SIZE,
    SPEC,
    TinyTokenizer,
    find_tiny_tokenizer,
    tiny_checkpoint,
)
from variants import SIZES, VARIANTS, variant

from novic_ros import decoding
from novic_ros.decoding import DecodingError
from novic_ros.decoding.authors_export import write_authors
from novic_ros.decoding.authors_format import read_authors
from novic_ros.decoding.checkpoint import load_slim, save_slim
from novic_ros.decoding.object_decoder import Architecture

DECODER_PARTS = ["cfg_flat", "target_config", "data_config", "model_state_dict", "target_nouns",
                 "num_invalid_target_nouns"]
TRAINING_PARTS = ["train_loop_config", "train_loop_state", "optimizer_type", "optimizer_state_dict",
                  "scheduler_warmup_state_dict", "scheduler_state_dict", "amp_scaler_enabled", "amp_scaler_state_dict"]
READ_BY_THE_AUTHORS = """
    model embedder_spec embedder_amp embedder_amp_bf16 embedder_compile embedder_optimum amp amp_bf16 vocab_quant
    num_end_loss label_smoothing hidden_dim feedfwd_scale mlp_hidden_layer mlp_hidden_bias mlp_hidden_norm
    mlp_hidden_activation input_dropout num_layers num_heads layer_dropout layer_activation layer_norm_first layer_bias
    logits_bias init_bias_zero init_mlp_mode init_mlp_unit_norm init_tfrm_mode init_tfrm_unit_norm
    init_tfrm_unit_postnorm init_tfrm_proj_layers init_zero_norm init_rezero_mode mlp_seq_len weight_tying
    strictly_causal enable_nested init_lr final_lr lr_scheduler lr_warmup""".split()


def content_of(path):
    return torch.load(path, weights_only=True)


def assert_equal(one, other):
    """Equal in every part, types included; tensors bit for bit."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for mine, yours in zip(one, other):
            assert_equal(mine, yours)
    else:
        assert one == other


def assert_same_decoder(one, other):
    assert one.model.arch == other.model.arch
    assert_equal(dict(one.model.state_dict()), dict(other.model.state_dict()))
    assert (one.embedder_spec, one.nouns, one.noun_tokens) == (other.embedder_spec, other.nouns, other.noun_tokens)
    assert one.vocabulary == other.vocabulary
    for field in dataclasses.fields(one.trie):
        np.testing.assert_array_equal(getattr(one.trie, field.name), getattr(other.trie, field.name))


@pytest.fixture
def train_file(tmp_path):
    path = tmp_path / "tiny.train"
    write_authors(path, tiny_checkpoint(variant("as released")))
    return path


@pytest.mark.parametrize("name", VARIANTS)
def test_every_kind_of_decoder_comes_back_bit_for_bit(name, tmp_path):
    made = tiny_checkpoint(variant(name))
    write_authors(tmp_path / "a.train", made)
    first = read_authors(tmp_path / "a.train", find_tiny_tokenizer)
    arch = dataclasses.replace(made.model.arch, input_dropout=0.1)  # two settings in the authors' files
    assert_same_decoder(first, dataclasses.replace(made, model=_with_arch(made.model, arch)))
    assert not first.model.training

    save_slim(tmp_path / "slim", first, torch.float32)
    slim = load_slim(tmp_path / "slim")
    assert_same_decoder(slim, first)
    assert slim.provenance == first.provenance

    write_authors(tmp_path / "b.train", slim)
    assert_equal(content_of(tmp_path / "a.train"), content_of(tmp_path / "b.train"))


def _with_arch(model, arch):
    model = copy.copy(model)
    model.arch = arch
    return model


@pytest.mark.parametrize("name", [name for name in VARIANTS if "rezero" not in VARIANTS[name]])
def test_pytorchs_own_layers_take_the_tensors_and_agree(name, tmp_path):
    """Built from the settings alone, they load all tensors strictly and give the same logits."""
    made = tiny_checkpoint(variant(name))
    write_authors(tmp_path / "a.model", made)
    content = content_of(tmp_path / "a.model")
    theirs = AuthorsNetwork(content["cfg_flat"], 40, content["target_config"]["vocab_size"],
                            content["target_config"]["token_length"]).eval()
    theirs.load_state_dict(content["model_state_dict"], strict=True)
    vectors, targets = torch.randn(5, 40), torch.randint(0, 17, (5, 6))
    with torch.no_grad():
        torch.testing.assert_close(theirs(vectors, targets), made.model(vectors, targets), atol=2e-5, rtol=0)


def test_parts_of_both_endings(train_file, tmp_path):
    write_authors(tmp_path / "tiny.model", read_authors(train_file, find_tiny_tokenizer))
    assert list(content_of(train_file)) == DECODER_PARTS + TRAINING_PARTS
    assert list(content_of(tmp_path / "tiny.model")) == DECODER_PARTS


def test_the_strict_loader_finds_what_it_reads(train_file):
    content = content_of(train_file)
    assert set(READ_BY_THE_AUTHORS) <= set(content["cfg_flat"])
    assert set(content["target_config"]) == {
        "vocab_size", "token_dtype", "mask_dtype", "start_token_id", "end_token_id", "pad_token_id", "compact_ids",
        "compact_map", "compact_unmap", "fixed_token_length", "token_length", "use_masks"}
    target = content["target_config"]
    assert (target["token_dtype"], target["mask_dtype"]) == (torch.int64, torch.bool)
    assert target["compact_unmap"].tolist()[:3] == [PAD_ID, 4, 7]
    assert target["compact_map"].shape == (SIZE,)
    assert target["compact_map"][[PAD_ID, END_ID, 4, 7, 5]].tolist() == [0, 0, 1, 2, -1]
    assert (content["target_nouns"], content["num_invalid_target_nouns"]) == (NOUNS, 0)


def test_the_optimiser_takes_its_empty_state(train_file):
    content = content_of(train_file)
    parameters = [value for name, value in content["model_state_dict"].items() if name != "causality_mask"]
    flat = [p.clone().requires_grad_() for p in parameters if p.ndim < 2]
    rest = [p.clone().requires_grad_() for p in parameters if p.ndim >= 2]
    optimiser = torch.optim.AdamW([{"params": flat, "weight_decay": 0.0}, {"params": rest}], lr=1.0)
    optimiser.load_state_dict(content["optimizer_state_dict"])
    assert [group["lr"] for group in optimiser.param_groups] == [0.0015, 0.0015]
    assert [group["weight_decay"] for group in optimiser.param_groups] == [0.0, 0.1]


def test_leading_invalid_nouns_are_left_out_and_kept_for_the_way_back(train_file, tmp_path):
    content = content_of(train_file)
    content["target_nouns"], content["num_invalid_target_nouns"] = ("", *NOUNS), 1
    torch.save(content, train_file)
    checkpoint = read_authors(train_file, find_tiny_tokenizer)
    assert checkpoint.nouns == NOUNS
    write_authors(tmp_path / "b.train", checkpoint)
    assert_equal(content_of(tmp_path / "b.train"), content)


def test_foreign_settings_are_kept_for_the_way_back(train_file, tmp_path):
    content = content_of(train_file)
    content["cfg_flat"] = {"zebra": ["a", 1, None], "dataset.name": "x", **content["cfg_flat"], "feedfwd_scale": 0.75,
                           "noise_scheme": "GaussElem", "input_dropout": 0.25, "label_smoothing": 0.1}
    content["target_config"]["token_dtype"] = torch.int32
    for name in ("compact_map", "compact_unmap"):
        content["target_config"][name] = content["target_config"][name].int()
    content["data_config"]["multi_length"] = 3
    torch.save(content, train_file)
    save_slim(tmp_path, read_authors(train_file, find_tiny_tokenizer), torch.float32)
    write_authors(tmp_path / "b.train", load_slim(tmp_path))
    assert_equal(content_of(tmp_path / "b.train"), content)


def test_prefix_of_compiled_models_is_stripped(train_file):
    content = content_of(train_file)
    content["model_state_dict"] = {f"_orig_mod.{k}": v for k, v in content["model_state_dict"].items()}
    before = read_authors(train_file, find_tiny_tokenizer)
    torch.save(content, train_file)
    assert_same_decoder(before, read_authors(train_file, find_tiny_tokenizer))


def test_nouns_longer_than_any_in_training_are_cut_with_a_warning(train_file, caplog):
    content = content_of(train_file)
    content["target_nouns"] = (*NOUNS, "pot of tea cup stand")
    torch.save(content, train_file)
    with caplog.at_level(logging.WARNING):
        checkpoint = read_authors(train_file, find_tiny_tokenizer)
    assert "1 nouns have more than 5 tokens and were cut: pot of tea cup stand" in caplog.text
    assert checkpoint.vocabulary.text(checkpoint.noun_tokens[-1]) == "pot of tea cup sta"


def test_weights_are_copies_that_outlive_the_file(train_file):
    checkpoint = read_authors(train_file, find_tiny_tokenizer)
    before = checkpoint.model.tokens.weight.clone()
    train_file.write_bytes(b"0" * train_file.stat().st_size)
    assert torch.equal(checkpoint.model.tokens.weight, before)


# ---- what cannot be used ---------------------------------------------------------------------------------


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


@pytest.mark.parametrize("part", [part for part in DECODER_PARTS if part != "data_config"])
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


# ---- what cannot be written ------------------------------------------------------------------------------


def test_nouns_of_our_own_are_written_as_their_tokens_spell_them(tmp_path):
    made = tiny_checkpoint(variant("as released"))
    nouns = ("Cat", "tea", "Teapot", "tea-cup", "cat's tail", "pot of tea", "dog", "Hot Dog stand")
    write_authors(tmp_path / "a.train", dataclasses.replace(made, nouns=nouns))
    read = read_authors(tmp_path / "a.train", find_tiny_tokenizer)
    assert (read.nouns, read.noun_tokens) == (made.nouns, made.noun_tokens)


def test_other_endings_and_encoders_are_refused(tmp_path):
    checkpoint = tiny_checkpoint(variant("as released"), spec="novic_mini")
    with pytest.raises(DecodingError, match=r"a.pt: expected a name that ends in .train or .model"):
        write_authors(tmp_path / "a.pt", checkpoint)
    with pytest.raises(DecodingError, match="an encoder that the authors' code knows .*, found 'novic_mini'"):
        write_authors(tmp_path / "a.train", checkpoint)
    write_authors(tmp_path / "a.train", checkpoint, "openclip:me/mine")
    assert content_of(tmp_path / "a.train")["cfg_flat"]["embedder_spec"] == "openclip:me/mine"


def test_a_tokenizer_of_unknown_size_is_refused(tmp_path):
    checkpoint = tiny_checkpoint(variant("as released"))
    vocabulary = dataclasses.replace(checkpoint.vocabulary, tokenizer_size=0)
    with pytest.raises(DecodingError, match="how many ids the tokenizer has"):
        write_authors(tmp_path / "a.train", dataclasses.replace(checkpoint, vocabulary=vocabulary))
    assert list(tmp_path.iterdir()) == []
    clip = dataclasses.replace(vocabulary, full_ids=(49407, *vocabulary.full_ids[1:]), end_ids=(49407,))
    write_authors(tmp_path / "a.train", dataclasses.replace(checkpoint, vocabulary=clip))  # whose size is known
    assert content_of(tmp_path / "a.train")["target_config"]["compact_map"].shape == (49408,)


@pytest.mark.parametrize("kept", [7, {"settings": 3}, {"invalid_nouns": {"": 1}}, {"target": None}])
def test_changed_provenance_is_refused(tmp_path, kept):
    with pytest.raises(DecodingError, match="provenance's part 'authors' as it was imported"):
        write_authors(tmp_path / "a.train", tiny_checkpoint(variant("as released"), provenance={"authors": kept}))


def test_an_unwritable_place_is_named(tmp_path):
    with pytest.raises(DecodingError, match=r"nowhere/a.train: cannot be written"):
        write_authors(tmp_path / "nowhere" / "a.train", tiny_checkpoint(variant("as released")))


# ---- through the door ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clip_checkpoint():
    """A decoder in CLIP's byte pairs."""
    from novic_ros.decoding.checkpoint import Checkpoint
    from novic_ros.decoding.noun_trie import NounTrie
    from novic_ros.decoding.object_decoder import ObjectDecoder
    from novic_ros.decoding.tokens import TokenVocabulary
    from novic_ros.embedding import load_tokenizer

    tokenizer = load_tokenizer(SPEC, 49408, [49407])
    ids = tokenizer.content_tokens(NOUNS)
    vocabulary = TokenVocabulary.of(ids, tokenizer.pieces({one for row in ids for one in row}), 49407, 49408)
    rows = tuple(tuple(vocabulary.compact(row)) for row in ids)
    torch.manual_seed(0)
    model = ObjectDecoder(Architecture(**(SIZES | {"vocab_size": len(vocabulary)}))).eval()
    return Checkpoint(model, SPEC, NOUNS, rows, vocabulary, NounTrie.build(rows))


def test_import_export_and_load_through_the_door(clip_checkpoint, tmp_path):
    write_authors(tmp_path / "a.train", clip_checkpoint)
    imported = decoding.import_checkpoint(tmp_path / "a.train", tmp_path / "model")
    assert imported.nouns == NOUNS
    vectors = torch.randn(4, 40)
    expected = decoding.NounDecoder(clip_checkpoint).decode(vectors)
    assert decoding.load(tmp_path / "a.train", "cpu").decode(vectors) == expected
    assert decoding.load(tmp_path / "model", "cpu").decode(vectors) == expected
    decoding.export_checkpoint(tmp_path / "model", tmp_path / "b.train")
    assert_equal(content_of(tmp_path / "a.train"), content_of(tmp_path / "b.train"))
    free = decoding.load(tmp_path / "a.train", "cpu").decode(vectors, "beam_k4_gn")
    assert free == decoding.NounDecoder(clip_checkpoint).decode(vectors, "beam_k4_gn")


def test_nothing_is_overwritten_unasked(clip_checkpoint, tmp_path):
    write_authors(tmp_path / "a.train", clip_checkpoint)
    decoding.import_checkpoint(tmp_path / "a.train", tmp_path)
    with pytest.raises(DecodingError, match="expected a folder without a decoder"):
        decoding.import_checkpoint(tmp_path / "a.train", tmp_path)
    with pytest.raises(DecodingError, match=r"a.train: expected no such file yet"):
        decoding.export_checkpoint(tmp_path, tmp_path / "a.train")
    decoding.import_checkpoint(tmp_path / "a.train", tmp_path, replace=True, half=True)
    decoding.export_checkpoint(tmp_path, tmp_path / "a.train", replace=True)
    provenance = json.loads((tmp_path / "decoder.json").read_text())["provenance"]
    assert (provenance["made_by"], provenance["file"]) == ("the authors' code", "a.train")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.train", "decoder.json", "decoder.safetensors"]


def test_a_tokenizer_out_of_reach_is_named(train_file):
    content = content_of(train_file)
    content["cfg_flat"]["embedder_spec"] = "transformers:me/mine"
    torch.save(content, train_file)
    with pytest.raises(DecodingError, match="tiny.train: the tokenizer of its nouns is not at hand: expected"):
        decoding.load(train_file)

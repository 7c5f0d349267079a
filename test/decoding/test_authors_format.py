"""Checkpoints of the authors' code: out and in again without loss, and as PyTorch's own modules see them."""

import copy
import dataclasses
import json
import logging

import numpy as np
import pytest
import torch
from reference_network import AuthorsNetwork
from tiny_decoders import (
    END_ID,
    NOUNS,
    PAD_ID,
    SIZE,
    SPEC,
    content_of,
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

"""Tokenizers without encoders: CLIP's byte pairs, and every way in which the transformers library marks words."""

import json
from types import SimpleNamespace

import pytest

from novic_ros.embedding import EmbeddingError, load_tokenizer
from novic_ros.embedding.tokenizer import Tokenizer

NOUNS = ["teapot", "fire engine", "t shirt", "3d printer", "hot dog stand", "chrysanthemum", "42"]
WORDS = "tea pot teapot fire engine shirt printer hot dog stand chrysanthemum the of".split()


def spelled(tokenizer, texts):
    """Each text from its tokens' pieces."""
    rows = tokenizer.content_tokens(texts)
    pieces = tokenizer.pieces({one for row in rows for one in row})
    return [" ".join("".join(pieces[one] for one in row).split()) for row in rows]


@pytest.fixture(scope="module")
def clip():
    return load_tokenizer("openclip:nobody/nothing", 49408, (49407,))


def test_clips_byte_pairs_need_no_encoder(clip):
    assert (clip.size, clip.end_id) == (49408, 49407)
    assert clip.content_tokens(["Dog", "a photo"]) == [[1929], [320, 1125]]  # as CLIP has always written them
    assert clip.content_tokens([]) == []
    assert spelled(clip, NOUNS[:3] + NOUNS[4:-1]) == NOUNS[:3] + NOUNS[4:-1]
    assert spelled(clip, ["3d printer", "42"]) == ["3 d printer", "4 2"]  # every digit is a word to CLIP
    assert spelled(clip, ["café"]) == ["café"]


def test_ids_that_are_not_there(clip):
    with pytest.raises(EmbeddingError, match="token ids from 0 to 49407, got 49408"):
        clip.pieces([5, 49408])


def test_other_sizes_and_ends_go_by_the_spec():
    for size, special in [(32000, (1,)), (49408, (0, 5))]:
        with pytest.raises(EmbeddingError, match="expected an encoder as novic_mini"):
            load_tokenizer("elsewhere:x", size, special)


# ---- the transformers library's ----------------------------------------------------------------------------


def wordpiece():
    from tokenizers import Tokenizer as Model
    from tokenizers import decoders, models, pre_tokenizers

    pieces = ["[UNK]", "[SEP]", "[PAD]", "tea", "##pot", "fire", "engine", "t", "shirt", "3", "##d", "print", "##er",
              "hot", "dog", "stand", "chrys", "##anthemum", "42", "##s"]
    model = Model(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    model.pre_tokenizer, model.decoder = pre_tokenizers.Whitespace(), decoders.WordPiece()
    return model, {"sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}


def sentencepiece():
    from tokenizers import Tokenizer as Model
    from tokenizers import decoders, models, pre_tokenizers

    pieces = ["<pad>", "</s>", "<unk>", "▁", "▁tea", "pot", "▁fire", "▁engine", "▁t", "▁shirt", "▁3", "d", "▁print",
              "er", "▁hot", "▁dog", "▁stand", "▁chrys", "anthem", "um", "▁4", "2", "s"]
    model = Model(models.Unigram([(piece, -float(i)) for i, piece in enumerate(pieces)], unk_id=2))
    model.pre_tokenizer, model.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    return model, {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def byte_level():
    from tokenizers import Tokenizer as Model
    from tokenizers import decoders, models, pre_tokenizers, trainers

    model = Model(models.BPE())
    model.pre_tokenizer, model.decoder = pre_tokenizers.ByteLevel(add_prefix_space=True), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=["</s>", "<pad>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    model.train_from_iterator([" ".join(NOUNS + WORDS)] * 3, trainer)
    return model, {"eos_token": "</s>", "pad_token": "<pad>"}


KINDS = {"word pieces": wordpiece, "sentence pieces": sentencepiece, "bytes": byte_level}


def wrapped(kind):
    transformers = pytest.importorskip("transformers")
    model, special = KINDS[kind]()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=model, **special)


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_spell_texts_as_the_tokenizer_itself_does(kind):
    inner = wrapped(kind)
    tokenizer = Tokenizer(SimpleNamespace(tokenizer=inner, clean_fn=lambda text: text.strip()))
    assert tokenizer.size == len(inner)
    assert inner.convert_ids_to_tokens(tokenizer.end_id) in ("</s>", "[SEP]")
    assert spelled(tokenizer, [f" {noun} " for noun in NOUNS]) == NOUNS
    decoded = [inner.decode(row, skip_special_tokens=True) for row in tokenizer.content_tokens(NOUNS)]
    assert [" ".join(text.split()) for text in decoded] == NOUNS
    assert tokenizer.content_tokens([]) == []


def test_bytes_that_a_vocabulary_falls_back_to():
    class Inner:
        eos_token_id, sep_token_id = 1, None
        spelled = ["<pad>", "</s>", "▁caf", "<0x65>", "▁"]

        def __len__(self):
            return len(self.spelled)

        def get_vocab(self):
            return {piece: one for one, piece in enumerate(self.spelled)}

        def convert_ids_to_tokens(self, one):
            return self.spelled[one]

    assert Tokenizer(SimpleNamespace(tokenizer=Inner())).pieces([2, 3, 4]) == {2: " caf", 3: "e", 4: " "}


@pytest.fixture
def model_folder(tmp_path):
    """A model folder whose tokenizer is one of the transformers library's."""
    wrapped("sentence pieces").save_pretrained(tmp_path)
    config = {"model_cfg": {"embed_dim": 8, "vision_cfg": {}, "text_cfg": {
        "context_length": 16, "hf_tokenizer_name": "somewhere/else", "tokenizer_kwargs": {"clean": "canonicalize"}}}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    return tmp_path


def test_a_folders_tokenizer_cleans_as_its_encoder_wants(model_folder):
    tokenizer = load_tokenizer(f"local:{model_folder}", 23, (1,))
    assert (tokenizer.size, tokenizer.end_id) == (23, 1)
    assert spelled(tokenizer, ["Hot  dog!"]) == ["hot dog"]
    assert tokenizer.content_tokens(["HOT dog."]) == tokenizer.content_tokens(["hot dog"])


def test_a_tokenizer_of_another_size(model_folder):
    with pytest.raises(EmbeddingError, match="expected a tokenizer of 32000 ids, that of local:.* has 23"):
        load_tokenizer(f"local:{model_folder}", 32000)


def test_a_folder_without_tokenizer_files(tmp_path):
    config = {"model_cfg": {"embed_dim": 8, "vision_cfg": {}, "text_cfg": {"hf_tokenizer_name": "a/b"}}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(EmbeddingError, match="the tokenizer of local:.* cannot be loaded"):
        load_tokenizer(f"local:{tmp_path}", 7)

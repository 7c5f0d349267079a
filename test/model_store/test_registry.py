"""registry: what the shipped files say, which place wins, and what a wrong file is answered with."""

import dataclasses
import json
import sys

import pytest

from novic_ros.model_store import find_model, registry
from novic_ros.model_store.registry import KnownModel, RegistryError, Release, known_model, known_models

RELEASED = {"ta4": 768, "yb3": 1152, "ya2": 1024, "ye2": 1024}  # tag -> F, from the authors' table


@pytest.fixture(autouse=True)
def nobody_s_own_models(tmp_path, monkeypatch):
    monkeypatch.setenv("NOVIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NOVIC_MODELS", raising=False)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A registry folder of our own, searched before the shipped one."""
    monkeypatch.setenv("NOVIC_MODELS", str(tmp_path))
    (tmp_path / "registry").mkdir()
    return tmp_path / "registry"


def entry(**changes):
    """The content of a registry file, changed."""
    release = {"url": "https://example.org/files/mine.zip", "member": "run/mine.train", "size": None, "sha256": None,
               "remark": ""}  # fmt: skip
    return {"tag": "mine", "summary": "ours", "embedder": "openclip:a/b", "width": 8, "scores": {"World-H": 50},
            "score_source": "us", "licence": "MIT", "licence_remark": "MIT", "release": release, **changes}  # fmt: skip


def write(folder, content, name="mine"):
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / f"{name}.json").write_text(text, encoding="utf-8")


# ---- the shipped files -----------------------------------------------------------------------------------


def test_the_released_models_and_the_embedded_one_are_known(root):
    models = known_models()
    assert list(models) == ["novic_mini", "ta4", "ya2", "yb3", "ye2"]
    assert {tag: model.width for tag, model in models.items() if not model.embedded} == RELEASED
    assert sorted(path.stem for path in (root / "models" / "registry").iterdir()) == sorted([*RELEASED, "novic_mini"])


@pytest.mark.parametrize("tag", RELEASED)
def test_a_released_model_names_its_file_source_and_licence(tag):
    model = known_model(tag)
    release = model.release
    stamp, _, file = release.member.partition("/")
    assert release.url.startswith("https://github.com/pallgeuer/novic/releases/download/v1.0.0/")
    assert release.archive.endswith(f"_{tag}_{stamp}.zip") and stamp.startswith("ovod_2024")
    assert file.startswith("ovod_chunk") and file.endswith(".train")
    assert (release.size, release.sha256) == (None, None) and release.remark.startswith("unverified")
    assert model.embedder.startswith("openclip:") and "v1.0.0" in model.score_source
    assert 60 < model.score("ImageNet-1K") < model.score("World-H") < 90
    assert model.score("a benchmark of dreams") is None
    assert ("research only" in model.licence) == ("DFN5B" in model.embedder) == ("Apple" in model.licence_remark)


def test_the_embedded_model_is_what_lies_in_its_folder():
    model = known_model("novic_mini")
    description = json.loads((find_model("novic_mini") / "decoder.json").read_text(encoding="utf-8"))
    assert model.embedded and model.release is None
    assert (model.embedder, model.width) == (description["embedder"], description["architecture"]["embed_dim"])


def test_models_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        known_model("ta4").tag = "x"


def test_nothing_heavy_is_needed(root):
    import subprocess

    code = ("import sys; sys.path.insert(0, sys.argv[1]); from novic_ros.model_store import registry, download, "
            "archive; print({'torch', 'numpy', 'rich', 'cv2'} & set(sys.modules))")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n", done.stderr


# ---- places ----------------------------------------------------------------------------------------------


def test_a_site_adds_models_and_replaces_ours(site):
    write(site, entry())
    write(site, entry(tag="ta4", summary="our mirror"), "ta4")
    models = known_models()
    assert models["mine"].release == Release("https://example.org/files/mine.zip", "run/mine.train", None, None, "")
    assert models["mine"].scores == (("World-H", 50),)
    assert models["ta4"].summary == "our mirror"
    assert set(models) == {*RELEASED, "novic_mini", "mine"}


def test_an_unknown_tag_lists_the_known_ones():
    with pytest.raises(RegistryError, match=r"no known model 'ta5'; known: novic_mini, ta4, ya2, yb3, ye2"):
        known_model("ta5")


def test_no_registry_at_all(monkeypatch):
    monkeypatch.setattr(registry, "search_places", lambda: ())
    with pytest.raises(RegistryError, match="known: none"):
        known_model("ta4")


# ---- wrong files -----------------------------------------------------------------------------------------

SHA = "a" * 64
WRONG = [
    ({"width": 0}, "width: expected a number above 0, came 0"),
    ({"width": True}, "width: expected"),
    ({"width": "8"}, "width: expected"),
    ({"summary": " "}, "summary: expected a text"),
    ({"licence": None}, "licence: expected a text"),
    ({"scores": []}, "scores: expected an object"),
    ({"scores": {"World-H": "high"}}, "scores: expected texts with percentages"),
    ({"scores": {"World-H": 101}}, "scores: expected"),
    ({"scores": {"World-H": True}}, "scores: expected"),
    ({"surprise": 1}, "exactly the fields tag, summary, .*, came .*surprise"),
    ({"release": {}}, "exactly the fields url, member"),
    ({"release": "here"}, "exactly the fields url, member.* came 'here'"),
]  # fmt: skip
WRONG_RELEASE = [
    ({"url": "ftp://example.org/a.zip"}, "url: expected an http"),
    ({"url": "https://example.org/"}, "url: expected an http"),
    ({"url": "https://example.org/a%2F..%2F..%2Fb/.."}, "url: expected an http"),
    ({"url": "https://example.org/.hidden"}, "url: expected an http"),
    ({"url": "https://[example"}, "is no description of a model"),
    ({"url": 5}, "url: expected an http"),
    ({"member": ""}, "member: expected a relative path"),
    ({"member": "/etc/passwd"}, "member: expected a relative path"),
    ({"member": "a/../../b"}, "member: expected a relative path"),
    ({"member": "a\\b"}, "member: expected a relative path"),
    ({"size": 0}, "size: expected a number of bytes"),
    ({"size": "5"}, "size: expected a number of bytes"),
    ({"sha256": SHA[1:]}, "sha256: expected 64"),
    ({"sha256": SHA.upper()}, "sha256: expected 64"),
    ({"remark": None}, "remark: expected a text"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), [
    *WRONG, *[({"release": {**entry()["release"], **changes}}, said) for changes, said in WRONG_RELEASE],
])  # fmt: skip
def test_a_wrong_file_is_named_with_what_is_wrong(site, changes, said):
    write(site, entry(**changes))
    with pytest.raises(RegistryError, match=said) as caught:
        known_models()
    assert str(caught.value).startswith(str(site / "mine.json"))
    assert str(caught.value).endswith("; correct or remove the file")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "5"])
def test_what_is_no_json_object_is_refused(site, text):
    write(site, text)
    with pytest.raises(RegistryError, match="mine.json is no description of a model"):
        known_models()


@pytest.mark.parametrize("tag", ["../up", "", "a b", "registry", "downloads", ".hidden"])
def test_a_tag_is_a_plain_name(tag):
    values = {**entry(), "scores": (), "release": None}
    with pytest.raises(RegistryError, match="tag: expected letters, digits"):
        KnownModel(**{**values, "tag": tag})


def test_file_and_tag_must_agree(site):
    write(site, entry(), "other")
    with pytest.raises(RegistryError, match=r"describes the tag 'mine'; the file must be called mine.json"):
        known_models()


def test_an_unreadable_file_is_named(site):
    (site / "mine.json").mkdir()
    with pytest.raises(RegistryError, match=r"mine.json: cannot be read: Is a directory"):
        known_models()


def test_a_published_checksum_and_size_are_kept(site):
    write(site, entry(release={**entry()["release"], "size": 5, "sha256": SHA}))
    assert (known_model("mine").release.size, known_model("mine").release.sha256) == (5, SHA)

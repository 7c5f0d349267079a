"""`novic label` on good, odd and broken files, with a tiny random model: exit codes, JSON, and one line per failure."""

import contextlib
import io
import json
import os
import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tiny_calibration import write_tiny_calibration
from tiny_model import TINY_NOUNS, cut_file

from novic_ros.cli.main import main
from novic_ros.labeller import ImageLabeller
from novic_ros.labels import Labels


def novic(*arguments):
    """Run `novic` in this process, on streams as strict as real ones: (exit code, standard output, standard error)."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([os.fspath(argument) for argument in arguments])
        except SystemExit as end:  # how argparse refuses
            code = end.code
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8"))
    return code, *texts


def png_header(width, height):
    """The beginning of a PNG that claims a size and holds next to nothing."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(9))),
              (b"IEND", b"")]
    packed = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
              for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def write_files(folder):
    """Good and broken files -> {name: what its error must say, or None}."""
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    picture = Image.fromarray(noise)
    picture.save(folder / "photo.jpg")
    picture.save(folder / "photo.webp")
    picture.convert("L").save(folder / "grey.jpg")
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    picture.convert("RGBA").save(folder / "alpha.png")
    picture.resize((1, 1)).save(folder / "one.png")
    picture.resize((3000, 1)).save(folder / "line.png")
    Image.fromarray(noise[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    frames = [Image.fromarray(np.roll(noise, i, 0)) for i in range(3)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    picture.save(folder / "café [bold]not markup[red] :cat:.jpg")
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("hello, I am no picture\n")
    (folder / "huge.png").write_bytes(png_header(20_000, 20_000))
    shutil.copy(folder / "photo.jpg", folder / "cut.jpg")
    cut_file(folder / "cut.jpg")
    (folder / "folder.jpg").mkdir()
    good = sorted(path.name for path in folder.iterdir() if path.is_file())
    broken = {"empty.jpg": "it is empty", "text.jpg": "it is text", "huge.png": "more than the 80000000 pixels",
              "cut.jpg": "cut short", "folder.jpg": "a folder", "absent.jpg": "No such file"}
    return dict.fromkeys(good) | broken


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures") / "in"
    return {str(folder / name): error for name, error in write_files(folder).items()}


@pytest.fixture(scope="module")
def all_files(files, tiny_model):
    """What one call says of all files: (exit code, JSON, lines of standard error)."""
    code, out, err = novic("label", *files, "--model", tiny_model, "--json", "-")
    return code, json.loads(out), err.splitlines()


def test_every_file_is_answered_in_order(all_files, files):
    code, results, _ = all_files
    assert code == 1
    assert list(results) == list(files)


def test_good_files_have_labels(all_files, files):
    _, results, _ = all_files
    good = [name for name, error in files.items() if error is None]
    assert len(good) == 10
    for name in good:
        assert set(results[name]) == {"labels", "evidence"}
        assert results[name]["evidence"] is None
        labels = results[name]["labels"]
        assert len(labels) == 5
        assert all(set(label) == {"text", "score"} and label["text"] in TINY_NOUNS for label in labels)
        scores = [label["score"] for label in labels]
        assert scores == sorted(scores, reverse=True)
        assert 0 < scores[-1] <= scores[0] <= 1


def test_broken_files_have_an_error_and_no_labels(all_files, files):
    _, results, _ = all_files
    broken = {name: error for name, error in files.items() if error}
    assert len(broken) == 6
    for name, error in broken.items():
        assert results[name] == {"labels": [], "evidence": None, "error": results[name]["error"]}
        assert error in results[name]["error"]


def test_one_line_per_failure_and_one_in_sum(all_files, files):
    _, _, lines = all_files
    broken = [name for name, error in files.items() if error]
    assert len(lines) == len(broken) + 1
    for name, line in zip(broken, lines):
        assert line.startswith(f"novic label: {name}: ")
        assert files[name] in line
    assert lines[-1] == f"novic label: 6 of {len(files)} files could not be labelled"


def test_same_labels_as_from_python(all_files, files, tiny_model):
    from novic_ros import images

    labeller = ImageLabeller(tiny_model, device="cpu")
    for name in [name for name, error in files.items() if error is None][:3]:
        expected = labeller.label([images.from_file(name)])[0]
        assert all_files[1][name] == json.loads(json.dumps(expected.to_dict()))


@pytest.fixture
def photo(files):
    return next(name for name in files if name.endswith("photo.jpg"))


def test_table(files, photo, tiny_model):
    markup = next(name for name in files if "markup" in name)
    code, out, err = novic("label", photo, markup, "--model", tiny_model)
    assert (code, err) == (0, "")
    assert "photo.jpg" in out
    assert "[bold]not markup[red]" in out  # long names are folded
    assert ":cat:.jpg" in out
    assert any(noun in out for noun in TINY_NOUNS)
    assert "%" in out


def test_names_that_no_text_can_spell(tmp_path, photo, tiny_model):
    """File names are bytes; these are no UTF-8."""
    name = os.fsdecode(bytes(os.fsencode(tmp_path)) + b"/\xff\xfe.jpg")
    missing = os.fsdecode(bytes(os.fsencode(tmp_path)) + b"/\xfd.jpg")
    try:
        shutil.copy(photo, name)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    code, out, err = novic("label", name, missing, "--model", tiny_model)
    assert code == 1
    assert ".jpg" in out
    assert len(err.splitlines()) == 2
    for target in ("-", tmp_path / "labels.json"):
        code, out, err = novic("label", name, missing, "--model", tiny_model, "--json", target)
        assert code == 1
        text = out if target == "-" else target.read_text(encoding="utf-8")
        assert list(json.loads(text)) == [name, missing]


def test_json_file(photo, tiny_model, tmp_path):
    code, out, err = novic("label", photo, "--model", tiny_model, "--json", tmp_path / "labels.json", "--quiet")
    assert (code, out, err) == (0, "", "")
    assert list(json.loads((tmp_path / "labels.json").read_text(encoding="utf-8"))) == [photo]


@pytest.mark.parametrize("target", ["absent/labels.json", "."])
def test_json_that_cannot_be_written(photo, tiny_model, tmp_path, target):
    code, _, err = novic("label", photo, "--model", tiny_model, "--json", tmp_path / target, "--quiet")
    assert code == 1
    assert len(err.splitlines()) == 1
    assert f"cannot write {tmp_path / target}" in err


def test_options_reach_the_labeller(photo, tiny_model, tmp_path):
    nouns = tmp_path / "nouns.txt"
    nouns.write_text("teapot\nsea lion\nT-Shirt\n")
    _, out, _ = novic("label", photo, "--model", tiny_model, "--json", "-", "--nouns", nouns)
    labels = json.loads(out)[photo]["labels"]
    assert {label["text"] for label in labels} == {"teapot", "sea lion", "T-Shirt"}
    _, out, _ = novic("label", photo, "--model", tiny_model, "--json", "-", "--nouns", nouns, "--top", "2")
    assert json.loads(out)[photo]["labels"] == labels[:2]
    score = labels[1]["score"]
    _, out, _ = novic("label", photo, "--model", tiny_model, "--json", "-", "--nouns", nouns, "--min-score", str(score))
    assert json.loads(out)[photo]["labels"] == labels[:2]
    _, out, _ = novic("label", photo, "--model", tiny_model, "--json", "-", "--nouns", nouns, "--gencfg", "greedy")
    assert len(json.loads(out)[photo]["labels"]) == 1


def test_unsure_and_views_reach_the_labeller(photo, tiny_model, tmp_path):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    write_tiny_calibration(model, TINY_NOUNS, bias=-9.0)  # sure of nothing

    def texts(*options):
        code, out, err = novic("label", photo, "--model", model, "--json", "-", *options)
        assert (code, err) == (0, "")
        return [label["text"] for label in json.loads(out)[photo]["labels"]], out

    assert len(texts()[0]) == 5
    assert texts("--on-unsure", "best") == texts()
    assert texts("--on-unsure", "hypernym")[0] == texts("--on-unsure", "empty")[0] == []
    assert texts("--views", "1") == texts() != texts("--views", "2")
    assert "novic calibrate" in refused("label", photo, "--model", tiny_model, "--on-unsure", "hypernym")
    assert "views: expected 1 or 2, got 7" in refused("label", photo, "--model", model, "--views", "7")


def test_nothing_sure_enough(photo, tiny_model):
    code, out, err = novic("label", photo, "--model", tiny_model, "--min-score", "1")
    assert (code, err) == (0, "")
    assert out.splitlines()[1].split()[:2] == ["photo.jpg", "-"]


# ---- what ends with exit code 2 -------------------------------------------------------------------------------------


def refused(*arguments):
    """The one line that a call with exit code 2 prints."""
    code, out, err = novic(*arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1, err
    assert err.startswith("novic label: ")
    return err


@pytest.mark.parametrize("name", ["decoder.safetensors", "decoder.json", "open_clip_model.safetensors",
                                  "open_clip_config.json"])
def test_truncated_model(tiny_model, tmp_path, photo, name):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    cut_file(model / name)
    assert name in refused("label", photo, "--model", model)


def test_missing_model(tmp_path, photo):
    assert str(tmp_path / "absent") in refused("label", photo, "--model", tmp_path / "absent")
    assert "decoder.json" in refused("label", photo, "--model", tmp_path)
    code, out, err = novic("label", photo, "--model", "no_such_model")  # lists the places that were searched
    assert (code, out) == (2, "")
    assert err.startswith("novic label: there is no model named 'no_such_model'")
    assert "Traceback" not in err


@pytest.mark.parametrize(("option", "value", "message"), [
    ("--top", "0", "top_k"), ("--min-score", "2", "min_score"), ("--min-score", "nan", "min_score"),
    ("--gencfg", "fast", "greedy, beam or all"), ("--device", "abacus", "abacus")])
def test_bad_options(tiny_model, photo, option, value, message):
    assert message in refused("label", photo, "--model", tiny_model, option, value)


def test_bad_nouns(tiny_model, photo, tmp_path):
    nouns = tmp_path / "nouns.txt"
    assert "no such file" in refused("label", photo, "--model", tiny_model, "--nouns", nouns)
    nouns.write_text("")
    assert "at least one entry" in refused("label", photo, "--model", tiny_model, "--nouns", nouns)
    nouns.write_text("dog\nzyzzyva\n")
    assert "'zyzzyva'" in refused("label", photo, "--model", tiny_model, "--nouns", nouns)


def test_site_vocabulary(photo, tiny_model, tmp_path):
    def said(*options):
        code, out, err = novic("label", photo, "--model", tiny_model, "--json", "-", "--top", "10", *options)
        assert code == 0
        return {label["text"] for label in json.loads(out)[photo]["labels"]}, err

    everything, _ = said()
    never = tmp_path / "never.txt"
    never.write_text("# not indoors\nlion\nfire engine\n")
    assert said("--deny", f"@{never}", "--deny", "DOG") == (everything - {"lion", "fire engine", "dog"}, "")
    assert said("--allow", "cat", "--allow", "dog")[0] == everything & {"cat", "dog"}
    one = sorted(everything)[0]
    assert said("--remap", f"{one}=what it is") == ((everything - {one}) | {"what it is"}, "")
    texts, err = said("--deny", "zyzzyva")
    assert texts == everything
    assert err.startswith("novic label: site vocabulary: nothing that the model can find")
    assert len(err.splitlines()) == 1


def test_bad_site_vocabulary(photo, tiny_model, tmp_path):
    message = refused("label", photo, "--model", tiny_model, "--deny", "???", "--remap", "couch", "--allow",
                      f"@{tmp_path}/absent")
    assert all(part in message for part in ("deny: '???'", "remap: expected FROM=TO, got 'couch'", "no such file"))
    assert "at least one word that may be said" in refused("label", photo, "--model", tiny_model, "--allow", "zyzzyva")


@pytest.mark.parametrize("arguments", [("label",), ("label", "a.jpg", "--top", "many"), ("label", "a.jpg", "--fast")])
def test_wrong_usage(arguments):
    code, out, err = novic(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: novic")


# ---- trouble on the way ---------------------------------------------------------------------------------------------


def test_interrupted(photo, tiny_model, monkeypatch):
    def interrupt(self, pictures):
        raise KeyboardInterrupt

    monkeypatch.setattr(ImageLabeller, "label", interrupt)
    code, _, err = novic("label", photo, "--model", tiny_model)
    assert code == 130
    assert err == "novic: interrupted\n"


def test_a_label_is_printed_as_it_is(photo, tiny_model, monkeypatch):
    """Site nouns may hold anything that looks like markup."""
    from novic_ros.labels import Label

    odd = Labels((Label("[red]door[/red]", 0.75), Label("shelf :bug: [1]", 0.25)))
    monkeypatch.setattr(ImageLabeller, "label", lambda self, pictures: [odd])
    code, out, _ = novic("label", photo, "--model", tiny_model)
    assert code == 0
    assert "[red]door[/red]" in out
    assert "shelf :bug: [1] 25%" in " ".join(out.split())


@pytest.fixture(scope="session")
def authors_file(tmp_path_factory):
    """The tiny model's decoder as an authors' checkpoint, for vectors of the tiny encoder."""
    from tiny_model import write_tiny_decoder

    from novic_ros.decoding import export_checkpoint

    folder = tmp_path_factory.mktemp("authors")
    write_tiny_decoder(folder / "decoder", embedder_spec="openclip:nobody/nowhere")
    export_checkpoint(folder / "decoder", folder / "tiny.train")
    return folder / "tiny.train"


def test_an_authors_checkpoint_labels_pictures(authors_file, tiny_model, tmp_path, capsys):
    picture = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)).save(picture)
    given = ["--checkpoint", str(authors_file), "--embedder", f"local:{tiny_model}"]
    assert main(["label", str(picture), *given, "--json", str(tmp_path / "a.json"), "--quiet"]) == 0
    assert main(["label", str(picture), "--model", str(tiny_model), "--json", str(tmp_path / "b.json"), "--quiet"]) == 0
    theirs, ours = (json.loads((tmp_path / name).read_text())[str(picture)]["labels"] for name in ("a.json", "b.json"))
    canonical_nouns = [label["text"].lower().replace("-", " ") for label in ours]
    assert [label["text"] for label in theirs] == canonical_nouns and len(theirs) == 5
    assert capsys.readouterr().err == ""


def test_an_encoder_of_another_width_is_named(authors_file, tmp_path, capsys):
    from tiny_model import write_tiny_decoder

    from novic_ros.decoding import export_checkpoint

    write_tiny_decoder(tmp_path / "wide", width=48, embedder_spec="openclip:nobody/nowhere")
    export_checkpoint(tmp_path / "wide", tmp_path / "wide.train")
    encoder = f"local:{tmp_path / 'encoder'}"
    from tiny_model import write_tiny_encoder

    write_tiny_encoder(tmp_path / "encoder")
    assert main(["label", "x.png", "--checkpoint", str(tmp_path / "wide.train"), "--embedder", encoder]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert all(part in message for part in ("wide.train", "width 48", encoder, "width 24"))

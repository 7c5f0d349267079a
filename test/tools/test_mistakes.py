"""The tool that shows typical mistakes: its committed table and picture, and what it does with other photos."""

import numpy as np
import pytest
from PIL import Image

from novic_ros.labels import Label, Labels

MODEL = "novic_mini"


@pytest.fixture(scope="module")
def tool(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "tools"))
        import mistakes

        yield mistakes


@pytest.fixture
def says(tool, monkeypatch):
    """Let every photo be called this."""

    def says(text):
        class Labeller:
            model_name = MODEL

            def __init__(self, model):
                assert model == MODEL

            def label(self, frames):
                return [Labels((Label(text, 0.7),) if text else ())] * len(frames)

        monkeypatch.setattr(tool, "ImageLabeller", Labeller)
    return says


def table_of(folder, *photos):
    """A table of grey photos that show teapots."""
    for name in photos:
        Image.new("RGB", (40, 30), "grey").save(folder / name)
    path = folder / "table.tsv"
    path.write_text("".join(f"{folder / name}\ta teapot\tteapot,T-Pot\tbecause\n" for name in photos))
    return path


def test_the_committed_photos_are_named_wrongly_by_the_model(tool, root, tmp_path, capsys):
    code = tool.main(["--output", str(tmp_path / "a.jpg")])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    lines = out.splitlines()[2:]
    assert len(lines) == 10
    assert all(float(line.split("|")[3]) > 0 for line in lines)
    with Image.open(tmp_path / "a.jpg") as made, Image.open(root / "docs" / "mistakes.jpg") as committed:
        assert made.size == committed.size == (1600, made.height)
    assert (root / "docs" / "mistakes.jpg").stat().st_size <= 300_000


def test_every_committed_photo_has_its_credits(tool, root):
    credits = {folder: (folder / "CREDITS.md").read_text() for folder in (root / "docs/mistakes", root / "demo_photos")}
    photos = {mistake.photo for mistake in tool.read_table(root / "docs/mistakes/mistakes.tsv")}
    assert all(f"| `{photo.name}` |" in credits[photo.parent] for photo in photos)
    assert {photo for photo in photos if photo.parent.name == "mistakes"} == set((root / "docs/mistakes").glob("*.jpg"))


def test_what_is_said_is_drawn_and_printed(tool, says, tmp_path, capsys):
    says("kettle")
    table = table_of(tmp_path, "a.png", "b.png")
    assert tool.main(["--table", str(table), "--output", str(tmp_path / "out.jpg")]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[2:] == ["| a teapot | kettle | 0.70 | because |"] * 2
    assert err == ""
    assert np.asarray(Image.open(tmp_path / "out.jpg")).std() > 10  # something is drawn


@pytest.mark.parametrize("text", ["Teapot", "t pot"])
def test_a_photo_that_is_named_rightly_is_no_mistake(tool, says, tmp_path, capsys, text):
    says(text)
    assert tool.main(["--table", str(table_of(tmp_path, "a.png")), "--output", str(tmp_path / "out.jpg")]) == 1
    assert f"named rightly, so choose other photos: a.png ({text})" in capsys.readouterr().err


def test_silence_is_shown_as_such(tool, says, tmp_path, capsys):
    says("")
    assert tool.main(["--table", str(table_of(tmp_path, "a.png")), "--output", str(tmp_path / "out.jpg")]) == 0
    assert "| a teapot | nothing | | because |" in capsys.readouterr().out


@pytest.mark.parametrize(("text", "words"), [
    ("a.png\ta teapot\tteapot\n", "expected photo, what is there, right words and why in line 1"),
    ("", "expected at least one photo, found none"),
    ("nowhere.png\ta teapot\tteapot\tbecause\n", "nowhere.png"),
])
def test_faults_are_one_line(tool, says, tmp_path, capsys, text, words):
    says("kettle")
    (tmp_path / "table.tsv").write_text(text)
    assert tool.main(["--table", str(tmp_path / "table.tsv"), "--output", str(tmp_path / "out.jpg")]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out.jpg").exists()


def test_a_picture_that_fits(tool):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8))
    large, small = tool.jpeg_below(noise), tool.jpeg_below(noise, 20_000)
    assert len(small) <= 20_000 < len(large)
    with pytest.raises(ValueError, match="expected it to fit into 1000 bytes"):
        tool.jpeg_below(noise, 1000)

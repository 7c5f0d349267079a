"""The modality gap: angles and means as they were made, corrections that close it, files of ours and the authors'."""

import json
import math

import pytest
import torch

from novic_ros.training.modality_gap import GapError, ModalityGap, draw_gap, measure_gap

WIDTH, LABELS, EACH, TEMPLATES = 64, 12, 30, 5
ANGLE, IMAGE_SPREAD, TEXT_SPREAD = 70.0, 0.3, 0.5


def unit(rows):
    return torch.nn.functional.normalize(rows, dim=-1)


def made_space(seed=0):
    """Two cones ANGLE degrees apart: captions [T, L, F] around the first axis, images [B, F] around another direction;
    a label goes off its cone's axis in the same direction in both, farther in the texts."""
    random = torch.Generator().manual_seed(seed)
    axis = torch.eye(WIDTH)[0]
    other = torch.eye(WIDTH)[0] * math.cos(math.radians(ANGLE)) + torch.eye(WIDTH)[1] * math.sin(math.radians(ANGLE))
    away = torch.randn(LABELS, WIDTH, generator=random)
    away[:, :2] = 0
    away = unit(away)
    captions = axis + TEXT_SPREAD * away + 0.02 * torch.randn(TEMPLATES, LABELS, WIDTH, generator=random)
    own = torch.arange(LABELS * EACH) % LABELS
    images = other + IMAGE_SPREAD * away[own] + 0.02 * torch.randn(len(own), WIDTH, generator=random)
    return unit(images), unit(captions), own


@pytest.fixture(scope="module")
def space():
    return made_space()


@pytest.fixture(scope="module")
def gap(space):
    images, captions, own = space
    same = own[:, None] == torch.arange(LABELS)
    return measure_gap(images, captions, own, same, "local:made", {"cls_dataset": "made"})


def test_angles_are_those_of_the_pairs(space, gap):
    images, captions, own = space
    found = gap.statistics
    labels = unit(captions.mean(0).double())
    every = torch.rad2deg(torch.acos(images.double() @ labels.T))
    matching = every[torch.arange(len(own)), own]
    assert found["angle_mean"] == pytest.approx(matching.mean().item(), abs=1e-4)
    assert found["angle_std"] == pytest.approx(matching.std(correction=0).item(), abs=1e-4)
    assert found["all_angle_mean"] == pytest.approx(every.mean().item(), abs=1e-4)
    total = LABELS * EACH * LABELS
    others = (found["all_angle_mean"] * total - found["angle_mean"] * len(own)) / (total - len(own))
    assert found["other_angle_mean"] == pytest.approx(others, abs=1e-4)
    expected = (math.cos(math.radians(ANGLE)) + IMAGE_SPREAD * TEXT_SPREAD) / math.hypot(1, IMAGE_SPREAD) \
        / math.hypot(1, TEXT_SPREAD)
    assert found["angle_mean"] == pytest.approx(math.degrees(math.acos(expected)), abs=1)
    assert found["nearest_is_own"] == 1
    assert (found["images"], found["labels"]) == (len(own), LABELS)


def test_histograms_have_the_authors_form(gap):
    for name, pairs in (("angle", LABELS * EACH), ("all_angle", LABELS * EACH * LABELS),
                        ("other_angle", LABELS * EACH * (LABELS - 1))):
        histogram = gap.statistics[f"{name}_histc"]
        assert (histogram["min"], histogram["max"], histogram["bins"]) == (0, 180, 360)
        assert sum(histogram["counts"]) == pairs
        middle = sum((place + 0.5) / 2 * count for place, count in enumerate(histogram["counts"])) / pairs
        assert middle == pytest.approx(gap.statistics[f"{name}_mean"], abs=0.3)


def test_synonyms_are_no_other_labels(space):
    images, captions, own = space
    same = (own[:, None] // 2) == (torch.arange(LABELS) // 2)  # labels in pairs of synonyms
    found = measure_gap(images, captions, own, same, "local:made").statistics
    assert sum(found["other_angle_histc"]["counts"]) == LABELS * EACH * (LABELS - 2)
    assert sum(found["all_angle_histc"]["counts"]) == LABELS * EACH * LABELS


def test_mean_shift_is_images_less_their_texts(space, gap):
    images, captions, own = space
    labels = unit(captions.mean(0))
    torch.testing.assert_close(gap.mean_shift, (images - labels[own]).mean(0), atol=1e-6, rtol=0)


def angle_to_images(vectors, images, own):
    """Mean angle between captions [T, L, F] and the images of the same label."""
    centres = unit(torch.stack([images[own == label].mean(0) for label in range(LABELS)]))
    return torch.rad2deg(torch.acos((unit(vectors) * centres).sum(-1).clamp(-1, 1))).mean().item()


def test_corrections_close_the_gap(space, gap):
    images, captions, own = space
    flat = captions.flatten(0, 1)
    before = angle_to_images(captions, images, own)
    mean = gap.corrected_mean(flat)
    spread = gap.corrected_spread(flat)
    for corrected in (mean, spread):
        torch.testing.assert_close(corrected.norm(dim=-1), torch.ones(len(flat)))
        assert corrected.dtype == torch.float32
    after_mean = angle_to_images(mean.view_as(captions), images, own)
    after_spread = angle_to_images(spread.view_as(captions), images, own)
    assert before > 60
    assert after_mean < 15
    assert after_spread < after_mean - 2


def test_spread_correction_gives_the_images_mean_and_spread(space, gap):
    """Up to what making vectors unit length again changes, which is little here."""
    images, captions, own = space
    moved = gap.corrected_spread(captions[:, own].flatten(0, 1))
    torch.testing.assert_close(moved.mean(0), images.mean(0), atol=0.01, rtol=0)
    spread = (moved - moved.mean(0)).square().sum(1).mean().sqrt().item()
    assert spread == pytest.approx(gap.image_spread, rel=0.03)
    assert gap.caption_spread > 1.3 * gap.image_spread


def test_float16_vectors_stay_float16(gap, space):
    vectors = space[1].flatten(0, 1).half()
    for corrected in (gap.corrected_mean(vectors), gap.corrected_spread(vectors)):
        assert corrected.dtype == torch.float16


# ---- files -----------------------------------------------------------------------------------------------


def test_round_trip(gap, tmp_path):
    gap.write(tmp_path / "gap.json")
    read = ModalityGap.read(tmp_path / "gap.json", "local:made")
    assert read.statistics == gap.statistics
    vectors = torch.eye(WIDTH)
    assert torch.equal(read.corrected_mean(vectors), gap.corrected_mean(vectors))
    assert torch.equal(read.corrected_spread(vectors), gap.corrected_spread(vectors))


def authors_file(path, **changes):
    histogram = {"min": 0, "max": 180, "bins": 360, "counts": [0] * 360}
    path.write_text(json.dumps({
        "cfg_embedder": {"device": "cuda", "embedder_spec": "openclip:timm/ViT-B-16-SigLIP", "embedder_amp": True},
        "cfg_cls": {"cls_dataset": "ImageNet1K", "cls_split": "valid", "clip_prompts": True},
        "all_angle_mean": 92.9, "all_angle_std": 1.88, "all_angle_histc": histogram, "angle_mean": 84.8,
        "angle_std": 1.77, "angle_histc": histogram, "mean_shift": [0.5, -0.25, 0.0]} | changes))
    return path


def test_the_authors_files_have_a_mean_shift_but_no_spread(tmp_path):
    gap = ModalityGap.read(authors_file(tmp_path / "gap.json"), "openclip:timm/ViT-B-16-SigLIP")
    vectors = torch.tensor([[0.0, 1.0, 0.0]])
    torch.testing.assert_close(gap.corrected_mean(vectors), unit(torch.tensor([[0.5, 0.75, 0.0]])))
    with pytest.raises(GapError, match="spread_shift: expected the spread .*SigLIP, found none"):
        gap.corrected_spread(vectors)


def test_another_encoders_file(tmp_path):
    with pytest.raises(GapError, match="expected the modality gap of 'novic_mini', found that of 'openclip:timm/"):
        ModalityGap.read(authors_file(tmp_path / "gap.json"), "novic_mini")


@pytest.mark.parametrize("changes", [
    {"mean_shift": []}, {"mean_shift": [[1.0]]}, {"mean_shift": ["a"]}, {"mean_shift": [math.nan]},
    {"mean_shift": 3.0}, {"cfg_embedder": {}}, {"cfg_embedder": []},
    {"caption_mean": [1.0, 2.0]}, {"caption_spread": None}, {"mean_shift": None}])
def test_files_that_are_none(tmp_path, changes):
    path = authors_file(tmp_path / "gap.json", **changes)
    with pytest.raises(GapError) as error:
        ModalityGap.read(path)
    assert str(path) in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "gap.json").write_text("{")
    for path in (tmp_path / "gap.json", tmp_path / "absent.json", tmp_path):
        with pytest.raises(GapError) as error:
            ModalityGap.read(path)
        assert f"{path}: expected a measured modality gap" in str(error.value)


def test_too_little_to_measure(space):
    images, captions, own = space
    same = own[:, None] == torch.arange(LABELS)
    with pytest.raises(GapError, match="two or more different labels, got 0 with 12"):
        measure_gap(images[:0], captions, own[:0], same[:0], "spec")
    with pytest.raises(GapError, match="got 360 with 1"):
        measure_gap(images, captions[:, :1], own * 0, same[:, :1], "spec")


def test_picture(gap, tmp_path):
    pytest.importorskip("matplotlib", reason="draws the picture")
    from PIL import Image

    draw_gap(gap, tmp_path / "gap.png")
    with Image.open(tmp_path / "gap.png") as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
        assert min(picture.size) > 300
    assert len(colours) > 10


def test_picture_of_very_few_pairs(tmp_path):
    pytest.importorskip("matplotlib", reason="draws the picture")
    captions, own = torch.eye(3)[None, :2], torch.tensor([0])
    gap = measure_gap(torch.eye(3)[:1], captions, own, torch.tensor([[True, False]]), "spec")
    assert gap.statistics["angle_std"] == 0
    draw_gap(gap, tmp_path / "gap.png")
    assert (tmp_path / "gap.png").stat().st_size > 1000


def test_without_matplotlib(gap, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(GapError, match="pip install matplotlib"):
        draw_gap(gap, tmp_path / "gap.png")

"""Prompts and the nearest classes, with an encoder of made-up texts."""

import pytest
import torch

from novic_ros.evaluation.zero_shot import PROMPTS, class_vectors, nearest_classes, read_prompts


class Texts:
    """Embeds a text as (its length, how often it says "cat", 1), not of unit length."""

    def __init__(self):
        self.asked = []

    def embed_texts(self, texts):
        self.asked += texts
        return torch.tensor([[float(len(text)), 10.0 * text.count("cat"), 1.0] for text in texts])


def test_a_class_is_the_mean_of_its_prompts():
    embedder = Texts()
    vectors = class_vectors(embedder, ["cat", "dog"], ["a {}", "some {}."])
    assert embedder.asked == ["a cat", "some cat.", "a dog", "some dog."]
    mean = torch.tensor([7.0, 10.0, 1.0])
    assert torch.allclose(vectors[0], mean / mean.norm())
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2))


def test_the_nearest_classes_come_first():
    classes = torch.eye(3)
    images = torch.tensor([[0.1, 0.9, 0.2], [0.5, 0.1, 0.4]])
    assert nearest_classes(images, classes, 2) == [[1, 2], [0, 2]]
    assert nearest_classes(images, classes, 9) == [[1, 2, 0], [0, 2, 1]]


def test_published_numbers_of_prompts():
    numbers = {name: len(prompts) for name, prompts in PROMPTS.items()}
    assert numbers == {"cifar10": 18, "cifar100": 18, "food101": 1, "": 7}
    assert all(prompt.count("{}") == 1 for prompts in PROMPTS.values() for prompt in prompts)
    assert "a photo of a small {}." in PROMPTS["cifar10"] and "a blurry photo of the {}." in PROMPTS["cifar10"]


@pytest.mark.parametrize(("content", "message"), [
    ("", "at least one prompt"), ("a photo\n", "prompt 1: expected one"),
    ("a {}\n{} and {}\n", "prompt 2: expected one"), ("a {name}\n", "prompt 1"), ("a {} {0}\n", "prompt 1")])
def test_prompts_that_cannot_be_used(tmp_path, content, message):
    path = tmp_path / "prompts.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_prompts(path)


def test_prompts_from_a_file(tmp_path):
    (tmp_path / "p.txt").write_text("a {}\n\n  the {} \n")
    assert read_prompts(tmp_path / "p.txt") == ("a {}", "the {}")
    with pytest.raises(ValueError, match="No such file"):
        read_prompts(tmp_path / "none.txt")

"""Classification sets in small copies of the real layouts: which picture, which class; and damage."""

import os
import pickle

import class_set_makers as makers
import numpy as np
import pytest

from novic_ros.evaluation.class_sets import ClassSetError, read_class_set
from novic_ros.images import ImageError


def rows(found):
    return [(name, found.classes[target]) for name, target in zip(found.ids, found.targets)]


def test_a_folder_per_class(tmp_path):
    found = read_class_set(makers.folders(tmp_path, ["dog", "fire_engine"]))
    assert (found.layout, found.classes, len(found)) == ("folders", ("dog", "fire_engine"), 4)
    assert rows(found)[2:] == [("fire_engine/fire_engine_0.jpg", "fire_engine"),
                               ("fire_engine/fire_engine_1.jpg", "fire_engine")]
    assert found.read(1).shape == (8, 12, 3) and found.files == found.ids


@pytest.mark.parametrize(("below", "split"), [("val", "test"), ("valid", "test"), ("validation", "test"),
                                              ("test", "test"), ("train", "train")])
def test_folders_below_the_name_of_a_part(tmp_path, below, split):
    makers.folders(tmp_path, ["n02085936", "n07734744"], count=1, below=below, ending=".JPEG")
    makers.folders(tmp_path, ["other", "another"], below="train" if split == "test" else "val")
    found = read_class_set(tmp_path, split)
    assert found.classes == ("n02085936", "n07734744")
    assert found.ids[0] == f"{below}/n02085936/n02085936_0.JPEG"


def test_food_101(tmp_path):
    found = read_class_set(makers.food(tmp_path))
    assert (found.layout, rows(found)) == ("food101", [
        ("images/apple_pie/1.jpg", "apple_pie"), ("images/apple_pie/3.jpg", "apple_pie"),
        ("images/hot_dog/1.jpg", "hot_dog")])
    assert [name for name, _ in rows(read_class_set(tmp_path, "train"))][0] == "images/apple_pie/2.jpg"
    assert found.read(0).max() == 1


def test_tiny_imagenet(tmp_path):
    found = read_class_set(makers.tiny_imagenet(tmp_path))
    assert (found.layout, found.classes, found.targets) == ("tiny imagenet", ("n02085936", "n07734744"), (0, 1, 0))
    assert found.read(2).shape == (8, 12, 3)


def test_imagenet_from_kaggle(tmp_path):
    found = read_class_set(makers.kaggle_imagenet(tmp_path))
    assert rows(found) == [("ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000001.JPEG", "n07734744"),
                           ("ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00000002.JPEG", "n02085936")]


MAKE = {
    "pickles of Python 2": lambda root, fine: makers.cifar_pickles(root, fine=fine),
    "pickles of Python 3": lambda root, fine: makers.cifar_pickles(root, pickle.dumps, fine),
    "pickles of protocol 2": lambda root, fine: makers.cifar_pickles(root, lambda x: pickle.dumps(x, 2), fine),
    "binary files": makers.cifar_binaries,
}


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("fine", [False, True], ids=["CIFAR-10", "CIFAR-100"])
def test_cifar(tmp_path, kind, fine):
    root, images, labels = MAKE[kind](tmp_path / "set", fine)
    for place in (root, next(root.iterdir())):  # what was unpacked, and the folder that was unpacked into
        found = read_class_set(place)
        assert (found.layout, found.classes) == ("cifar100" if fine else "cifar10", ("apple", "beaver", "clock"))
        assert (list(found.targets), found.files, found.ids[3]) == (labels, (), "test/3")
        assert all(np.array_equal(found.read(row), images[row]) for row in range(5))
    assert len(read_class_set(root, "train")) == (5 if fine else 15 if kind.startswith("pickles") else 25)


def test_a_pickle_that_wants_to_run_something_runs_nothing(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    root, _, _ = makers.cifar_pickles(tmp_path / "set")
    (root / "cifar-10-batches-py" / "test_batch").write_bytes(pickle.dumps({"data": Evil(), "labels": [1]}))
    with pytest.raises(ClassSetError, match=r"test_batch: expected .* but it asks for (posix|nt)\.system"):
        read_class_set(root)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["builtins.eval", "numpy.load", "numpy.core.multiarray.fromfile",
                                  "multiarray._reconstruct", "novic_ros.cli.main.main", "os.system"])
def test_no_name_but_those_of_arrays_is_looked_up(tmp_path, name):
    module, _, attribute = name.rpartition(".")
    root, _, _ = makers.cifar_pickles(tmp_path / "set")
    (root / "cifar-10-batches-py" / "test_batch").write_bytes(f"c{module}\n{attribute}\n.".encode())
    with pytest.raises(ClassSetError, match=f"it asks for {name}, which has no place"):
        read_class_set(root)


DAMAGE = [
    (b"", "expected a batch of CIFAR"), (b"\x80\x02garbage", "expected a batch of CIFAR"),
    (pickle.dumps([1]), "expected data to be of type ndarray, found NoneType"),
    (pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": "ab"}), "labels to be of type list, found str"),
    (pickle.dumps({"data": np.zeros((2, 3071), np.uint8), "labels": [0, 1]}), r"bytes \[2, 3072\], one row a label"),
    (pickle.dumps({"data": np.zeros((1, 3072), np.float32), "labels": [0]}), "found float32"),
    (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [7]}), "expected labels below 3"),
]


@pytest.mark.parametrize(("content", "message"), DAMAGE)
def test_damaged_cifar(tmp_path, content, message):
    root, _, _ = makers.cifar_pickles(tmp_path / "set")
    (root / "cifar-10-batches-py" / "test_batch").write_bytes(content)
    with pytest.raises(ClassSetError, match=message):
        read_class_set(root)


def test_cut_cifar(tmp_path):
    root, _, _ = makers.cifar_binaries(tmp_path / "set")
    path = root / "cifar-10-batches-bin" / "test_batch.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ClassSetError, match="test_batch.bin: expected pictures of 3073 bytes each, found 15364 bytes"):
        read_class_set(root)
    (root / "cifar-10-batches-bin" / "data_batch_3.bin").unlink()
    with pytest.raises(ClassSetError, match="No such file"):
        read_class_set(root, "train")


def test_folders_that_are_no_set(tmp_path):
    with pytest.raises(ClassSetError, match="found no folder"):
        read_class_set(tmp_path / "none")
    with pytest.raises(ClassSetError, match="found pictures of 0 classes"):
        read_class_set(tmp_path)
    makers.folders(tmp_path, ["dog"])
    with pytest.raises(ClassSetError, match="found pictures of 1 classes"):
        read_class_set(tmp_path)
    with pytest.raises(ClassSetError, match="expected test or train, got 'dev'"):
        read_class_set(tmp_path, "dev")


def test_lists_that_cannot_be_used(tmp_path):
    food = makers.food(tmp_path / "food")
    (food / "meta" / "test.txt").write_text("../../etc/passwd\n")
    with pytest.raises(ClassSetError, match="expected lines of class/picture, found '../../etc/passwd'"):
        read_class_set(food)
    (food / "meta" / "test.txt").write_text("")
    with pytest.raises(ClassSetError, match="at least one picture"):
        read_class_set(food)
    tiny = makers.tiny_imagenet(tmp_path / "tiny")
    (tiny / "val" / "val_annotations.txt").write_text("val_0.JPEG n02085936\n")
    with pytest.raises(ClassSetError, match="separated by tabulators"):
        read_class_set(tiny)
    kaggle = makers.kaggle_imagenet(tmp_path / "kaggle")
    next(kaggle.rglob("*1.JPEG")).unlink()
    with pytest.raises(ClassSetError, match="1 are missing, the first is ILSVRC2012_val_00000001"):
        read_class_set(kaggle)
    (kaggle / "LOC_val_solution.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ClassSetError, match="rows of ImageId and PredictionString"):
        read_class_set(kaggle)


def test_a_listed_picture_that_is_missing_shows_when_it_is_read(tmp_path):
    found = read_class_set(makers.food(tmp_path))
    (tmp_path / found.files[0]).unlink()
    with pytest.raises(ImageError):
        found.read(0)


def test_a_sample_is_drawn_from_a_fixed_seed_and_keeps_its_order(tmp_path):
    found = read_class_set(makers.folders(tmp_path, ["cat", "dog", "van"], count=4))
    few = found.sample(5)
    assert len(few) == 5 and list(few.ids) == sorted(few.ids) and few.classes == found.classes
    assert found.sample(5).ids == few.ids != found.sample(5, seed=1).ids
    for row in range(5):
        origin = found.ids.index(few.ids[row])
        assert few.targets[row] == found.targets[origin] and np.array_equal(few.read(row), found.read(origin))
    assert found.sample(99) is found

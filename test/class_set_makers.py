"""Writes small classification sets in the layouts of the real ones; for tests. No tests."""

import io
import pickle

import numpy as np
from PIL import Image

SIDE = 32


def picture(path, grey=100, size=(12, 8)):
    """Write a plain picture, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size[1], size[0], 3), grey, np.uint8)).save(path)


def folders(root, classes, count=2, below="", ending=".jpg"):
    """A folder per class with so many pictures each."""
    for name in classes:
        for number in range(count):
            picture(root / below / name / f"{name}_{number}{ending}", 20 * number)
    return root


def food(root):
    """Food-101: pictures by class and lists of what is in which part."""
    for name in ("apple_pie", "hot_dog"):
        for number in (1, 2, 3):
            picture(root / "images" / name / f"{number}.jpg", number)
    (root / "meta").mkdir()
    (root / "meta" / "test.txt").write_text("hot_dog/1\napple_pie/3\napple_pie/1\n")
    (root / "meta" / "train.txt").write_text("hot_dog/2\nhot_dog/3\napple_pie/2\n")
    return root


def tiny_imagenet(root):
    """Tiny ImageNet: a flat folder, a table, and the words of the ids."""
    for number, name in enumerate(("n02085936", "n07734744", "n02085936")):
        picture(root / "val" / "images" / f"val_{number}.JPEG")
        with (root / "val" / "val_annotations.txt").open("a") as file:
            file.write(f"val_{number}.JPEG\t{name}\t0\t0\t31\t31\n")
    (root / "words.txt").write_text("n02085936\tMaltese dog, Maltese terrier\nn07734744\tmushroom\nn1\tother\n")
    return root


def kaggle_imagenet(root):
    """ImageNet as on Kaggle: a flat folder deep below, a solution file and the words of the ids."""
    rows = ["ImageId,PredictionString"]
    for number, name in ((1, "n07734744"), (2, "n02085936")):
        picture(root / "ILSVRC" / "Data" / "CLS-LOC" / "val" / f"ILSVRC2012_val_{number:08d}.JPEG")
        rows.append(f"ILSVRC2012_val_{number:08d},{name} 1 2 3 4 {name} 5 6 7 8")
    (root / "LOC_val_solution.csv").write_text("\n".join(rows) + "\n")
    (root / "LOC_synset_mapping.txt").write_text("n02085936 Maltese dog, Maltese terrier\nn07734744 mushroom\n")
    return root


def cifar_pixels(count, seed=0):
    """(bytes [N, 3072] as CIFAR stores them, the same as RGB [N, 32, 32, 3])."""
    images = np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
    return images.transpose(0, 3, 1, 2).reshape(count, -1), images


class OldPickler(pickle._Pickler):
    """Writes text and bytes as Python 2's `str`, and NumPy as it was then: how the real CIFAR files are."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_old(self, value):
        data = value.encode("latin-1") if isinstance(value, str) else value
        size = b"U" + bytes([len(data)]) if len(data) < 256 else b"T" + len(data).to_bytes(4, "little")
        self.write(size + data)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = save_old


def old_pickle(content):
    """Bytes of a pickle as Python 2 wrote it."""
    stream = io.BytesIO()
    OldPickler(stream, protocol=2).dump(content)
    return stream.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def cifar_pickles(root, dump=old_pickle, fine=False):
    """CIFAR-10, or with `fine` CIFAR-100, of pickles: (folder, RGB of the test part, its labels)."""
    place = root / ("cifar-100-python" if fine else "cifar-10-batches-py")
    place.mkdir(parents=True)
    stored, images = cifar_pixels(5)
    labels = [1, 0, 2, 1, 0]
    names = ["apple", "beaver", "clock"]
    if fine:
        part = {"data": stored, "fine_labels": labels, "coarse_labels": [0] * 5, "filenames": ["x"] * 5}
        files = {"test": part, "train": part, "meta": {"fine_label_names": names, "coarse_label_names": ["thing"]}}
    else:
        part = {"data": stored, "labels": labels, "batch_label": "testing batch 1 of 1"}
        files = {"test_batch": part, "batches.meta": {"label_names": names, "num_vis": 3072}}
        for count in range(1, 6):
            files[f"data_batch_{count}"] = {"data": stored[:count], "labels": labels[:count]}
    for name, content in files.items():
        (place / name).write_bytes(dump(content))
    return root, images, labels


def cifar_binaries(root, fine=False):
    """The same of binary files."""
    place = root / ("cifar-100-binary" if fine else "cifar-10-batches-bin")
    place.mkdir(parents=True)
    stored, images = cifar_pixels(5)
    labels = [1, 0, 2, 1, 0]
    rows = [bytes([9] * fine + [label]) + row.tobytes() for label, row in zip(labels, stored)]
    batches = ["test", "train"] if fine else ["test_batch", *(f"data_batch_{number}" for number in range(1, 6))]
    for name in batches:
        (place / f"{name}.bin").write_bytes(b"".join(rows))
    (place / ("fine_label_names.txt" if fine else "batches.meta.txt")).write_text("apple\nbeaver\nclock\n\n")
    return root, images, labels

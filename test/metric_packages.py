"""torchmetrics, to compare our scores with; it is a development requirement and needs torchvision to import."""

import pytest


def torchmetrics_classification():
    """`torchmetrics.functional.classification`, or a skip where it is not installed."""
    from novic_ros.embedding.torchvision_compat import ensure_importable

    ensure_importable()
    return pytest.importorskip("torchmetrics.functional.classification")

"""A camera message as RGB: by `images.py`, and by cv_bridge for raw encodings that `images.py` does not know.

cv_bridge belongs to a ROS from apt; where it is not installed, or does not fit the numpy beside it, such an encoding is
refused as before. Encodings that `images.py` knows never go through it.
"""

import functools
from typing import Any

from novic_ros import images

DEPTH = ("16uc1", "32fc1", "64fc1")  # cv_bridge cannot make colours of distances either
NOT_FOREIGN = frozenset(("", *DEPTH, *(name.lower() for name in images.SUPPORTED_ENCODINGS)))


def to_rgb(message: Any) -> Any:
    """sensor_msgs/Image or CompressedImage -> RGB uint8 [H, W, 3]. Raises images.ImageError."""
    try:
        return images.from_message(message)
    except images.ImageError as error:
        if getattr(message, "encoding", "").strip().lower() in NOT_FOREIGN:
            raise
        return _by_cv_bridge(message, error)


def _by_cv_bridge(message: Any, refused: images.ImageError) -> Any:
    """The same by cv_bridge. Raises `refused` with the reason why that did not help either."""
    bridge, missing = _bridge()
    if bridge is None:
        raise images.ImageError(f"{refused}; cv_bridge, which may know it, {missing}") from refused
    if int(message.width) * int(message.height) > images.MAX_PIXELS:
        raise images.ImageError(f"more than the {images.MAX_PIXELS} pixels accepted; scale it down") from refused
    try:
        image = bridge.imgmsg_to_cv2(message, desired_encoding="rgb8")
    except Exception as error:  # of half a dozen types, by version
        raise images.ImageError(f"{refused}; cv_bridge says: {error}") from error
    if image.ndim != 3 or image.shape[2] != 3 or str(image.dtype) != "uint8" or not image.size:
        raise images.ImageError(f"{refused}; cv_bridge makes {image.dtype} {image.shape} of it, not RGB")
    return image


@functools.cache
def _bridge() -> tuple[Any, str]:
    """(CvBridge object, "") or (None, why there is none)."""
    try:
        from cv_bridge import CvBridge

        return CvBridge(), ""
    except ModuleNotFoundError:
        return None, "is not installed"
    except Exception as error:  # built for another numpy or OpenCV
        return None, f"cannot be loaded ({type(error).__name__}: {error})"

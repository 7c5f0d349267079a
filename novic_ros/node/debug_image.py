"""A picture for people: the frame with what was said about it, drawn and published on a thread of its own.

`draw` is pure. `DebugImages` publishes, and costs the labelling nothing but the question whether anybody is looking.
It is not a measurement: pictures are left out when they come faster than they can be drawn, and scaled to a readable
size.
"""

import threading
import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import Image

from novic_ros.labels import Label, Labels, Region
from novic_ros.node.mailbox import Mailbox
from novic_ros.node.qos import camera_topic, create_publisher
from novic_ros.node.throttle import Throttle

FACE = cv2.FONT_HERSHEY_DUPLEX
SHORTEST, LONGEST = 480, 1280  # pixels of the longer side of a published picture
MOST_LINES = 5  # labels of one frame that are written out
LONGEST_ID = 8  # characters of a detection's id that are shown

INK = (17, 20, 26)
WHITE = (250, 250, 248)
SOFT = (196, 200, 206)
TRACK = (84, 88, 96)
SURE = (64, 214, 166)
UNSURE = (255, 190, 74)
GUESS = (176, 180, 188)

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels; right and bottom are outside


def score_colour(score: float) -> tuple[int, int, int]:
    """Green from one half up, amber from one fifth up, grey below. RGB."""
    return SURE if score >= 0.5 else UNSURE if score >= 0.2 else GUESS


def draw(image: np.ndarray, labels: Sequence[Labels]) -> np.ndarray:
    """A new picture with boxes around the regions and a panel about the whole frame.

    `image`: RGB uint8 [H, W, 3], left as it is; `labels`: one per region, `region=None` for the whole frame. Returns
    RGB uint8 [H, W, 3]. Below about 100 x 60 pixels little or nothing can be written.
    """
    canvas = np.array(image, order="C")
    height, width = canvas.shape[:2]
    unit = max(7, round(5 + min(height, 0.75 * width) / 48))  # height of a capital letter, in pixels
    boxes = [one for one in labels if one.region is not None]
    boxes.sort(key=lambda one: -one.region.width * one.region.height)  # small ones are drawn over large ones
    for one in boxes:
        _draw_box(canvas, one.region, _colour(one), unit)
    taken = [_draw_panel(canvas, one, unit) for one in labels if one.region is None]
    for one in reversed(boxes):  # and have the first choice of where to write
        _draw_tag(canvas, one, unit, taken)
    return canvas


def readable(image: np.ndarray, labels: Sequence[Labels]) -> tuple[np.ndarray, list[Labels]]:
    """Image and regions scaled so that the longer side has SHORTEST to LONGEST pixels; as they came if it has."""
    height, width = image.shape[:2]
    wanted = min(max(height, width, SHORTEST), LONGEST)
    if wanted == max(height, width):
        return image, list(labels)
    factor = wanted / max(height, width)
    size = (max(1, round(factor * width)), max(1, round(factor * height)))
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    moved = []
    for one in labels:
        region = one.region
        if region is not None:
            left, top = round(factor * region.x), round(factor * region.y)
            right, bottom = (
                round(factor * (region.x + region.width)),
                round(factor * (region.y + region.height)),
            )
            region = Region(left, top, max(1, right - left), max(1, bottom - top), region.id)
        moved.append(replace(one, region=region))
    return scaled, moved


class DebugImages:
    """Publishes `debug_image` of one camera while somebody subscribes. `offer` returns at once."""

    def __init__(self, node: Any, camera: str) -> None:
        """Create the lifecycle publisher and its thread; `camera` as in parameter cameras, "" for the only one."""
        self._node = node
        self._publisher = create_publisher(node, Image, camera_topic(camera, "debug_image"), 1)
        self._mailbox: Mailbox[tuple[Any, np.ndarray, Sequence[Labels]]] = Mailbox()
        self._throttle = Throttle(5.0)
        self._thread = threading.Thread(target=self._run, name=f"novic_debug_image_{camera}", daemon=True)
        self._thread.start()

    @property
    def wanted(self) -> bool:
        """Whether somebody subscribes."""
        return self._publisher is not None and self._publisher.get_subscription_count() > 0

    def offer(self, header: Any, image: np.ndarray, labels: Sequence[Labels]) -> None:
        """Hand over one frame, RGB uint8 [H, W, 3], which must not change any more. The newest wins."""
        self._mailbox.put((header, image, labels))

    def close(self) -> None:
        """Finish the picture in work and free everything. Can be called again."""
        self._mailbox.close()
        self._thread.join()
        if self._publisher is not None:
            self._node.destroy_lifecycle_publisher(self._publisher)
            self._publisher = None

    def _run(self) -> None:
        while True:
            offered = self._mailbox.take()
            if offered is None:
                return
            header, image, labels = offered
            try:
                self._publisher.publish(to_message(header, draw(*readable(image, labels))))
            except Exception as error:  # a picture for people must not harm the node
                if self._node.context.ok() and self._throttle.allow("debug image") is not None:
                    self._node.get_logger().error(f"no debug image: {type(error).__name__}: {error}")


def to_message(header: Any, image: np.ndarray) -> Image:
    """RGB uint8 [H, W, 3] as sensor_msgs/Image with the given header."""
    height, width = image.shape[:2]
    message = Image(header=header, height=height, width=width, encoding="rgb8", step=3 * width)
    data = array("B")
    data.frombytes(memoryview(np.ascontiguousarray(image)).cast("B"))
    message.data = data  # an array of this type is taken as it is; anything else is checked byte by byte
    return message


# ---- drawing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of text with its font scale and stroke, and how large it comes out in pixels."""

    text: str
    scale: float
    stroke: int
    width: int
    height: int  # of a capital letter

    @classmethod
    def of(cls, text: str, capitals: int, room: float) -> "Line":
        """`text` with capitals of so many pixels, shortened with dots to at most `room` pixels wide.

        Characters that OpenCV's own font does not have are written without their accents, or as question marks.
        """
        plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
        plain = "".join(c if " " <= c <= "~" else "?" for c in plain)
        scale = capitals / cv2.getTextSize("H", FACE, 1.0, 1)[0][1]
        stroke = max(1, round(capitals / 22))

        def measure(candidate: str) -> int:
            return cv2.getTextSize(candidate, FACE, scale, stroke)[0][0]

        written = plain
        if measure(written) > room:
            keep, lost = 0, len(plain)  # so many characters and dots fit; so many do not
            while lost - keep > 1:
                middle = (keep + lost) // 2
                keep, lost = (middle, lost) if measure(f"{plain[:middle]}..") <= room else (keep, middle)
            written = f"{plain[:keep].rstrip()}.." if keep else ""
        return cls(written, scale, stroke, measure(written) if written else 0, capitals)

    def write(self, canvas: np.ndarray, left: float, baseline: float, colour: tuple[int, int, int]) -> None:
        """Write it on `canvas`, RGB uint8 [H, W, 3]."""
        if self.text:
            at = (round(left), round(baseline))
            cv2.putText(canvas, self.text, at, FACE, self.scale, colour, self.stroke, cv2.LINE_AA)


def _percent(label: Label) -> str:
    percent = round(100 * label.score)
    return "<1 %" if percent == 0 else ">99 %" if percent == 100 and label.score < 1 else f"{percent} %"


def _colour(labels: Labels) -> tuple[int, int, int]:
    return score_colour(labels.best.score) if labels.best else GUESS


def _shade(canvas: np.ndarray, box: Box, colour: tuple[int, int, int], opacity: float, radius: int) -> None:
    """Blend a rectangle with round corners into `canvas`."""
    left, top, right, bottom = box
    inside = canvas[top:bottom, left:right]
    height, width = inside.shape[:2]
    radius = max(0, min(radius, (height - 1) // 2, (width - 1) // 2))
    blended = cv2.addWeighted(inside, 1 - opacity, np.full_like(inside, colour), opacity, 0)
    mask = np.zeros((height, width), np.uint8)
    cv2.rectangle(mask, (radius, 0), (width - 1 - radius, height - 1), 255, -1)
    cv2.rectangle(mask, (0, radius), (width - 1, height - 1 - radius), 255, -1)
    for x in (radius, width - 1 - radius):
        for y in (radius, height - 1 - radius):
            cv2.circle(mask, (x, y), radius, 255, -1, cv2.LINE_AA)
    share = mask[..., None].astype(np.uint16)
    inside[:] = ((blended * share + inside * (255 - share)) // 255).astype(np.uint8)


def _draw_panel(canvas: np.ndarray, labels: Labels, unit: int) -> Box:
    """The labels of the whole frame, on a dark panel in the lower left corner. Returns the panel's box."""
    height, width = canvas.shape[:2]
    gap = max(2, round(0.75 * unit))  # around the panel and within it
    large, small = round(1.3 * unit), unit
    room = width - 4 * gap
    pitch = round(2.0 * small)
    first = gap + large + gap  # down to the end of the first line's bar
    lines = max(0, min(MOST_LINES - 1, len(labels.labels) - 1, (height // 2 - first - gap) // pitch))
    if room < 4 * large or height < first + 2 * gap:
        return (0, 0, 0, 0)
    said = labels.labels[: 1 + lines] or (None,)
    entries = []
    for number, label in enumerate(said):
        size = large if number == 0 else small
        percent = Line.of(_percent(label) if label else "", size, room)
        text = label.text if label else "no label"
        entries.append((label, Line.of(text, size, room - percent.width - 2 * gap), percent))
    inner = max(text.width + percent.width for _, text, percent in entries) + 2 * gap
    inner = min(room, max(inner, 11 * unit))
    deep = round(first + lines * pitch + (0.6 * gap if lines else 0.9 * gap))
    box = (gap, height - gap - deep, 3 * gap + inner, height - gap)
    _shade(canvas, box, INK, 0.8, unit)
    left, right = box[0] + gap, box[2] - gap
    for number, (label, text, percent) in enumerate(entries):
        baseline = box[1] + gap + large if number == 0 else box[1] + first + number * pitch - 0.15 * pitch
        text.write(canvas, left, baseline, (WHITE if number == 0 else SOFT) if label else GUESS)
        if label:
            colour = score_colour(label.score)
            percent.write(canvas, right - percent.width, baseline, colour if number == 0 else SOFT)
            if number == 0:
                thick = max(2, round(unit / 5))
                top = round(baseline + 0.55 * gap)
                cv2.rectangle(canvas, (left, top), (right - 1, top + thick - 1), TRACK, -1)
                filled = round((right - left) * label.score)
                if filled:
                    cv2.rectangle(canvas, (left, top), (left + filled - 1, top + thick - 1), colour, -1)
    return box


def _draw_box(canvas: np.ndarray, region: Region, colour: tuple[int, int, int], unit: int) -> None:
    """An outline in `colour` with a thin dark rim, so that it is seen on any ground."""
    thick = max(1, round(unit / 7))
    height, width = canvas.shape[:2]
    edge = 2 * thick  # what lies farther outside is not seen, and OpenCV knows no numbers above 2^31
    corners = (
        (max(-edge, min(region.x, width + edge)), max(-edge, min(region.y, height + edge))),
        (
            max(-edge, min(region.x + region.width - 1, width + edge)),
            max(-edge, min(region.y + region.height - 1, height + edge)),
        ),
    )
    cv2.rectangle(canvas, *corners, INK, thick + 2)
    cv2.rectangle(canvas, *corners, colour, thick)


def _draw_tag(canvas: np.ndarray, labels: Labels, unit: int, taken: list[Box]) -> None:
    """The best label of a region beside its box, where nothing is written yet; else nothing."""
    region, best = labels.region, labels.best
    if best is None:
        return
    height, width = canvas.shape[:2]
    pad = max(2, round(0.45 * unit))
    percent = Line.of(_percent(best), unit, width)
    named = f"{region.id} " if 0 < len(region.id) <= LONGEST_ID else ""
    text = Line.of(named + best.text, unit, width - percent.width - 5 * pad)
    if not text.text:
        return
    wide, deep = text.width + percent.width + 4 * pad, unit + 2 * pad
    left = min(max(0, region.x), width - wide)
    above, below = region.y - deep, region.y + region.height
    for top in (above, region.y, below, below - deep):  # above, inside, below, inside at the bottom
        box = (left, top, left + wide, top + deep)
        if top >= 0 and top + deep <= height and not any(_overlap(box, other) for other in taken):
            break
    else:
        return
    taken.append(box)
    _shade(canvas, box, _colour(labels), 0.92, pad)
    baseline = top + pad + unit
    text.write(canvas, left + pad, baseline, INK)
    percent.write(canvas, left + wide - pad - percent.width, baseline, INK)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]

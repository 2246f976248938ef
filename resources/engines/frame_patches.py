"""Changing a part of a video frame and leaving the rest as it is, bit by bit.

A frame that goes through RGB comes back a little different everywhere. Here only the patched pixels do: the frame stays
4:2:0, BT.709, limited range (what `VideoWriter` writes), and a region of it is lent out as RGB and put back.
"""

import cv2
import numpy as np
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from resources.video_files import Picture

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1, ends exclusive."""

_KR, _KB = 0.2126, 0.0722
_KG = 1 - _KR - _KB
_TO_YUV = np.array([
    [_KR * 219 / 255, _KG * 219 / 255, _KB * 219 / 255, 16.0],
    [-_KR / (1 - _KB) * 112 / 255, -_KG / (1 - _KB) * 112 / 255, 112 / 255, 128.0],
    [112 / 255, -_KG / (1 - _KR) * 112 / 255, -_KB / (1 - _KR) * 112 / 255, 128.0],
], dtype=np.float64)  # fmt: skip
_TO_RGB = np.linalg.inv(_TO_YUV[:, :3])
_TO_RGB = np.concatenate([_TO_RGB, -_TO_RGB @ _TO_YUV[:, 3:]], axis=1)


class Patchable:
    """A copy of a decoded frame whose regions can be read and written. The decoder's own picture is never touched."""

    def __init__(self, frame: VideoFrame) -> None:
        self.width, self.height = frame.width, frame.height
        self._planes = np.asarray(
            in_working_format(frame).to_ndarray(), np.uint8
        )  # rows of Y, then U and V packed below
        self._y = self._planes[: self.height]
        half = (self.height // 2, self.width // 2)
        chroma = self._planes[self.height :].reshape(2, *half)
        self._u, self._v = chroma[0], chroma[1]

    def region(self, box: Box) -> Picture:
        """The pixels of a box of even numbers as RGB."""
        x0, y0, x1, y1 = box
        chroma = np.stack([plane[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] for plane in (self._u, self._v)], axis=2)
        wide = cv2.resize(chroma, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
        yuv = np.concatenate([self._y[y0:y1, x0:x1, None], wide], axis=2)
        return np.asarray(cv2.transform(yuv, _TO_RGB), np.uint8)

    def put(self, picture: Picture, changed: NDArray[np.bool_], box: Box) -> None:
        """Write a region's changed pixels back; a 2 x 2 block gets a new colour where one of its pixels changed."""
        x0, y0, x1, y1 = box
        yuv = np.asarray(cv2.transform(picture, _TO_YUV), np.uint8)
        np.copyto(self._y[y0:y1, x0:x1], yuv[..., 0], where=changed)
        small = cv2.resize(yuv, ((x1 - x0) // 2, (y1 - y0) // 2), interpolation=cv2.INTER_AREA)
        blocks = changed.reshape((y1 - y0) // 2, 2, (x1 - x0) // 2, 2).any(axis=(1, 3))
        for plane, channel in ((self._u, 1), (self._v, 2)):
            np.copyto(plane[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2], small[..., channel], where=blocks)

    def frame(self) -> VideoFrame:
        """The patched frame."""
        return _said(VideoFrame.from_ndarray(self._planes, format="yuv420p"))


def in_working_format(frame: VideoFrame) -> VideoFrame:
    """The frame in 4:2:0, BT.709, limited range; itself where it is so already. Its size must be even."""
    # One that does not say its colours is BT.709 from 720 lines on, as `video_files.as_picture` takes it.
    space = frame.colorspace if frame.colorspace in (1, 5, 6) else (1 if frame.height >= 720 else 5)
    working = frame.reformat(
        frame.width, frame.height, "yuv420p", src_colorspace=Colorspace.ITU709 if space == 1 else Colorspace.ITU601,
        dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG,
    )  # fmt: skip
    return _said(working)


def _said(frame: VideoFrame) -> VideoFrame:
    """With its colours named, and without the key frames of the file it came from."""
    frame.colorspace, frame.color_range = 1, 1
    frame.pict_type = PictureType.NONE
    return frame


def even_box(box: Box, width: int, height: int) -> Box:
    """The box grown to even numbers, inside a picture of this even size."""
    x0, y0, x1, y1 = box
    return max(0, x0 & ~1), max(0, y0 & ~1), min(width, (x1 + 1) & ~1), min(height, (y1 + 1) & ~1)

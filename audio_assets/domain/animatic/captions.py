"""Words in the picture: the line that is sung, word by word, and the card that says which scene this is."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from audio_assets.domain import lettering
from audio_assets.domain.animatic.affine import Affine
from audio_assets.domain.animatic.moments import Moment, line_at
from audio_assets.domain.animatic.palettes import Palette, mixed
from audio_assets.domain.animatic.planes import Planes, Rgb, Sprite, sprite_of
from audio_assets.domain.shot import Guide, GuideWord

_SIZE_OF_UNIT, _CARD_OF_UNIT = 0.062, 0.03
_FADE_FRAMES = 5


@dataclass(frozen=True, slots=True)
class _Word:
    """A word's two looks, about the middle of its box, and where that is."""

    word: GuideWord
    waiting: Sprite
    sung: Sprite
    x: float
    y: float


class Captions:
    """All captions of a shot; `missing` are the letters that the font lacks."""

    def __init__(self, guide: Guide, width: int, height: int, palette: Palette, n_frames: int) -> None:
        self._guide, self._width, self._height = guide, width, height
        self._n_frames = n_frames
        self._missing: dict[str, None] = {}
        self._light = mixed(palette.glow, (255, 255, 255), 0.6)
        self._warm = mixed(palette.lamp, palette.glow, 0.2)
        self._lines = self._set_lyrics() if guide.shows_lyrics else {}
        self._card = self._set_card(palette) if guide.shows_card else None

    @property
    def missing(self) -> tuple[str, ...]:
        """Letters that were left out."""
        return tuple(self._missing)

    def draw(self, frame: Planes, m: Moment) -> None:
        """Lay what is due over a frame."""
        if self._card is not None:
            shown = min(1.0, (m.frame + 1) / _FADE_FRAMES)
            frame.lay(self._card, Affine(), shown)
        number = line_at(self._guide, m.frame) if self._lines else None
        for word in self._lines.get(number, ()) if number is not None else ():
            is_sung = m.frame >= word.word.start_frame
            since = m.frame - word.word.start_frame
            pop = 1.0 + (0.09 * max(0.0, 1.0 - since / 7) if is_sung and m.frame < word.word.end_frame + 4 else 0.0)
            frame.lay(word.sung if is_sung else word.waiting, Affine(pop, 0.0, word.x, 0.0, pop, word.y))

    def _plain(self, text: str) -> str:
        found = lettering.drawable(text)
        self._missing.update(dict.fromkeys(found.missing))
        return found.text

    def _set_lyrics(self) -> dict[int, tuple[_Word, ...]]:
        lines: dict[int, list[GuideWord]] = {}
        for word in self._guide.words:
            lines.setdefault(word.line, []).append(word)
        return {number: self._set_line(words) for number, words in lines.items()}

    def _set_line(self, words: Sequence[GuideWord]) -> tuple[_Word, ...]:
        """Centred in the lower third, smaller where the line is long, on two rows where it must be."""
        size = max(9, round(_SIZE_OF_UNIT * min(self._width, self._height)))
        texts = [(word, plain) for word in words if (plain := self._plain(word.text))]
        rows = _rows(texts, size, round(0.84 * self._width))
        while len(rows) > 2 and size > 9:
            size = max(9, round(size * 0.88))
            rows = _rows(texts, size, round(0.84 * self._width))
        placed: list[_Word] = []
        blank = lettering.blank_px(size, lettering.BOLD)
        for number, row in enumerate(rows):
            widths = [lettering.advance_px(plain, size, lettering.BOLD) for _, plain in row]
            x = (self._width - sum(widths) - blank * (len(row) - 1)) / 2
            y = 0.9 * self._height - 1.25 * size * (len(rows) - 1 - number)
            for (word, plain), wide in zip(row, widths, strict=True):
                waiting, sung = _inked(plain, size, self._light, 0.62), _inked(plain, size, self._warm, 1.0)
                placed.append(_Word(word, waiting, sung, x + wide / 2, y))
                x += wide + blank
        return tuple(placed)

    def _set_card(self, palette: Palette) -> Sprite:
        guide = self._guide
        size = max(8, round(_CARD_OF_UNIT * min(self._width, self._height)))
        section = guide.section or guide.section_type
        rows = [(" · ".join(part for part in (guide.scene_id, section, guide.scene_type) if part), lettering.BOLD),
                (" — ".join(part for part in (guide.title, guide.artist) if part), lettering.REGULAR),
                (guide.mood, lettering.LIGHT)]  # fmt: skip
        longest = round(0.6 * self._width)
        inks = [
            lettering.coverage(lettering.wrapped(plain, longest, size, weight)[0], size, weight)
            for text, weight in rows if (plain := self._plain(text))
        ]  # fmt: skip
        pad, step = round(0.9 * size), round(1.36 * size)
        wide = max((ink.shape[1] for ink in inks), default=size) + 2 * pad
        high = step * len(inks) + 2 * pad
        rgb = np.empty((high, wide, 3), np.uint8)
        rgb[:] = mixed(palette.ink, (0, 0, 0), 0.3)
        alpha = np.full((high, wide), 150, np.uint8)
        rgb[:, : max(2, size // 6)], alpha[:, : max(2, size // 6)] = palette.accent, 255
        for number, ink in enumerate(inks):
            top = pad + number * step - round(0.2 * size)
            share = ink[:, :, None].astype(np.float64) / 255
            part = rgb[top : top + ink.shape[0], pad : pad + ink.shape[1]]
            share = share[: part.shape[0]]
            part[:] = np.round(part + share * (np.asarray(self._light) - part.astype(np.float64)))
            own = alpha[top : top + ink.shape[0], pad : pad + ink.shape[1]]
            np.maximum(own, ink[: own.shape[0]], out=own)
        margin = 0.05 * min(self._width, self._height)
        return sprite_of(rgb, alpha, margin, margin)


def _rows(texts: Sequence[tuple[GuideWord, str]], size: int, width_px: int) -> list[list[tuple[GuideWord, str]]]:
    """The words in the rows that `lettering.wrapped` breaks them into."""
    broken = lettering.wrapped(
        " ".join(plain.replace(" ", "\u2009") for _, plain in texts), width_px, size, lettering.BOLD
    )
    rows, left = [], list(texts)
    for row in broken:
        count = len(row.split(" "))
        rows.append(left[:count])
        left = left[count:]
    return rows


def _inked(text: str, size: int, colour: Rgb, strength: float) -> Sprite:
    """A word with a soft dark rim, about the middle of its box."""
    rim = max(2, round(0.09 * size))
    ink = lettering.coverage(text, size, lettering.BOLD)
    shade = cv2.GaussianBlur(lettering.outline(ink, 2 * rim), (0, 0), 0.8 * rim).astype(np.float64) / 255
    face = (
        cv2.copyMakeBorder(ink, 2 * rim, 2 * rim, 2 * rim, 2 * rim, cv2.BORDER_CONSTANT, value=0).astype(np.float64)
        / 255
    )
    face *= strength
    alpha = face + (1.0 - face) * np.minimum(1.0, shade * 0.72)
    rgb = face[..., None] / np.maximum(alpha, 1e-6)[..., None] * np.asarray(colour, np.float64)
    rows, columns = alpha.shape
    return sprite_of(
        np.round(rgb).astype(np.uint8), np.round(alpha * 255).astype(np.uint8), -columns / 2, -rows / 2
    )  # fmt: skip

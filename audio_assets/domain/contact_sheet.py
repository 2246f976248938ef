"""The contact sheet of a song: all scenes with their takes, what each is worth, and which one is in the film.

Plain values and small pictures in, bytes out; nothing is decoded, scored or chosen here.
- `contact_sheet`: a JPEG for a page, `WIDTH_PX` wide. Scenes follow one another in lines, each with its takes side by
  side; the more there are, the smaller.
- `contact_strip`: a PNG of at most `picture_card.MAX_BYTES` for an event's metadata: the scenes along the song's time,
  a lane for each take, its picture in blocks.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from audio_assets.domain.ipa_text import plain_text
from audio_assets.domain.lettering import BOLD, REGULAR, advance_px, baseline_px, coverage, drawable
from audio_assets.domain.money_text import dollars
from audio_assets.domain.picture_card import BLUE, CARD, GOLD, GRID, MAX_BYTES, MUTED, TEXT, Card, Colour, Detail
from audio_assets.domain.picture_card import Frame as CardFrame
from audio_assets.domain.take_review import HIGHEST_USER_SCORE
from audio_assets.domain.take_scores import CONSISTENCY, MOUTH, QUALITY

Picture = NDArray[np.uint8]
"""Shape (height, width, 3), RGB."""

WIDTH_PX = 1600
JPEG_QUALITY = 88
MOST_HEIGHT_PX = 32_000
"""The sheet's limit: what is below is left out, and counted; a JPEG ends at 65,535."""

PERFORMANCE: Colour = (240, 112, 148)
B_ROLL: Colour = (84, 132, 160)
_PANEL: Colour = (31, 36, 45)
_GREEN: Colour = (104, 200, 128)
_PURPLE: Colour = (178, 128, 240)
_BARS: Mapping[str, tuple[str, Colour]] = {
    QUALITY: ("quality", BLUE),
    CONSISTENCY: ("likeness", _GREEN),
    MOUTH: ("mouth", _PURPLE),
}
_LEGEND = (("performance", PERFORMANCE), ("b-roll", B_ROLL), *_BARS.values(), ("people", GOLD))
_MARGIN, _GAP, _HEAD, _PAD = 32, 16, 104, 12
_FOOT_PX = 24
# Columns of takes over the width, and how high a sheet may become before its tiles shrink to the next.
_GRIDS = ((4, 2_400), (6, 12_000), (8, 16_000), (12, MOST_HEIGHT_PX))


@dataclass(frozen=True, slots=True)
class SheetTake:
    """A take as it is shown. `scores` are by their names in `take_scores`, None for what could not be measured.

    `note` says more of it in a word or two ("remix of t01"). `chosen_by` is who chose it, "" where the rule did.
    """

    id: str
    picture: Picture | None
    scores: Mapping[str, float | None] = field(default_factory=dict)
    user_score: float | None = None
    cost_usd: float = 0.0
    is_selected: bool = False
    chosen_by: str = ""
    is_current: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class SheetScene:
    """A scene as it is shown: where it lies in the song, in seconds, and its takes in their order."""

    id: str
    start_s: float
    end_s: float
    scene_type: Literal["performance", "broll"]
    section: str = ""
    takes: tuple[SheetTake, ...] = ()


def contact_sheet(title: str, scenes: Sequence[SheetScene]) -> bytes:
    """Return the sheet as JPEG bytes, the same for the same values."""
    grid = _grid(scenes)
    lines = _lines(scenes, grid)
    heights = [max(grid.scene_height(scene) for scene in line) for line in lines]
    fitting, used = 0, _HEAD + _MARGIN + _FOOT_PX
    while fitting < len(lines) and used + heights[fitting] + _GAP <= MOST_HEIGHT_PX:
        used += heights[fitting] + _GAP
        fitting += 1
    left_out = sum(len(line) for line in lines[fitting:])
    sheet = np.empty((used, WIDTH_PX, 3), np.uint8)
    sheet[:] = CARD
    _head(sheet, title, scenes)
    top = _HEAD
    for line, height in zip(lines[:fitting], heights[:fitting], strict=True):
        for column, scene in enumerate(line):
            _draw_scene(sheet, scene, _MARGIN + column * (grid.scene_px + _GAP), top, height, grid)
        top += height + _GAP
    if left_out:
        _write(sheet, f"{left_out} more scenes are left out", _MARGIN, top, 16, MUTED)
    target = io.BytesIO()
    Image.fromarray(sheet).save(target, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return target.getvalue()


# --- Where things stand --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Grid:
    """`n_takes` columns in a scene, scenes of `scene_px`, tiles of `tile_px` with pictures `picture_px` high."""

    n_takes: int
    n_scenes: int
    scene_px: int
    tile_px: int
    picture_px: int

    @property
    def text_px(self) -> int:
        return 15 if self.tile_px >= 300 else 13 if self.tile_px >= 170 else 11

    @property
    def row_px(self) -> int:
        return round(self.text_px * 1.35)

    @property
    def tile_height(self) -> int:
        return self.picture_px + 6 + self.row_px * 5

    def scene_height(self, scene: SheetScene) -> int:
        n_lines = max(1, -(-len(scene.takes) // self.n_takes))
        return 2 * _PAD + self.text_px + 14 + n_lines * self.tile_height + (n_lines - 1) * _PAD


def _grid(scenes: Sequence[SheetScene]) -> _Grid:
    """The largest tiles with which the sheet keeps to its height."""
    shape = next((t.picture.shape for s in scenes for t in s.takes if t.picture is not None), (9, 16, 3))
    widest = max((len(scene.takes) for scene in scenes), default=1)
    grid = None
    for n_columns, most_px in _GRIDS:
        n_takes = min(max(1, widest), n_columns)
        n_scenes = max(1, n_columns // n_takes)
        scene_px = (WIDTH_PX - 2 * _MARGIN - (n_scenes - 1) * _GAP) // n_scenes
        tile_px = (scene_px - 2 * _PAD - (n_takes - 1) * _PAD) // n_takes
        picture_px = min(round(tile_px * shape[0] / shape[1]), round(tile_px * 1.25))
        grid = _Grid(n_takes, n_scenes, scene_px, tile_px, picture_px)
        lines = _lines(scenes, grid)
        if sum(max(grid.scene_height(scene) for scene in line) + _GAP for line in lines) <= most_px:
            break
    assert grid is not None  # noqa: S101 - there is at least one grid
    return grid


def _lines(scenes: Sequence[SheetScene], grid: _Grid) -> list[Sequence[SheetScene]]:
    return [scenes[first : first + grid.n_scenes] for first in range(0, len(scenes), grid.n_scenes)]


# --- What is drawn -------------------------------------------------------------------------------------------------


def _head(sheet: Picture, title: str, scenes: Sequence[SheetScene]) -> None:
    takes = [take for scene in scenes for take in scene.takes]
    by_people = sum(take.is_selected and bool(take.chosen_by) for take in takes)
    by_rule = sum(take.is_selected for take in takes) - by_people
    facts = [_counted(len(scenes), "scene"), _counted(len(takes), "take"), f"{by_people} chosen by people",
             f"{by_rule} by the rule", dollars(sum(take.cost_usd for take in takes))]  # fmt: skip
    _write(sheet, title, _MARGIN, 16, 30, TEXT, BOLD, room=1100)
    _write(sheet, " · ".join(facts), _MARGIN, 60, 16, MUTED)
    x = WIDTH_PX - _MARGIN
    for label, colour in reversed(_LEGEND):
        x -= advance_px(label, 14)
        _write(sheet, label, x, 62, 14, MUTED)
        x -= 18
        _box(sheet, x, 68, 12, 12, colour)
        x -= 16


def _draw_scene(sheet: Picture, scene: SheetScene, left: int, top: int, height: int, grid: _Grid) -> None:
    is_performance = scene.scene_type == "performance"
    colour = PERFORMANCE if is_performance else B_ROLL
    _box(sheet, left, top, grid.scene_px, height, _PANEL)
    _box(sheet, left, top, 4, height, colour)
    size, y, end = grid.text_px + 2, top + 6, left + grid.scene_px - _PAD
    x = _write(sheet, scene.id, left + _PAD, y, size, TEXT, BOLD) + 10
    times = f"{_clock(scene.start_s)}–{_clock(scene.end_s)}"
    x = _write(sheet, times, x, y + 1, grid.text_px, MUTED, room=end - x) + 10
    name = "performance" if is_performance else "b-roll"
    words = [(name, colour), (scene.section, MUTED)] if grid.scene_px >= 320 else [(scene.section or name, colour)]
    for word, ink in words:
        x = _write(sheet, word, x, y + 1, grid.text_px, ink, room=end - x) + 10
    first = y + grid.text_px + 14 + _PAD // 2
    for number, take in enumerate(scene.takes):
        line, column = divmod(number, grid.n_takes)
        x = left + _PAD + column * (grid.tile_px + _PAD)
        _draw_take(sheet, take, x, first + line * (grid.tile_height + _PAD), grid)
    if not scene.takes:
        _write(sheet, "no take yet", left + _PAD, first, grid.text_px, MUTED)


def _draw_take(sheet: Picture, take: SheetTake, x: int, y: int, grid: _Grid) -> None:
    width, height = grid.tile_px, grid.picture_px
    if take.is_selected:
        _box(sheet, x - 4, y - 4, width + 8, height + 8, GOLD)
    sheet[y : y + height, x : x + width] = _picture(take, width, height)
    if take.picture is None:
        _write(sheet, "no picture", x + 8, y + height // 2 - grid.text_px, grid.text_px, MUTED)
    size, row = grid.text_px, grid.row_px
    if take.is_selected:
        _tag(sheet, x, y + height, f"✓ {take.chosen_by or 'by the rule'}", size, width)
    elif not take.is_current:
        _write(sheet, "earlier prompt", x + 6, y + 2, size, TEXT, room=width - 12)
    y += height + 4
    cost = dollars(take.cost_usd) if take.cost_usd else ""
    cost_px = advance_px(cost, size)
    after = _write(sheet, take.id, x, y, size, GOLD if take.is_selected else TEXT, BOLD)
    _write(sheet, cost, x + width - cost_px - 2, y, size, MUTED)
    _write(sheet, take.note, after + 6, y, size, MUTED, room=x + width - cost_px - 10 - after - 6)
    for name, (label, colour) in _BARS.items():
        y += row
        value = take.scores.get(name)
        _bar(sheet, label, "–" if value is None else f"{value:.2f}", value, colour, x, y, grid)
    y += row
    user = None if take.user_score is None else take.user_score / HIGHEST_USER_SCORE
    _bar(sheet, "people", "–" if take.user_score is None else f"{take.user_score:.1f}", user, GOLD, x, y, grid)


def _picture(take: SheetTake, width: int, height: int) -> Picture:
    """The take's picture in its tile, with bars where it has another form; dimmed where its prompt is past."""
    tile = np.full((height, width, 3), GRID, np.uint8)
    if take.picture is None:
        return tile
    scale = min(width / take.picture.shape[1], height / take.picture.shape[0])
    size = (max(1, round(take.picture.shape[1] * scale)), max(1, round(take.picture.shape[0] * scale)))
    small = cv2.resize(take.picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = small
    return tile if take.is_current else np.asarray(tile * 0.4, np.uint8)


def _bar(
    sheet: Picture, label: str, figure: str, share: float | None, colour: Colour, x: int, y: int, grid: _Grid
) -> None:
    """A label, a track filled by a share, a figure; an empty outline where nothing was measured."""
    size = grid.text_px
    label_px = advance_px("likeness", size) + 8 if grid.tile_px >= 170 else 0
    figure_px = advance_px("0.00", size) + 8
    thick = max(4, size // 2 - 1)
    middle = y + baseline_px(size) - round(size * 0.36) - thick // 2
    left, width = x + label_px, grid.tile_px - label_px - figure_px
    if label_px:
        _write(sheet, label, x, y, size, MUTED)
    _box(sheet, left, middle, width, thick, GRID)
    if share is None:
        _box(sheet, left + 1, middle + 1, width - 2, thick - 2, _PANEL)
    else:
        _box(sheet, left, middle, round(min(max(share, 0.0), 1.0) * width), thick, colour)
    _write(sheet, figure, x + grid.tile_px - advance_px(figure, size) - 2, y, size, MUTED if share is None else TEXT)


def _tag(sheet: Picture, x: int, bottom: int, text: str, size: int, room: int) -> None:
    text = _fitted(text, size, BOLD, room - 12)
    height = round(size * 1.5)
    _box(sheet, x, bottom - height, advance_px(text, size, BOLD) + 12, height, GOLD)
    _write(sheet, text, x + 6, bottom - height, size, CARD, BOLD)


def _write(
    sheet: Picture, text: str, x: int, y: int, size: int, ink: Colour, weight: int = REGULAR, *, room: int = WIDTH_PX
) -> int:
    """Write `text`, cut to `room`, with the top of its line at `y`; return where it ends."""
    text = _fitted(drawable(text).text, size, weight, room)
    if not text:
        return x
    covered = coverage(text, size, weight)[: sheet.shape[0] - y, 3:][:, : sheet.shape[1] - x]
    field_ = sheet[y : y + covered.shape[0], x : x + covered.shape[1]]
    share = covered[:, :, None] / 255
    field_[:] = np.round(field_ * (1 - share) + np.array(ink) * share).astype(np.uint8)
    return x + advance_px(text, size, weight)


def _fitted(text: str, size: int, weight: int, room: int) -> str:
    """`text`, shortened with an ellipsis to at most `room` pixels; nothing where that leaves no letter."""
    if advance_px(text, size, weight) <= room:
        return text
    while text and advance_px(text + "…", size, weight) > room:
        text = text[:-1].rstrip()
    return text + "…" if text else ""


def _box(sheet: Picture, x: int, y: int, width: int, height: int, colour: Colour) -> None:
    sheet[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = colour


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _clock(t_s: float) -> str:
    minutes, tenths = divmod(round(t_s * 10), 600)
    return f"{minutes}:{tenths // 10:02d}" + (f".{tenths % 10}" if tenths % 10 else "")


# --- The small one -------------------------------------------------------------------------------------------------

_STRIP = CardFrame(640, 30, 6, 4, 10, 8, 2)
_STRIP_DETAILS = ((2, 16), (3, 16), (4, 14), (6, 14), (8, 12), (10, 10), (14, 8), (20, 8), (40, 6), (1000, 4))
"""The width of a block of colour in pixels, and how many colours there are; the last fits whatever comes."""
_MOST_LANES = 6


def contact_strip(scenes: Sequence[SheetScene], duration_s: float) -> bytes:
    """Return the scenes along the song as PNG bytes: a lane for each take, those in the film bright and underlined."""
    n_lanes = min(max((len(scene.takes) for scene in scenes), default=1) or 1, _MOST_LANES)
    lane_px = {1: 56, 2: 40, 3: 30}.get(n_lanes, 24)
    small = [replace(scene, takes=tuple(_shrunk(take, lane_px) for take in scene.takes)) for scene in scenes]
    picture = b""
    for block_px, n_colours in _STRIP_DETAILS:
        picture = _strip(small, max(duration_s, 1e-3), n_lanes, lane_px, block_px, n_colours)
        if len(picture) <= MAX_BYTES:
            break
    return picture


def _strip(
    scenes: Sequence[SheetScene], duration_s: float, n_lanes: int, lane_px: int, block_px: int, n_colours: int
) -> bytes:
    top = 12
    axis_y = top + n_lanes * (lane_px + 4)
    card = Card(axis_y + 14, duration_s, axis_y, Detail(1, 1, 3), _STRIP)
    for lane in range(n_lanes):
        name = plain_text(f"t{lane + 1:02d}", 10)
        card.text(_STRIP.left_px - 4 - name.shape[1], top + lane * (lane_px + 4) + lane_px // 2 - 7, name, MUTED)
    tiles: list[tuple[SheetScene, int, int, SheetTake]] = []
    for scene in scenes:
        left = card.x(scene.start_s)
        width = max(1, card.x(scene.end_s) - left - 1)
        card.fill(4, left, 5, width, PERFORMANCE if scene.scene_type == "performance" else B_ROLL)
        takes = enumerate(_shown(scene.takes, n_lanes))
        tiles += [(scene, top + lane * (lane_px + 4), width, take) for lane, take in takes]
    mosaics = _in_few_colours([_mosaic(take, width, lane_px, block_px) for *_, width, take in tiles], n_colours)
    for (scene, y, width, take), mosaic in zip(tiles, mosaics, strict=True):
        blocks = mosaic.repeat(block_px, axis=0).repeat(block_px, axis=1)[:lane_px, :width]
        card.image(y, scene.start_s, blocks)
        if take.is_selected:
            card.fill(y + lane_px, card.x(scene.start_s), 2, width, GOLD)
    return card.png(is_tight=True)


def _shrunk(take: SheetTake, height: int) -> SheetTake:
    """The take with a picture no higher than its lane, so that trying out details costs nothing."""
    if take.picture is None or take.picture.shape[0] <= height:
        return take
    width = max(1, round(take.picture.shape[1] * height / take.picture.shape[0]))
    small = cv2.resize(take.picture, (width, height), interpolation=cv2.INTER_AREA)
    return replace(take, picture=np.asarray(small, np.uint8))


def _shown(takes: Sequence[SheetTake], n: int) -> Sequence[SheetTake]:
    """The first `n` takes; the one that is in the film is the last of them where it would be left out."""
    selected = next((take for take in takes[n:] if take.is_selected), None)
    return takes[:n] if selected is None else (*takes[: n - 1], selected)


def _mosaic(take: SheetTake, width: int, height: int, block_px: int) -> Picture:
    """A tile in blocks, a pixel each: the take's picture, then its mean colour; dimmed where it is not in the film."""
    n_rows, n_columns = max(1, -(-height // block_px)), max(1, -(-width // block_px))
    if take.picture is None:
        return np.full((n_rows, n_columns, 3), GRID, np.uint8)
    n_own = min(n_columns, max(1, round(n_rows * take.picture.shape[1] / take.picture.shape[0])))
    mosaic = np.empty((n_rows, n_columns, 3), np.float64)
    mosaic[:] = np.array(cv2.mean(take.picture)[:3]) * 0.6
    mosaic[:, :n_own] = cv2.resize(take.picture, (n_own, n_rows), interpolation=cv2.INTER_AREA)
    return np.asarray(mosaic if take.is_selected else mosaic * 0.45 + np.array(CARD) * 0.25, np.uint8)


def _in_few_colours(pictures: Sequence[Picture], n: int) -> list[Picture]:
    """The same pictures in at most `n` colours, common to all."""
    if not pictures:
        return []
    pixels = np.concatenate([picture.reshape(-1, 3) for picture in pictures])
    few = Image.fromarray(pixels[None]).quantize(n, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    flat = np.asarray(few.convert("RGB"), np.uint8)[0]
    ends = np.cumsum([picture.shape[0] * picture.shape[1] for picture in pictures])[:-1]
    return [part.reshape(picture.shape) for part, picture in zip(np.split(flat, ends), pictures, strict=True)]

"""Pictures of songs, storyboards and remixes: plain values in, PNG bytes out; nothing is read, analysed or written.

Each is a card of named lanes over a time axis (see `domain/picture_card.py`), 640 pixels wide and at most `MAX_BYTES`
long, to go inline into an event. With `is_large` it is 1280 pixels wide, in more detail and at most `LARGE_BYTES` long,
for a page. Any length of song is drawn, and so is one with nothing in it. Times and durations are seconds.
- `song_picture`: sections, waveform, energy, bars.
- `beat_picture`: tempo and the strength of the beats.
- `vocals_picture`: where a voice is heard.
- `lyrics_picture`: where lines are sung, and how sure that is.
- `curve_picture`: any one value over time.
- `storyboard_picture`: scenes against sections, bars and energy.
- `remix_picture`: spectrograms before and after; `spectrogram` makes one.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.ipa_text import plain_text
from audio_assets.domain.music.analysis import BeatGrid, LyricLine, Section, Span, TempoPoint
from audio_assets.domain.music.picture_strip import (
    DIM,
    LARGE_BYTES,
    Sheet,
    Strip,
    by_column,
    clock,
    counted,
    drawn,
    figure,
    highest_by_column,
    length_s,
    shares_of_highest,
)
from audio_assets.domain.picture_card import BLUE, GOLD, MAX_BYTES, MUTED, RED, TEXT, Colour, Detail

__all__ = [
    "LARGE_BYTES",
    "MAX_BYTES",
    "SPECTROGRAM_HZ",
    "Scene",
    "beat_picture",
    "curve_picture",
    "lyrics_picture",
    "remix_picture",
    "song_picture",
    "spectrogram",
    "storyboard_picture",
    "vocals_picture",
]

SPECTROGRAM_HZ = (40.0, 16_000.0)
"""The lowest and the highest edge of a spectrogram's bands."""

_SILENT_DB = -120.0

_SECTIONS: tuple[Colour, ...] = (
    BLUE, (255, 146, 92), (104, 200, 128), (196, 132, 240), (90, 205, 205), (240, 112, 148), (190, 212, 90),
    (164, 176, 196),
)  # fmt: skip
_PERFORMANCE: Colour = (240, 112, 148)
_B_ROLL: Colour = (84, 132, 160)
_GREEN: Colour = (104, 200, 128)
_HEAT = np.array(((23, 27, 34), (58, 32, 98), (140, 42, 120), (224, 84, 82), (255, 172, 84), (255, 242, 196)))
_CELLS = {1: (4, 4, 8), 2: (4, 6, 8), 3: (6, 6, 6), 4: (8, 9, 6), 8: (16, 9, 5), 16: (32, 18, 4)}
_LARGE_CELLS = {1: (2, 4, 24), 2: (4, 4, 16), 4: (8, 9, 12), 16: (32, 18, 8)}
"""The width, height and number of shades of a spectrogram's cells, by a curve's pixels per column."""


# --- Songs ---------------------------------------------------------------------------------------------------------


def _colour_of(labels: Sequence[str]) -> dict[str, Colour]:
    """Give each label a colour, in order of first appearance."""
    return {label: _SECTIONS[i % len(_SECTIONS)] for i, label in enumerate(dict.fromkeys(labels))}


def song_picture(
    peaks: NDArray[np.float32],
    duration_s: float,
    grid: BeatGrid | None,
    sections: Sequence[Section],
    energy: Sequence[tuple[float, float]],
    *,
    is_large: bool = False,
) -> bytes:
    """Draw the waveform in the colours of its sections, its energy, and its bars.

    `peaks` are evenly spaced over the song: lowest and highest sample, shape (n, 2), or levels, shape (n,). Energy is
    (time, value); both are drawn relative to their highest.
    """
    duration_s = length_s(duration_s)
    colours = _colour_of([s.label for s in sections])
    edges = [(s.start_time, colours[s.label]) for s in sections]

    def draw(sheet: Sheet, detail: Detail) -> bytes:
        strip = Strip(sheet, detail, duration_s, [("sections", 15), ("wave", 54), ("energy", 20), ("bars", 9)])
        strip.headline(_grid_remarks(grid), clock(duration_s))
        strip.boxes("sections", [((s.name, s.label), s.start_time, s.end_time, colours[s.label]) for s in sections])
        top, height = strip.lanes["wave"]
        n = strip.card.n_columns
        strip.card.rule(top + height // 2, DIM)
        strip.card.spread(top + height // 2, _wave(peaks, n, height // 2, _column_colours(edges, duration_s, n)))
        _, mean, _ = by_column([t for t, _ in energy], [v for _, v in energy], duration_s, n)
        strip.hill("energy", shares_of_highest(mean), GOLD)
        strip.bars("bars", grid)
        return strip.png()

    return drawn(draw, is_large)


def _grid_remarks(grid: BeatGrid | None) -> list[tuple[str, Colour]]:
    if grid is None or not grid.beats:
        return [("no beat", MUTED)]
    return [
        (f"{grid.bpm:.1f} bpm", TEXT),
        (f"{grid.beats_per_bar} beats/bar", MUTED),
        (f"confidence {grid.confidence:.2f}", MUTED if grid.confidence >= 0.5 else RED),
    ]


def _column_colours(edges: Sequence[tuple[float, Colour]], duration_s: float, n: int) -> list[Colour]:
    """Return each column's colour: that of the last edge before its middle."""
    edges = sorted(edges, key=lambda edge: edge[0])
    starts = np.array([start for start, _ in edges])
    index = np.searchsorted(starts, (np.arange(n) + 0.5) * duration_s / n, side="right")
    return [edges[i - 1][1] if i else BLUE for i in index]


def _wave(
    peaks: NDArray[np.float32], n: int, half_px: int, colours: Sequence[Colour]
) -> Iterator[tuple[int, int, Colour]]:
    """Yield columns as high as their highest sample is far from 0, up as down: a mirrored wave is half as long."""
    values = np.abs(np.asarray(peaks, dtype=np.float64))
    highs = highest_by_column(values if values.ndim == 1 else values.max(axis=1, initial=0), n)
    scale = half_px / max(1e-9, float(highs.max(initial=0)))
    for high, colour in zip(highs, colours, strict=False):
        yield round(high * scale), round(high * scale), colour


def beat_picture(grid: BeatGrid, *, is_large: bool = False) -> bytes:
    """Draw the tempo over time, every beat as strong as it is played, and the downbeats brighter."""
    duration_s = length_s(grid.duration_s)
    bpm = np.array([p.bpm for p in grid.tempo_curve])
    # A steady tempo is a straight line: the lane spans 12 % at least.
    middle = float((bpm.max() + bpm.min()) / 2) if len(bpm) else 0.0
    downbeats = set(grid.downbeats)
    reach = max(middle * 0.06, float(np.ptp(bpm)) / 2 * 1.1 if len(bpm) else 0.0, 1.0)

    def draw(sheet: Sheet, detail: Detail) -> bytes:
        strip = Strip(sheet, detail, duration_s, [("tempo", 46), ("beats", 46)])
        remarks = _grid_remarks(grid)
        if len(bpm) and grid.beats:
            remarks.append((f"tempo {bpm.min():.0f} to {bpm.max():.0f}", MUTED))
        strip.headline(remarks, counted(len(grid.beats), "beat"))
        n = strip.card.n_columns
        _, mean, _ = by_column(*_held(grid.tempo_curve, duration_s), duration_s, n)
        if len(mean):
            top, height = strip.lanes["tempo"]
            strip.card.line(top, height - 2, (middle + reach - mean) / (2 * reach), BLUE)
            strip.scale("tempo", f"{middle + reach:.0f}", f"{middle - reach:.0f}")
        top, height = strip.lanes["beats"]
        strip.card.rule(top + height)
        for is_downbeat, colour in ((False, DIM), (True, GOLD)):
            for beat in grid.beats:
                if (beat.time in downbeats) == is_downbeat:
                    rise = max(1, round(min(max(beat.strength, 0.0), 1.0) * height))
                    strip.card.ticks([strip.card.x(beat.time)], top + height - rise, rise, colour)
        return strip.png()

    return drawn(draw, is_large)


def _held(curve: Sequence[TempoPoint], duration_s: float) -> tuple[list[float], list[float]]:
    """Return times and tempos of a curve on which each tempo is held until the next."""
    ends = [*(point.time for point in curve[1:]), duration_s]
    times = [t for point, end in zip(curve, ends, strict=False) for t in (point.time, max(point.time, end - 1e-6))]
    return times, [point.bpm for point in curve for _ in range(2)]


def vocals_picture(
    mix_rms: Sequence[float] | NDArray[np.float64],
    voice_rms: Sequence[float] | NDArray[np.float64],
    spans: Sequence[Span],
    duration_s: float,
    *,
    is_large: bool = False,
) -> bytes:
    """Draw the level of the voice before that of the mix, and where a voice is heard.

    Levels are evenly spaced over the song, both relative to the mix's highest.
    """
    duration_s = length_s(duration_s)
    heard_s = sum(s.end_time - s.start_time for s in spans)

    def draw(sheet: Sheet, detail: Detail) -> bytes:
        strip = Strip(sheet, detail, duration_s, [("level", 70), ("voice", 12)])
        strip.headline(
            [
                (f"voice heard {heard_s / duration_s:.0%}", TEXT),
                (f"in {counted(len(spans), 'span')}", MUTED),
                ("voice", _GREEN),
                ("mix", MUTED),
            ],
            clock(duration_s),
        )
        n = strip.card.n_columns
        mix, voice = highest_by_column(mix_rms, n), highest_by_column(voice_rms, n)
        highest = max(1e-9, float(mix.max(initial=0)), float(voice.max(initial=0)))
        top, height = strip.lanes["level"]
        strip.card.area(top, height, mix / highest, DIM)
        strip.card.area(top, height, voice / highest, _GREEN)
        strip.boxes("voice", [((), s.start_time, s.end_time, _GREEN) for s in spans])
        return strip.png()

    return drawn(draw, is_large)


def lyrics_picture(lines: Sequence[LyricLine], duration_s: float, *, is_large: bool = False) -> bytes:
    """Draw where each line is sung, as high as that is sure, and the first words of as many lines as fit.

    The large picture has a bar per word. From 0.5 up confidence is green, from 0.25 golden, below it red.
    """
    duration_s = length_s(duration_s)
    timed = [(n.text, n.start_time, n.end_time) for n in lines if n.start_time is not None and n.end_time is not None]
    words = [
        (w.start_time, w.end_time, w.confidence)
        for line in lines
        for w in line.words
        if w.start_time is not None and w.end_time is not None
    ]
    sure = float(np.median([confidence for *_, confidence in words])) if words else 0.0
    bars = words if is_large else _line_bars(lines)

    def draw(sheet: Sheet, detail: Detail) -> bytes:
        strip = Strip(sheet, detail, duration_s, [("lyrics", 39), ("lines", 9), ("sure", 34)])
        remarks = [(f"{len(timed)} of {counted(len(lines), 'line')} placed", TEXT)] if lines else [("no lyrics", MUTED)]
        if words:
            remarks.append((f"confidence {sure:.2f}", _sure_colour(sure)))
        if len(timed) < len(lines):
            remarks.append((f"{len(lines) - len(timed)} without a place", RED))
        strip.headline(remarks, clock(duration_s))
        _first_words(strip, timed)
        strip.boxes("lines", [((), start_s, end_s, BLUE) for _, start_s, end_s in timed])
        top, height = strip.lanes["sure"]
        strip.card.rule(top + height // 2)
        strip.card.rule(top + height)
        for start_s, end_s, confidence in bars:
            rise = max(1, round(min(max(confidence, 0.0), 1.0) * height))
            strip.card.block(top + height - rise, rise, start_s, end_s, _sure_colour(confidence))
        return strip.png()

    return drawn(draw, is_large)


def _line_bars(lines: Sequence[LyricLine]) -> list[tuple[float, float, float]]:
    """Return each placed line's start, end and the mean confidence of its words."""
    return [
        (n.start_time, n.end_time, float(np.mean([word.confidence for word in n.words])) if n.words else 0.0)
        for n in lines
        if n.start_time is not None and n.end_time is not None
    ]


def _first_words(strip: Strip, lines: Sequence[tuple[str, float, float]]) -> None:
    """Write the first words of each line where it is sung, in the first row with room."""
    top, height = strip.lanes["lyrics"]
    size = strip.sheet.frame.text_px
    row_px = size + 3
    n_rows = min(strip.detail.n_label_rows, height // row_px)
    free_from = [0] * n_rows
    for text, start_s, _ in lines:
        text = text if len(text) <= 16 else text[:16].rsplit(" ", 1)[0] + "…"
        label = plain_text(text, size)
        x = strip.card.x(start_s)
        row = next((r for r in range(n_rows) if free_from[r] <= x), None)
        if row is not None and x + label.shape[1] <= strip.sheet.frame.width_px:
            strip.card.text(x, top + row * row_px, label, TEXT)
            free_from[row] = x + label.shape[1] + size


def _sure_colour(confidence: float) -> Colour:
    return _GREEN if confidence >= 0.5 else GOLD if confidence >= 0.25 else RED


def curve_picture(
    times: Sequence[float] | NDArray[np.float64],
    values: Sequence[float] | NDArray[np.float64],
    duration_s: float,
    title: str,
    unit: str = "",
    *,
    is_large: bool = False,
) -> bytes:
    """Draw one value over time: its mean as a line, before the range that it covers; from 0 up where 0 is near.

    Raises ValueError if there are not as many values as times.
    """
    if len(times) != len(values):
        raise ValueError(f"{len(times)} times for {len(values)} values of {title!r}")
    duration_s = length_s(duration_s)

    def draw(sheet: Sheet, detail: Detail) -> bytes:
        strip = Strip(sheet, detail, duration_s, [("", 84)])
        low, mean, high = by_column(times, values, duration_s, strip.card.n_columns)
        name = f"{title} ({unit})" if unit else title
        if not len(mean):
            strip.headline([(name, TEXT), ("no values", MUTED)], clock(duration_s))
            return strip.png()
        lowest, highest = float(low.min()), float(high.max())
        strip.headline(
            [(name, TEXT), (f"{figure(lowest)} to {figure(highest)}, mean {figure(float(mean.mean()))}", MUTED)],
            clock(duration_s),
        )
        bottom, summit = _lane_ends(lowest, highest)
        reach = summit - bottom
        top, height = strip.lanes[""]
        strip.card.rule(top)
        strip.card.rule(top + height)
        strip.card.between(top, height - 2, (high - bottom) / reach, (low - bottom) / reach, DIM)
        strip.card.line(top, height - 2, (summit - mean) / reach, BLUE)
        strip.scale("", figure(summit), figure(bottom))
        return strip.png()

    return drawn(draw, is_large)


def _lane_ends(lowest: float, highest: float) -> tuple[float, float]:
    """Return the values at the bottom and at the top of a lane; they differ."""
    if 0 <= lowest < 0.4 * highest:
        return 0.0, highest
    if highest > lowest:
        return lowest, highest
    return (min(0.0, lowest), max(0.0, highest)) if lowest else (0.0, 1.0)


# --- Storyboards and remixes ---------------------------------------------------------------------------------------


class Scene(NamedTuple):
    """A scene of a storyboard, a performance or else b-roll, and the section that it is in ("chorus 2", "A1")."""

    id: str
    start_s: float
    end_s: float
    is_performance: bool
    section: str


def storyboard_picture(
    scenes: Sequence[Scene] | Sequence[tuple[str, float, float, bool, str]],
    duration_s: float,
    grid: BeatGrid | None,
    *,
    energy: Sequence[tuple[float, float]] = (),
    is_large: bool = False,
) -> bytes:
    """Draw the scenes, performance and b-roll in their colours, under their sections, above the bars and the energy."""
    duration_s = length_s(duration_s)
    shots = [Scene(*scene) for scene in scenes]
    n_performance = sum(shot.is_performance for shot in shots)
    sections = _sections(shots)
    colours = _colour_of([_stem(label) for label, _, _ in sections])

    def draw(sheet: Sheet, detail: Detail) -> bytes:
        lanes = [("sections", 15), ("scenes", 34), ("bars", 9)]
        strip = Strip(sheet, detail, duration_s, [*lanes, ("energy", 24)] if energy else lanes)
        strip.headline(
            [
                (counted(len(scenes), "scene"), TEXT),
                (f"{n_performance} performance", _PERFORMANCE),
                (f"{len(scenes) - n_performance} b-roll", _B_ROLL),
                *([(f"mean {duration_s / len(scenes):.1f} s", MUTED)] if scenes else []),
            ],
            clock(duration_s),
        )
        strip.boxes("sections", [((label, _stem(label)), a, b, colours[_stem(label)]) for label, a, b in sections])
        _scene_boxes(strip, shots)
        strip.bars("bars", grid)
        if energy:
            _, mean, _ = by_column([t for t, _ in energy], [v for _, v in energy], duration_s, strip.card.n_columns)
            strip.hill("energy", shares_of_highest(mean), GOLD)
        return strip.png()

    return drawn(draw, is_large)


def _scene_boxes(strip: Strip, scenes: Sequence[Scene]) -> None:
    """Draw the scenes with their ids; where only numbers have room, or every second, fifth ... of them, with those."""
    size = strip.sheet.text_px
    rooms = [strip.card.x(scene.end_s) - strip.card.x(scene.start_s) - 3 for scene in scenes]

    def has_room(labels: Sequence[str]) -> bool:
        fits = [plain_text(label, size).shape[1] <= room for label, room in zip(labels, rooms, strict=True)]
        return bool(sum(fits) >= 0.8 * len(fits))

    ids, numbers = [scene.id for scene in scenes], [_short(scene.id) for scene in scenes]
    inside = next((labels for labels in (ids, numbers) if has_room(labels)), [""] * len(scenes))
    boxes = [(s.start_s, s.end_s, _PERFORMANCE if s.is_performance else _B_ROLL) for s in scenes]
    strip.boxes("scenes", [((label,), *box) for label, box in zip(inside, boxes, strict=True)])
    if not any(inside) and strip.detail.n_label_rows:
        strip.overhang("scenes", [(number, *box) for number, box in zip(numbers, boxes, strict=True)])


def _sections(scenes: Sequence[Scene]) -> list[tuple[str, float, float]]:
    """Return the sections that scenes lie in, from the start of the first to the end of the last scene."""
    groups = [list(group) for _, group in groupby(scenes, key=lambda scene: scene.section)]
    return [(group[0].section, group[0].start_s, group[-1].end_s) for group in groups]


def _stem(label: str) -> str:
    """Return what sections of a kind share: "chorus" of "chorus 2", "A" of "A1"."""
    return label.rstrip("0123456789").rstrip(" _-") or label


def _short(name: str) -> str:
    """Return a scene's number: "7" of "scene_007"; the name without one."""
    digits = name[len(name.rstrip("0123456789")) :]
    return digits.lstrip("0") or digits or name


def spectrogram(mono: NDArray[np.float32], sample_rate_hz: int, n_columns: int, n_bands: int) -> NDArray[np.float64]:
    """Return levels in dB of full scale, shape (n_bands, n_columns), the lowest band first.

    Bands are evenly spaced in pitch over `SPECTROGRAM_HZ`; above half the sample rate there is nothing, -120 dB. A
    column is the mean power of up to four windows of 4096 samples, evenly spaced over its time.
    """
    n_window, n_windows = 4096, 4 * n_columns
    starts = np.linspace(0, max(0, len(mono) - n_window), n_windows).astype(np.int64)
    padded = np.pad(np.asarray(mono, dtype=np.float32), (0, max(0, n_window - len(mono))))
    window = np.hanning(n_window).astype(np.float32)
    edges = np.geomspace(*SPECTROGRAM_HZ, n_bands + 1) / (sample_rate_hz / n_window)
    power = np.zeros((n_bands, n_columns))
    for column in range(n_columns):
        frames = np.stack([padded[a : a + n_window] for a in starts[4 * column : 4 * column + 4]])
        spectrum = (np.abs(np.fft.rfft(frames * window)) ** 2).mean(axis=0) * (4 / (n_window * (window**2).sum()))
        # Between bins by interpolating the running sum: the lowest bands are narrower than a bin.
        running = np.concatenate([[0.0], np.cumsum(spectrum)])
        power[:, column] = np.diff(np.interp(edges + 0.5, np.arange(len(running)), running))
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (_SILENT_DB / 10))))


def remix_picture(
    before: NDArray[np.float64] | None,
    after: NDArray[np.float64],
    before_s: float,
    after_s: float,
    *,
    joins_s: Sequence[float] = (),
    is_large: bool = False,
) -> bytes:
    """Draw the spectrograms before (if known) and after a remix on one time axis and in one scale of levels.

    Spectrograms are those of `spectrogram`. `joins_s` are times after the remix at which its pieces meet.
    """
    before_s, after_s = length_s(before_s), length_s(after_s)
    sounds = (
        [("after", after, after_s)] if before is None else [("before", before, before_s), ("after", after, after_s)]
    )
    span_db = _span_db([levels for _, levels, _ in sounds])
    after_remarks = [] if before is None else [(f"{after_s / before_s - 1:+.0%}", MUTED)]
    after_remarks += [(counted(len(joins_s), "join"), MUTED)] if joins_s else []

    def draw(sheet: Sheet, detail: Detail) -> bytes:
        lanes = [(name, 54) for name, *_ in sounds]
        lanes[1:1] = [("title", 8)] if before is not None else []
        strip = Strip(sheet, detail, max(longest_s for *_, longest_s in sounds), lanes, is_named=False)
        for name, levels, sound_s in sounds:
            top, height = strip.lanes[name]
            y = 1 if name == sounds[0][0] else strip.lanes["title"][0] - 4 * sheet.zoom
            strip.remarks(y, [(name, TEXT), (clock(sound_s), MUTED), *(after_remarks if name == "after" else [])])
            cell = (_LARGE_CELLS if is_large else _CELLS)[detail.column_px]
            width = strip.card.x(sound_s) - sheet.frame.left_px
            strip.card.image(top, 0.0, _heat(levels, width, height, span_db, cell))
            for hz, text in ((10_000, "10k"), (1_000, "1k"), (100, "100")):
                strip.margin(text, top + round(_share_above(hz) * height))
        top, height = strip.lanes["after"]
        strip.card.ticks([strip.card.x(t) for t in joins_s], top, height, TEXT)
        return strip.png()

    return drawn(draw, is_large)


def _share_above(hz: float) -> float:
    """Return how far from the top of a spectrogram a frequency lies."""
    lowest_hz, highest_hz = SPECTROGRAM_HZ
    return float(np.log(highest_hz / hz) / np.log(highest_hz / lowest_hz))


def _heat(
    levels: NDArray[np.float64], width: int, height: int, span_db: tuple[float, float], cell: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Return pixels of a spectrogram, from the low end of the span, dark, to its high end."""
    if not levels.size or width <= 0:
        return np.zeros((0, 0, 3), dtype=np.uint8)
    cell_width, cell_height, n_shades = cell
    size = (-(-width // cell_width), -(-height // cell_height))
    means = cv2.resize(levels[::-1].astype(np.float32), size, interpolation=cv2.INTER_AREA)
    shares = np.clip((means - span_db[0]) / (span_db[1] - span_db[0]), 0, 1)
    at = np.linspace(0, len(_HEAT) - 1, n_shades)
    shades = np.stack([np.interp(at, np.arange(len(_HEAT)), channel) for channel in _HEAT.T], axis=1)
    pixels = shades.round().astype(np.uint8)[np.round(shares * (n_shades - 1)).astype(np.int64)]
    return np.asarray(pixels.repeat(cell_height, axis=0).repeat(cell_width, axis=1)[:height, :width])


def _span_db(spectrograms: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """Return the levels between which the shades lie: those that 2 % are below and 0.5 % above, 30 to 70 dB apart."""
    levels = np.concatenate([levels.ravel() for levels in spectrograms])
    levels = levels[levels > _SILENT_DB]
    if not len(levels):
        return _SILENT_DB, _SILENT_DB + 30
    low, high = (float(level) for level in np.percentile(levels, (2, 99.5)))
    return min(max(low, high - 70), high - 30), high

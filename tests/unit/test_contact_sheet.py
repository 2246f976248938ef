import io
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from audio_assets.domain import contact_sheet as sheets
from audio_assets.domain.contact_sheet import WIDTH_PX, SheetScene, SheetTake, contact_sheet, contact_strip
from audio_assets.domain.picture_card import GOLD, MAX_BYTES
from audio_assets.domain.take_scores import CONSISTENCY, MOUTH, QUALITY

SCORES = {QUALITY: 0.8, CONSISTENCY: None, MOUTH: 1.0}


def noise(number: int, width: int = 64, height: int = 36) -> np.ndarray:
    """As rich in detail and colour as a picture can be."""
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


def scenes(n: int, n_takes: int, width: int = 64, height: int = 36) -> list[SheetScene]:
    made = []
    for number in range(n):
        takes = tuple(
            SheetTake(
                f"t{take + 1:02d}", noise(number * 10 + take, width, height), SCORES, 4.5 if take else None, 0.48,
                is_selected=take == number % n_takes, chosen_by="ana" if number % 2 else "", is_current=take < 3,
                note="remix of t01" if take else "",
            )
            for take in range(n_takes)
        )  # fmt: skip
        kind = "performance" if number % 3 else "broll"
        made.append(SheetScene(f"s{number + 1:03d}", number * 4.0, number * 4.0 + 4, kind, "chorus 1", takes))
    return made


@cache
def drawn(n: int, n_takes: int) -> bytes:
    return contact_sheet("A song · a band", scenes(n, n_takes))


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def gold_px(picture: np.ndarray) -> int:
    return int((np.abs(picture.astype(int) - GOLD).max(axis=2) < 12).sum())


@pytest.mark.parametrize(("n", "n_takes"), [(0, 1), (1, 1), (3, 2), (24, 3), (96, 6)])
def test_any_number_of_scenes_and_takes_is_drawn(n: int, n_takes: int) -> None:
    sheet, strip = drawn(n, n_takes), contact_strip(scenes(n, n_takes), n * 4.0)
    height, width, _ = opened(sheet).shape
    assert width == WIDTH_PX
    assert 100 < height < 16_000
    assert opened(strip).shape[1] == 640
    assert len(strip) <= MAX_BYTES


def test_the_same_values_give_the_same_bytes() -> None:
    assert contact_sheet("A", scenes(4, 2)) == contact_sheet("A", scenes(4, 2))
    assert contact_strip(scenes(4, 2), 16.0) == contact_strip(scenes(4, 2), 16.0)


def test_more_scenes_are_drawn_smaller_not_only_lower() -> None:
    few, many = (opened(drawn(n, 6)).shape[0] / n for n in (6, 96))
    assert many < 0.5 * few


def test_what_is_in_the_film_is_framed() -> None:
    def framed(is_selected: bool) -> int:
        take = SheetTake("t01", np.zeros((36, 64, 3), np.uint8), {QUALITY: 0.5}, is_selected=is_selected)
        return gold_px(opened(contact_sheet("A", [SheetScene("s001", 0, 4, "broll", "", (take,))])))

    assert framed(True) > framed(False) + 2000


def test_the_picture_is_on_the_sheet_and_dimmed_once_its_prompt_is_past() -> None:
    def brightest(is_current: bool) -> int:
        take = SheetTake("t01", np.full((36, 64, 3), (0, 0, 255), np.uint8), is_current=is_current)
        blue = opened(contact_sheet("", [SheetScene("", 0, 4, "broll", "", (take,))])).astype(int)
        return int(((blue[:, :, 2] > 230) & (blue[:, :, 0] < 30)).sum())

    assert brightest(True) > 40_000
    assert brightest(False) == 0


def test_a_score_of_nothing_is_not_shown_like_none() -> None:
    def scored(score: float | None) -> bytes:
        take = SheetTake("t01", None, {QUALITY: score})
        return contact_sheet("A", [SheetScene("s001", 0, 4, "broll", "", (take,))])

    assert len({scored(score) for score in (None, 0.0, 0.5, 1.0)}) == 4


@pytest.mark.parametrize("size", [(36, 64), (64, 36), (3, 200), (200, 3), (1, 1)])
def test_pictures_of_any_form_are_drawn(size: tuple[int, int]) -> None:
    contact_sheet("A", scenes(2, 2, *size))
    assert len(contact_strip(scenes(2, 2, *size), 8.0)) <= MAX_BYTES


def test_odd_words_and_scenes_without_takes_are_drawn() -> None:
    bare = [SheetScene("s001", 0, 4, "broll"), SheetScene("s002", 4, 8, "performance", "ä" * 200)]
    take = SheetTake("t01", None, note="é" * 300, chosen_by="שלום 🎬 " * 20, is_selected=True)
    long = SheetScene("s" * 300, 8, 12, "broll", "x", (take,))
    contact_sheet("日本 🎬 " + "long " * 100, [*bare, long])
    assert len(contact_strip([*bare, long], 12.0)) <= MAX_BYTES


def test_what_does_not_fit_under_the_limit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_HEIGHT_PX", 1_000)
    seen: list[str] = []
    write = sheets._write

    def watched(sheet: np.ndarray, text: str, *where: Any, **room: Any) -> int:
        seen.append(text)
        return write(sheet, text, *where, **room)

    monkeypatch.setattr(sheets, "_write", watched)
    assert opened(contact_sheet("A", scenes(60, 6))).shape[0] <= 1_000
    shown = [text for text in seen if text.startswith("s0")]
    assert f"{60 - len(shown)} more scenes are left out" in seen


def test_the_take_in_the_film_is_on_the_strip_even_as_the_ninth() -> None:
    def strip(selected: int) -> int:
        takes = tuple(
            SheetTake(f"t{n + 1:02d}", np.full((9, 16, 3), 120, np.uint8), is_selected=n == selected) for n in range(9)
        )
        return gold_px(opened(contact_strip([SheetScene("s001", 0, 4, "broll", "", takes)], 4.0)))

    assert strip(0) == strip(8) > 500
    assert strip(-1) == 0

import numpy as np
import pytest

from audio_assets.domain import lettering
from audio_assets.domain.ipa_text import plain_text


@pytest.mark.parametrize("text", ["Plain text?", "Naïve café", "Łódź, Ærø", "Привет", "日本語", "“Quoted” — dash…"])
def test_what_the_font_has_is_set(text: str) -> None:
    assert lettering.drawable(text) == lettering.Drawable(text)


@pytest.mark.parametrize(("text", "kept", "missing"), [
    ("smile 😀 now", "smile now", ("😀",)), ("שלום", "", tuple("שלום")), ("a\u0301b", "áb", ()), ("a\tb", "a b", ()),
])  # fmt: skip
def test_what_it_lacks_is_left_out_and_named(text: str, kept: str, missing: tuple[str, ...]) -> None:
    assert lettering.drawable(text) == lettering.Drawable(kept, missing)


def test_widths_add_up() -> None:
    whole = lettering.advance_px("Hello world", 40)
    parts = lettering.advance_px("Hello", 40) + lettering.blank_px(40) + lettering.advance_px("world", 40)
    assert abs(whole - parts) <= 2


def test_lines_keep_to_the_width_and_to_the_words() -> None:
    text = "the quick brown fox jumps over the lazy dog and runs away from it all"
    lines = lettering.wrapped(text, 400, 40)
    assert " ".join(lines) == text
    assert all(lettering.advance_px(line, 40) <= 400 for line in lines)
    assert len(lines) == 4
    assert lettering.wrapped("", 400, 40) == ()
    assert lettering.wrapped("Donaudampfschifffahrt", 10, 40) == ("Donaudampfschifffahrt",)


def test_ink_stands_on_its_baseline_and_outlines_grow_it() -> None:
    ink = lettering.coverage("H", 40)
    rows = np.flatnonzero(ink.max(axis=1) > 128)
    assert abs(rows[-1] + 1 - lettering.baseline_px(40)) <= 1
    grown = lettering.outline(ink, 3)
    assert grown.shape == (ink.shape[0] + 6, ink.shape[1] + 6)
    assert (grown > 128).sum() > (ink > 128).sum()


def test_small_text_does_not_take_the_weight_that_was_set_last() -> None:
    before = plain_text.__wrapped__("hello", 12)
    lettering.coverage("hello", 33, lettering.BOLD)
    assert np.array_equal(plain_text.__wrapped__("hello", 12), before)

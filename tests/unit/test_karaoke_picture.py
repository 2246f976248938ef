import pickle
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from audio_assets.domain.subtitles.cues import Cue, CueWord
from audio_assets.domain.subtitles.karaoke_picture import KaraokePainter, KaraokeStyle, Picture, _lay, _Row
from audio_assets.domain.subtitles.letters import FontError, letters_of, visual_order

RATE = Fraction(24)
SIZES = [(1280, 720), (720, 1280), (720, 720)]
SUNG = KaraokeStyle().sung
every_size = pytest.mark.parametrize("size", SIZES, ids=["landscape", "vertical", "square"])


def cue(text: str, start_ms: int, end_ms: int, line: int = 0) -> Cue:
    """Words that share the time between half a second after the start and the end."""
    words, first = text.split(), start_ms + 500
    edges = [first + (end_ms - first) * i // len(words) for i in range(len(words) + 1)]
    return Cue(start_ms, end_ms, (tuple(CueWord(w, edges[i], edges[i + 1]) for i, w in enumerate(words)),), line)


CUES = (cue("so far away from home", 1000, 4000), cue("hello", 4000, 6000, 1), cue("again", 12_000, 14_000, 2))


def painted(painter: KaraokePainter, frame: int, size: tuple[int, int], ground: int = 40) -> Picture:
    picture = np.full((size[1], size[0], 3), ground, np.uint8)
    painter.paint(picture, frame)
    return picture


def is_sung(picture: Picture) -> NDArray[np.bool_]:
    low, high = (np.clip(np.array(SUNG) + by, 0, 255) for by in (-40, 40))
    return np.asarray(cv2.inRange(picture, low, high) > 0, np.bool_)


def changed(picture: Picture, ground: int = 40) -> NDArray[np.bool_]:
    return np.asarray(cv2.inRange(picture, (ground,) * 3, (ground,) * 3) == 0, np.bool_)


@every_size
def test_frames_without_a_cue_are_untouched(size: tuple[int, int]) -> None:
    painter = KaraokePainter(CUES, *size, RATE)
    for frame in (-5, 0, 23, 144, 200, 287, 336, 10_000):
        assert not changed(painted(painter, frame, size)).any()
    for frame in (24, 60, 143, 288, 335):
        assert changed(painted(painter, frame, size)).any()


@every_size
def test_words_fill_from_left_to_right_and_never_empty(size: tuple[int, int]) -> None:
    painter = KaraokePainter(CUES[:1], *size, RATE)
    before = 0
    for frame in range(24, 96, 6):
        n_sung = int(is_sung(painted(painter, frame, size)).sum())
        assert n_sung >= before - 20  # the soft edges of letters
        before = n_sung
    assert before > 1500


def test_nothing_is_sung_before_the_first_word_and_the_sweep_follows_the_words() -> None:
    painter = KaraokePainter((cue("home home", 1000, 4500),), 1280, 720, RATE)
    assert not is_sung(painted(painter, 35, (1280, 720))).any()
    at = {
        frame: np.flatnonzero(is_sung(painted(painter, frame, (1280, 720))).any(axis=0)) for frame in (48, 60, 72, 84)
    }
    ends = [at[frame].max() for frame in (48, 60, 72, 84)]  # a third, two thirds of the first word, of the second
    assert ends == sorted(ends)
    assert len({int(columns.min()) for columns in at.values()}) == 1
    assert ends[1] < 640 <= ends[3]  # the rows are centred: the second word begins right of the middle
    assert ends[3] - ends[2] > 20


@every_size
def test_nothing_is_drawn_outside_of_the_safe_margins(size: tuple[int, int]) -> None:
    width, height = size
    text = "the quick brown fox jumps over the lazy dog and runs away from all the hounds"
    painter = KaraokePainter((cue(text, 1000, 4000), cue(text + " of the hills", 4000, 6000, 1)), *size, RATE)
    for frame in (60, 100):
        rows, columns = (np.flatnonzero(changed(painted(painter, frame, size)).any(axis=axis)) for axis in (1, 0))
        assert columns.min() > 0.04 * width
        assert columns.max() < 0.96 * width
        assert rows.max() < (0.78 if height > width else 0.975) * height
        assert rows.min() > 0.5 * height
    if height > width:
        assert columns.max() < 0.89 * width


@every_size
@pytest.mark.parametrize("ground", [0, 128, 255])
def test_letters_stand_out_on_any_ground(size: tuple[int, int], ground: int) -> None:
    picture = painted(KaraokePainter(CUES[:1], *size, RATE), 40, size, ground)
    light = picture[changed(picture, ground)].mean(axis=1)
    assert (light > 235).sum() > 500  # letters
    assert (light < 40).sum() > 500 or ground == 0  # their outline


def test_the_next_line_is_dimmer_smaller_and_below_and_only_if_it_comes_soon() -> None:
    size = (1280, 720)
    both = painted(KaraokePainter(CUES, *size, RATE), 40, size)
    alone = painted(KaraokePainter(CUES, *size, RATE, KaraokeStyle(shows_next=False)), 40, size)
    assert changed(both).any(axis=1).sum() > changed(alone).any(axis=1).sum()
    lower = both[np.flatnonzero(changed(both).any(axis=1)).max() - 30 :]
    assert 120 < lower.max() < 200 < both.max()
    rows_of_last = [changed(painted(KaraokePainter(CUES[n:], *size, RATE), 120, size)).any(axis=1).sum() for n in (1,)]
    assert rows_of_last[0] < 90  # "again" begins 6 s later and is not shown yet


def test_a_line_comes_and_goes_softly() -> None:
    painter = KaraokePainter(CUES[2:], 1280, 720, RATE)
    light = [int(painted(painter, frame, (1280, 720)).max()) for frame in (288, 289, 290, 300, 334, 335)]
    assert light[0] < light[1] < light[2] <= light[3] == 255 > light[4] > light[5]


def test_no_sum_overflows_while_a_line_fades() -> None:
    keep = np.repeat(np.arange(257, dtype=np.uint16)[None, :, None], 3, axis=2)
    white = (255 * (256 - keep.astype(int)) + 127).clip(0, 65_280).astype(np.uint16)  # the highest that rounding gives
    row = _Row(0, 0, keep, white, white, ())
    for opacity in np.linspace(0, 1, 300):
        picture = np.full((1, 257, 3), 255, np.uint8)
        _lay(picture, row, 0.0, float(opacity))
        assert picture.min() >= 253  # white on white; what overflows is black


def test_the_same_cues_give_the_same_pixels_also_after_a_pickle() -> None:
    painter = KaraokePainter(CUES, 1280, 720, RATE)
    there = [painted(painter, frame, (1280, 720)) for frame in (30, 60, 110, 300)]
    sent = pickle.loads(pickle.dumps(painter))  # noqa: S301 - our own
    assert len(pickle.dumps(painter)) < 20_000
    for frame, picture in zip((300, 30, 110, 60), (there[3], there[0], there[2], there[1]), strict=True):
        assert np.array_equal(painted(sent, frame, (1280, 720)), picture)


def test_few_drawings_are_kept() -> None:
    cues = tuple(cue("so far away", 1000 * n, 1000 * n + 1000, n) for n in range(60))
    painter = KaraokePainter(cues, 320, 180, RATE)
    for frame in range(0, 60 * 24, 12):
        painted(painter, frame, (320, 180))
    assert len(painter._drawn) <= 8


def test_what_the_font_lacks_is_reported_and_not_drawn() -> None:
    size = (1280, 720)
    painter = KaraokePainter((cue("so far שלום 🎤", 1000, 4000),), *size, RATE)
    assert painter.missing_text == ("ש", "ל", "ו", "ם", "🎤")
    plain = KaraokePainter((Cue(1000, 4000, (CUES[0].rows[0][:2],), 0),), *size, RATE)
    columns = [np.flatnonzero(changed(painted(p, 30, size)).any(axis=0)) for p in (painter, plain)]
    assert [columns[0].min(), columns[0].max()] == [columns[1].min(), columns[1].max()]
    assert KaraokePainter(CUES, *size, RATE).missing_text == ()


def test_a_cue_of_nothing_that_can_be_drawn_leaves_the_picture_alone() -> None:
    painter = KaraokePainter((cue("🎤 שלום", 1000, 4000), CUES[1]), 640, 360, RATE, KaraokeStyle(shows_next=False))
    assert not changed(painted(painter, 40, (640, 360))).any()


@pytest.mark.parametrize("text", ["hold" * 40, "w", "君の名は" * 12, "{\\k9} <b> --> & \" ' |"])
@every_size
def test_any_text_fits(text: str, size: tuple[int, int]) -> None:
    picture = painted(KaraokePainter((cue(text, 1000, 4000),), *size, RATE), 40, size)
    columns = np.flatnonzero(changed(picture).any(axis=0))
    assert 0 < columns.min() <= columns.max() < size[0] - 1


@pytest.mark.parametrize("size", [(16, 16), (64, 36), (3840, 40)])
def test_sizes_that_are_hardly_pictures(size: tuple[int, int]) -> None:
    painted(KaraokePainter(CUES, *size, RATE), 60, size)


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="no frame of 1280 x 720"):
        KaraokePainter(CUES, 1280, 720, RATE).paint(np.zeros((720, 720, 3), np.uint8), 40)


def test_a_font_that_is_none_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "no.ttf").write_bytes(b"no font")
    for name in ("no.ttf", "missing.ttf"):
        with pytest.raises(FontError, match=r"can not be read as a font .*: name a \.ttf or \.otf file"):
            KaraokePainter(CUES, 1280, 720, RATE, KaraokeStyle(font_file=str(tmp_path / name)))


# --- right to left -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("we sing it", "we sing it"),
        ("שלום עולם", "עולם שלום"),
        ("we sing שלום עולם again", "we sing עולם שלום again"),
        ("שלום hello world עולם", "עולם hello world שלום"),
        ("שלום 2024 hello", "hello 2024 שלום"),
        ("- 12 oh", "- 12 oh"),
        ("", ""),
    ],
)
def test_words_stand_in_their_reading_order(text: str, shown: str) -> None:
    words = text.split()
    assert " ".join(words[place] for place in visual_order(words)) == shown


HEBREW_FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf")


@pytest.mark.skipif(not HEBREW_FONT.is_file(), reason="no font with Hebrew letters on this machine")
def test_a_font_file_draws_right_to_left_and_fills_from_the_right() -> None:
    size = (1280, 720)
    painter = KaraokePainter((cue("שלום עולם", 1000, 4500),), *size, RATE, KaraokeStyle(font_file=str(HEBREW_FONT)))
    assert painter.missing_text == ()
    early, late = (np.flatnonzero(is_sung(painted(painter, frame, size)).any(axis=0)) for frame in (50, 66))
    assert early.max() == late.max()
    assert early.min() > late.min() > 640  # most of the first word, which stands on the right
    assert letters_of(str(HEBREW_FONT)).drawable("a\U000e0100 君").missing[-1] == "君"

import math
from fractions import Fraction
from itertools import groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain import timebase, visemes
from audio_assets.domain.mouth_shapes import MouthFrame, mouth_cues, mouth_frames, shape_spans
from audio_assets.domain.phonemes import ARPABET_TO_IPA, nearest_arpabet
from audio_assets.domain.timeline import Phone, Timeline

UNTIMED = settings(deadline=None, max_examples=60)  # a busy machine is no failure
SYMBOLS = [*ARPABET_TO_IPA.values(), "ɑ̃", "ʁ", "y", "ø", "p", "b", "m", "p", "b", "m", "?"]
RATES = [
    Fraction(24),
    Fraction(24000, 1001),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(60),
    Fraction(12),
    Fraction(100),
]


def spoken(*phones: tuple[str, float], lead_s: float = 0.5, tail_s: float = 0.5) -> Timeline:
    """ARPAbet symbols, "" for a pause, each as long as said, between two silences."""
    t, entries = lead_s, []
    for arpabet, duration_s in phones:
        if arpabet:
            entries.append(Phone(ARPABET_TO_IPA.get(arpabet, arpabet), t, t + duration_s))
        t += duration_s
    return Timeline(tuple(entries), (), t + tail_s)


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    lengths = st.floats(0.005, 0.3)
    entries = draw(st.lists(st.tuples(st.sampled_from(SYMBOLS), lengths, st.sampled_from([0, 0, 0, 0.05, 0.2, 0.5]))))
    t, phones = draw(st.sampled_from([0.0, 0.01, 0.3])), []
    for symbol, duration_s, gap_s in entries:
        phones.append(Phone(symbol, t, t + duration_s))
        t = t + duration_s + gap_s
    return Timeline(tuple(phones), (), t + draw(st.sampled_from([0.0, 0.02, 0.4])))


def runs(shapes: str) -> list[tuple[str, int, int]]:
    """(shape, first frame, frame after the last) of each run."""
    found, at = [], 0
    for shape, group in groupby(shapes):
        n = len(list(group))
        found.append((shape, at, at + n))
        at += n
    return found


def shapes_of(frames: tuple[MouthFrame, ...]) -> str:
    return "".join(frame.shape for frame in frames)


def bilabials(timeline: Timeline) -> list[Phone]:
    return [p for p in timeline.phonemes if nearest_arpabet(p.phoneme) in {"P", "B", "M"}]


def frames_of(phone: Phone, rate: Fraction, n_frames: int) -> range:
    """The frames that a phone touches, with a hair to spare."""
    first = math.floor((phone.t_start - 1e-6) * float(rate))
    return range(max(0, first), min(n_frames, math.ceil((phone.t_end + 1e-6) * float(rate))))


# --- laws ---


@UNTIMED
@given(timelines(), st.booleans())
def test_cues_tile_the_audio(timeline: Timeline, extended: bool) -> None:
    cues = mouth_cues(timeline, extended=extended)
    if not cues:
        assert timeline.duration_s < 1e-6
        return
    assert cues[0].t_start == 0.0
    assert cues[-1].t_end == timeline.duration_s
    for cue, following in pairwise(cues):
        assert cue.t_end == following.t_start
        assert cue.shape != following.shape
    assert all(cue.t_end > cue.t_start for cue in cues)


@UNTIMED
@given(timelines())
def test_rules_tile_the_audio(timeline: Timeline) -> None:
    spans = shape_spans(timeline)
    t = 0.0
    for span in spans:
        assert span.t_start == pytest.approx(t, abs=1e-9)
        assert span.t_end >= span.t_start
        t = span.t_end
    assert t == pytest.approx(timeline.duration_s, abs=1e-9)


@UNTIMED
@given(timelines(), st.sampled_from(RATES))
def test_frames_cover_the_audio(timeline: Timeline, rate: Fraction) -> None:
    assert len(mouth_frames(timeline, rate)) == timebase.n_frames(timeline.duration_s, rate)


@UNTIMED
@given(timelines(), st.sampled_from(RATES), st.booleans())
def test_nothing_flickers(timeline: Timeline, rate: Fraction, extended: bool) -> None:
    """A run of one frame is a closure's, or the whole track."""
    shapes = shapes_of(mouth_frames(timeline, rate, extended=extended))
    closed = {
        i for p in bilabials(timeline) for i in frames_of(Phone("", p.t_start - 0.12, p.t_end), rate, len(shapes))
    }
    for shape, first, after in runs(shapes):
        if after - first < 2 and len(shapes) > 1:
            assert shape == "A"
            assert first in closed


@UNTIMED
@given(timelines(), st.sampled_from(RATES), st.booleans())
def test_every_p_b_and_m_has_closed_lips(timeline: Timeline, rate: Fraction, extended: bool) -> None:
    frames = mouth_frames(timeline, rate, extended=extended)
    for phone in bilabials(timeline):
        own = [frames[i] for i in frames_of(phone, rate, len(frames))]
        assert any(f.shape == "A" and f.viseme == 21 and f.oculus == "PP" and f.jaw == 0 and f.lip == 1 for f in own)


@UNTIMED
@given(timelines(), st.booleans())
def test_every_p_b_and_m_has_a_closed_cue(timeline: Timeline, extended: bool) -> None:
    cues = mouth_cues(timeline, extended=extended)
    for phone in bilabials(timeline):
        assert any(c.shape == "A" and c.t_start < phone.t_end + 0.01 and c.t_end > phone.t_start - 0.01 for c in cues)


@UNTIMED
@given(timelines(), st.sampled_from(RATES))
def test_weights_are_within_their_bounds(timeline: Timeline, rate: Fraction) -> None:
    for frame in mouth_frames(timeline, rate):
        assert 0 <= frame.jaw <= 1
        assert 0 <= frame.lip <= 1
        assert 0 <= frame.viseme <= 21
        assert frame.oculus in visemes.OCULUS_VISEMES


@UNTIMED
@given(timelines(), st.sampled_from(RATES))
def test_basic_mouths_are_basic(timeline: Timeline, rate: Fraction) -> None:
    assert set(shapes_of(mouth_frames(timeline, rate, extended=False))) <= set("ABCDEF")
    assert {cue.shape for cue in mouth_cues(timeline, extended=False)} <= set("ABCDEF")


@UNTIMED
@given(timelines())
def test_the_same_timeline_gives_the_same_mouth(timeline: Timeline) -> None:
    assert mouth_frames(timeline, Fraction(30)) == mouth_frames(timeline, Fraction(30))


def test_a_quarter_of_an_hour_at_a_film_rate_does_not_drift() -> None:
    """Its last closure is where it is said, to the frame; 24 instead of 23.976 frames would be 21 off."""
    rate = Fraction(24000, 1001)
    start_s = float(timebase.frame_start_s(21_600, rate))
    timeline = Timeline((Phone("ɑ", start_s - 1, start_s), Phone("m", start_s, start_s + 0.12)), (), start_s + 1)
    frames = mouth_frames(timeline, rate)
    assert len(frames) == timebase.n_frames(start_s + 1, rate)
    assert [f.shape for f in frames[21_598:21_602]] == ["D", "D", "A", "A"]


# --- what mouths do ---


def test_silence_is_x() -> None:
    assert set(shapes_of(mouth_frames(Timeline((), (), 1.0), Fraction(24)))) == {"X"}
    assert set(shapes_of(mouth_frames(Timeline((), (), 1.0), Fraction(24), extended=False))) == {"A"}
    frames = mouth_frames(spoken(("AA", 0.3)), Fraction(100))
    assert {f.shape for f in (*frames[:50], *frames[80:])} == {"X"}
    assert {(f.viseme, f.oculus) for f in (*frames[:50], *frames[80:])} == {(0, "sil")}
    assert frames[0].jaw == frames[-1].jaw == 0


def test_no_audio_has_no_mouth() -> None:
    assert mouth_frames(Timeline((), (), 0.0), Fraction(24)) == ()
    assert mouth_cues(Timeline((), (), 0.0)) == ()


def test_a_word_in_letters() -> None:
    """Bob: lips shut 0.12 s ahead after silence, open at 90 % of B, shut again half an AA before the second B."""
    cues = mouth_cues(spoken(("B", 0.1), ("AA", 0.2), ("B", 0.1)))
    assert [(c.shape, round(c.t_start, 2)) for c in cues] == [
        ("X", 0.0), ("A", 0.38), ("D", 0.59), ("A", 0.7), ("X", 0.89),
    ]  # fmt: skip


@pytest.mark.parametrize(("before_s", "ahead_s"), [(0.04, 0.04), (0.16, 0.08), (0.6, 0.12)])
def test_lips_close_half_the_previous_sound_ahead(before_s: float, ahead_s: float) -> None:
    closing = next(s for s in shape_spans(spoken(("AA", 0.5), ("AA", before_s), ("P", 0.1))) if s.shapes == "A")
    assert closing.t_start == pytest.approx(1.0 + before_s - ahead_s)


@pytest.mark.parametrize(
    ("pause_s", "shapes"), [(0.08, visemes.ANY_SHAPE), (0.12, "ABX"), (0.24, "ABX"), (0.26, "X"), (2.0, "X")]
)
def test_pauses_hold_relax_or_rest(pause_s: float, shapes: str) -> None:
    spans = shape_spans(spoken(("AA", 0.2), ("", pause_s), ("AA", 0.2)))
    assert spans[2].shapes == shapes


def test_a_short_pause_is_not_seen_and_a_long_one_is() -> None:
    frames = mouth_frames(spoken(("AA", 0.2), ("", 0.08), ("AA", 0.2)), Fraction(100))
    assert {f.shape for f in frames[50:98]} == {"D"}
    assert {f.viseme for f in frames[50:98]} == {2}
    frames = mouth_frames(spoken(("AA", 0.2), ("", 0.4), ("AA", 0.2)), Fraction(100))
    assert {(f.shape, f.viseme) for f in frames[70:110]} == {("X", 0)}


def test_a_diphthong_splits_at_sixty_percent() -> None:
    cues = mouth_cues(spoken(("OW", 0.2)))
    assert [(c.shape, c.t_start) for c in cues] == [("X", 0.0), ("E", 0.5), ("F", 0.62), ("X", 0.7)]


def test_consonants_take_the_shape_of_what_follows() -> None:
    """S allows B or F, N allows C: both are what comes next, as early as allowed."""
    assert [c.shape for c in mouth_cues(spoken(("S", 0.1), ("UW", 0.2)))] == ["X", "F", "X"]
    assert [c.shape for c in mouth_cues(spoken(("S", 0.1), ("IY", 0.2)))] == ["X", "B", "X"]
    assert [c.shape for c in mouth_cues(spoken(("N", 0.1), ("EH", 0.2)))] == ["X", "C", "X"]


def test_a_tween_shows_where_the_rules_allow_it_and_only_there() -> None:
    """D to B goes by way of C: K allows it, S does not."""
    assert [c.shape for c in mouth_cues(spoken(("AA", 0.2), ("K", 0.1), ("IY", 0.2)))] == ["X", "D", "C", "B", "X"]
    assert [c.shape for c in mouth_cues(spoken(("AA", 0.2), ("S", 0.1), ("IY", 0.2)))] == ["X", "D", "B", "X"]


def test_teeth_touch_the_lip() -> None:
    assert "G" in shapes_of(mouth_frames(spoken(("AA", 0.15), ("V", 0.06), ("AA", 0.15)), Fraction(24)))
    assert "G" not in shapes_of(
        mouth_frames(spoken(("AA", 0.15), ("V", 0.06), ("AA", 0.15)), Fraction(24), extended=False)
    )


def test_a_vowel_between_two_closures_is_seen() -> None:
    for lead_cs in range(1, 25):
        timeline = spoken(("B", 0.056), ("AA", 0.14), ("B", 0.05), ("IY", 0.1), lead_s=lead_cs / 100)
        assert "D" in shapes_of(mouth_frames(timeline, Fraction(24)))


def test_french_is_spoken_with_french_lips() -> None:
    """ "bon": closed, then round for the nasal vowel."""
    shapes = shapes_of(mouth_frames(spoken(("b", 0.08), ("ɔ̃", 0.2)), Fraction(25)))
    assert [shape for shape, *_ in runs(shapes)] == ["X", "A", "E", "X"]


def test_a_noise_is_passed_over() -> None:
    assert [c.shape for c in mouth_cues(spoken(("AA", 0.2), ("?", 0.1), ("AA", 0.2)))] == ["X", "D", "X"]


def test_the_jaw_follows_the_vowels_without_leaps() -> None:
    frames = mouth_frames(spoken(("AA", 0.3), ("IY", 0.3)), Fraction(100))
    assert frames[65].jaw == pytest.approx(1.0, abs=0.02)
    assert frames[98].jaw == pytest.approx(0.2, abs=0.02)
    assert max(abs(b.jaw - a.jaw) for a, b in pairwise(frames)) < 0.25
    assert max(frame.jaw for frame in frames) <= 1.0


def test_lips_are_round_for_round_vowels() -> None:
    round_, spread = (mouth_frames(spoken((vowel, 0.3)), Fraction(100))[65].lip for vowel in ("UW", "IY"))
    assert round_ > 0.7
    assert spread < 0.1


def test_a_broken_timeline_is_refused() -> None:
    broken = Timeline((Phone("ɑ", 0.0, 0.5), Phone("ɑ", 0.4, 0.6)), (), 1.0)
    with pytest.raises(ValueError, match="before the one before it ends"):
        mouth_cues(broken)

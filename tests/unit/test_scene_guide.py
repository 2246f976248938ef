from dataclasses import replace
from fractions import Fraction

from audio_assets.domain.music.analysis import Beat, BeatGrid, LyricLine, Lyrics, LyricWord
from audio_assets.domain.music.energy import EnergyPoint
from audio_assets.domain.scene_guide import scene_guide
from audio_assets.domain.shot import GuideBeat, GuideWord
from audio_assets.domain.song_settings import Character, SongSettings
from audio_assets.domain.storyboard import Estimate, Scene, Storyboard

RATE = Fraction(24)
SCENE = Scene(
    id="s002", order=2, start_frame=48, end_frame=96, frame_rate=RATE, section="verse 1", section_type="verse",
    mood="calm", mood_phrase="calm and dark", energy=0.3, style_preset="dreamy", clip_seconds=4, n_bars=1.0,
    cut="downbeat", on_downbeat=True, cut_error_frames=0.0, characters=("Ada",),
)  # fmt: skip
BOARD = Storyboard(
    title="Song", artist="Band", frame_rate=RATE, n_frames=144, duration_s=6.0, format="landscape", size="1280x720",
    bpm=120.0, clip_seconds=4, video_provider="animatic", video_model="animatic", performance_density=0.4,
    scenes=(SCENE,), estimate=Estimate(None, None, None, "USD", None, None, is_over_cap=False),
)  # fmt: skip
GRID = BeatGrid(120.0, tuple(Beat(n / 2, 0.5) for n in range(12)), (0.0, 2.0, 4.0), 4, (), 1.0, 6.0)
SETTINGS = SongSettings(characters=(Character("Ada", is_primary=True), Character("Bo")))
WORDS = (LyricWord("held", 1.5, 2.25, 1.0), LyricWord("sung", 2.5, 3.0, 1.0), LyricWord("lost"))
LYRICS = Lyrics((LyricLine("before", ()), LyricLine("held sung lost", WORDS)), "lrc")


def test_beats_are_frames_of_the_scene() -> None:
    guide = scene_guide(BOARD, SCENE, SETTINGS, GRID, (), None)
    assert guide.beats == (
        GuideBeat(0, 0.5, is_downbeat=True),
        *(GuideBeat(frame, 0.5, is_downbeat=False) for frame in (12, 24, 36)),
    )


def test_energy_has_a_value_for_every_frame() -> None:
    curve = (EnergyPoint(0.0, 0.0), EnergyPoint(6.0, 1.0))
    guide = scene_guide(BOARD, SCENE, SETTINGS, GRID, curve, None)
    assert len(guide.energy) == SCENE.n_frames
    assert (guide.energy[0], guide.energy[-1]) == (0.34, 0.66)
    assert guide.energy == tuple(sorted(guide.energy))
    assert scene_guide(BOARD, SCENE, SETTINGS, GRID, (), None).energy == (0.3,) * SCENE.n_frames


def test_words_are_clipped_to_the_scene_and_only_asked_for_where_they_are_shown() -> None:
    shows = replace(SETTINGS, film=replace(SETTINGS.film, shows_lyrics=True))
    guide = scene_guide(BOARD, SCENE, shows, GRID, (), LYRICS)
    assert guide.words == (GuideWord("held", 0, 6, 0), GuideWord("sung", 12, 24, 0))
    assert scene_guide(BOARD, SCENE, SETTINGS, GRID, (), LYRICS).words == (), "a moved word would make takes stale"


def test_only_who_is_in_the_scene_is_drawn() -> None:
    guide = scene_guide(BOARD, SCENE, SETTINGS, GRID, (), None)
    assert [(who.name, who.is_primary) for who in guide.characters] == [("Ada", True)]

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from audio_assets.domain.animatic.looks import COLOURS, look_of
from audio_assets.domain.animatic.moments import moments, poses
from audio_assets.domain.animatic.palettes import STYLES, style_named
from audio_assets.domain.animatic.reading import wishes_of
from audio_assets.domain.animatic.shooting import Shooting
from audio_assets.domain.animatic.singer import Reference
from audio_assets.domain.animatic.site import MARGIN
from audio_assets.domain.scene_prompt import build_scene_prompt, parse_templates, prompt_inputs
from audio_assets.domain.shot import Guide, GuideBeat, GuideCharacter, GuideWord, Shot
from audio_assets.domain.song_settings import Character
from audio_assets.domain.storyboard import Estimate, Scene, Storyboard

SHIPPED = Path(__file__).resolve().parents[2] / "workflows" / "prompts.toml"
KNOWN_SECTIONS = ("intro", "verse", "chorus", "bridge", "outro", "instrumental", "section")
MARA = GuideCharacter(
    "Mara", "", "freckled, green eyes", "copper hair in a long braid", "navy oilskin coat, red scarf", True
)
GUIDE = Guide(
    "Lines", "Nobody", "s001", "broll", "Verse", "verse", "", "cinematic_noir", 120.0, (0.5,) * 12,
    characters=(MARA,),
)  # fmt: skip
SHOT = Shot("A shot.", "", 160, 90, Fraction(24), 12, 4, 1, GUIDE)


def shot(guide: Guide = GUIDE, **changed: object) -> Shot:
    return replace(SHOT, guide=guide, **changed)  # type: ignore[arg-type]


def luma(shooting: Shooting, frame: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return shooting.frame(frame).y.astype(np.float64)


def frames(wanted: Shot) -> list[bytes]:
    shooting = Shooting(wanted)
    return [shooting.frame(number).flat.tobytes() for number in range(wanted.n_frames)]


def test_the_same_shot_is_the_same_picture_and_frames_do_not_depend_on_order() -> None:
    first = frames(SHOT)
    shooting = Shooting(SHOT)
    assert [shooting.frame(n).flat.tobytes() for n in reversed(range(12))][::-1] == first
    assert len(set(first)) == 12


@pytest.mark.parametrize("kind", ["broll", "performance"])
@pytest.mark.parametrize("style", [*STYLES, "of my own"])
def test_seeds_and_prompts_give_other_takes(style: str, kind: str) -> None:
    guide = replace(GUIDE, style_preset=style, scene_type=kind)  # type: ignore[arg-type]
    base = luma(Shooting(shot(guide)), 6).copy()
    for other in (shot(guide, seed=2), shot(guide, prompt="The sea at night.")):
        assert np.abs(base - luma(Shooting(other), 6)).mean() > 2.0


def test_presets_do_not_look_alike() -> None:
    sea = shot(prompt="The sea.")
    looks = []
    for style in STYLES:
        planes = Shooting(replace(sea, guide=replace(GUIDE, style_preset=style, scene_type="broll"))).frame(6)
        looks.append(np.array([planes.y.mean(), planes.u.mean(), planes.v.mean(), planes.y.std()]))
    for number, look in enumerate(looks):
        assert all(np.abs(look - other).max() > 5 for other in looks[:number])
    noir = Shooting(replace(sea, guide=replace(GUIDE, style_preset="cinematic_noir"))).frame(6)
    assert abs(noir.u.astype(int) - 128).max() < 14  # black and white, but for a scarf


@pytest.mark.parametrize("place", ["the sea", "concert stage", "forest"])
def test_more_energy_moves_more(place: str) -> None:
    def moved(energy: float) -> float:
        guide = replace(GUIDE, energy=(energy,) * 12, style_preset="anime", prompt_hint=place)
        shooting = Shooting(shot(guide))
        pictures = [luma(shooting, n).copy() for n in range(12)]
        return float(np.mean([np.abs(a - b).mean() for a, b in pairwise(pictures)]))

    assert moved(1.0) > 1.3 * moved(0.0)


def test_a_downbeat_is_seen_in_light_and_zoom() -> None:
    guide = replace(GUIDE, energy=(1.0,) * 12, prompt_hint="mountains")
    hit = replace(guide, beats=(GuideBeat(6, 1.0, True),))
    still, struck = Shooting(shot(guide)), Shooting(shot(hit))
    before = [luma(s, 5).mean() for s in (still, struck)]
    after = [luma(s, 6).mean() for s in (still, struck)]
    assert before[0] == pytest.approx(before[1], abs=0.01)
    assert after[1] > after[0] + 1.0
    line = moments(shot(hit))
    zooms = [pose.zoom for pose in poses(line, "still", 0.0, 1)]
    assert zooms[6] > 1.01 * zooms[5]
    assert zooms[5] < zooms[11] < zooms[6]  # and fades


@pytest.mark.parametrize(
    "move", ["push", "pull", "pan_left", "pan_right", "rise", "sink", "orbit", "handheld", "still"]
)
def test_the_camera_never_leaves_the_stage(move: str) -> None:
    guide = replace(GUIDE, energy=(1.0,) * 240, beats=tuple(GuideBeat(n, 1.0, True) for n in range(0, 240, 12)))
    line = moments(shot(guide, n_frames=240))
    for seed in range(3):
        for pose in poses(line, move, 1.0, seed):
            assert pose.zoom >= 1.0
            assert max(abs(pose.x), abs(pose.y)) + 0.5 * abs(np.deg2rad(pose.turn_deg)) * 16 / 9 < MARGIN


@pytest.mark.parametrize(("words", "place"), [
    ("A lighthouse over the sea", "lighthouse"), ("Waves and a boat", "sea"), ("Neon streets, traffic", "city"),
    ("She drives down the highway", "road"), ("Deep in the woods, leaves", "forest"), ("A band on stage, crowd",
    "stage"),
    ("An old chapel, candles", "cathedral"), ("Birds in the clouds", "sky"), ("A kitchen window", "room"),
    ("The desert, dunes", "mountains"),
])  # fmt: skip
def test_places_are_read_from_the_words(words: str, place: str) -> None:
    assert Shooting(shot(prompt=words)).place == place


def test_light_and_weather_are_read_and_style_texts_are_not() -> None:
    wishes = wishes_of(shot(prompt="Rain at midnight. Style: film noir, wet streets at sunset."))
    assert (wishes.light, wishes.weather, wishes.places) == ("night", "rain", ())


def test_a_drawn_singer_has_a_rig_inside_the_picture() -> None:
    guide = replace(GUIDE, scene_type="performance", energy=(1.0,) * 12, beats=(GuideBeat(3, 1.0, True),))
    for width, height in ((160, 90), (90, 160), (120, 120)):
        shooting = Shooting(shot(guide, width=width, height=height))
        rig = shooting.rig()
        assert rig is not None
        assert (rig.character, len(rig.anchors)) == ("Mara", 12)
        anchors = [anchor for anchor in rig.anchors if anchor]
        assert len({anchor.y for anchor in anchors}) > 6  # it nods
        assert all(0.2 * width < a.x < 0.8 * width and 0.4 * height < a.y < 0.75 * height for a in anchors)
        assert min(a.scale_px for a in anchors) > 0.075 * min(width, height)
    assert Shooting(SHOT).rig() is None


def test_a_closed_mouth_is_where_the_rig_says() -> None:
    guide = replace(GUIDE, scene_type="performance", style_preset="gritty_documentary")
    shooting = Shooting(shot(guide, width=640, height=360))
    rig = shooting.rig()
    assert rig is not None
    for number in (0, 7, 11):
        y, anchor = luma(shooting, number), rig.anchors[number]
        assert anchor is not None
        row, column = round(anchor.y), round(anchor.x)
        reach = round(0.3 * anchor.scale_px)
        column_of_face = y[row - reach : row + reach + 1, column - 3 : column + 4].mean(axis=1)
        assert abs(int(column_of_face.argmin()) - reach) <= 2
        assert column_of_face.min() < column_of_face.max() - 25


def test_a_character_is_itself_in_every_take() -> None:
    look = look_of(MARA)
    assert (look.hair, look.hair_style) == (COLOURS["copper"], "braid")
    assert (look.clothes, look.collar, look.scarf, look.eyes) == (
        COLOURS["navy"], "open", COLOURS["red"], COLOURS["green"],
    )  # fmt: skip
    tom = look_of(GuideCharacter("Tom", "an old man with a white beard", wardrobe_lock="grey sweater, yellow hat"))
    assert (tom.beard, tom.clothes, tom.hat, tom.is_older) == (
        COLOURS["white"], COLOURS["grey"], COLOURS["yellow"], True,
    )  # fmt: skip
    assert look_of(GuideCharacter("Ann")) == look_of(GuideCharacter("Ann"))


def test_lyrics_and_card_are_shown_when_asked_for_and_missing_letters_are_named() -> None:
    words = (GuideWord("Light", 0, 6, 0), GuideWord("😀", 6, 12, 0))
    plain = replace(GUIDE, words=words, scene_type="performance")
    shown = replace(plain, shows_lyrics=True)
    card = replace(plain, shows_card=True)
    base = luma(Shooting(shot(plain, width=320, height=180)), 3).copy()
    lyric, carded = (Shooting(shot(g, width=320, height=180)) for g in (shown, card))
    low = np.abs(luma(lyric, 3) - base)
    assert low[130:].mean() > 1.5
    assert low[:110].max() == 0
    high = np.abs(luma(carded, 3) - base)
    assert high[:60, :160].mean() > 3
    assert high[90:].max() == 0
    assert any("😀" in note for note in lyric.notes)
    assert not carded.notes


def test_a_picture_without_a_face_is_shown_and_said_so() -> None:
    guide = replace(GUIDE, scene_type="performance")
    picture = np.full((60, 60, 3), 200, np.uint8)
    shooting = Shooting(shot(guide), Reference(picture))
    shooting.frame(0)
    assert "no face" in shooting.notes[0]
    assert shooting.rig() is None


@pytest.mark.parametrize("changed", [{"width": 161}, {"height": 91}, {"width": 0}, {"n_frames": 0}, {"height": 5000}])
def test_sizes_that_video_can_not_have_are_refused(changed: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="an animatic"):
        Shooting(shot(**changed))


def test_own_styles_have_looks_of_their_own() -> None:
    assert style_named("vapor") == style_named("vapor")
    assert style_named("vapor").lights != style_named("vapour").lights
    assert style_named("anime") is STYLES["anime"]


def test_a_shot_without_a_guide_is_drawn_from_its_prompt() -> None:
    bare = Shooting(replace(SHOT, guide=None, prompt="A forest"))
    assert bare.place == "forest"
    assert bare.frame(11).y.std() > 5


@pytest.mark.parametrize("scene_type", ["performance", "broll"])
@pytest.mark.parametrize("energy", [0.2, 0.5, 0.9])
def test_the_shipped_wording_names_no_place(scene_type: Literal["performance", "broll"], energy: float) -> None:
    templates = parse_templates(SHIPPED.read_bytes(), "prompts.toml")
    for section in KNOWN_SECTIONS:
        scene = Scene(
            id="s002", order=2, start_frame=0, end_frame=96, frame_rate=Fraction(24), scene_type=scene_type,
            section=section, section_type=section, lyrics="", mood="calm", mood_phrase="calm", energy=energy,
            characters=("Ann",), style_preset="dreamy", directive="", prompt_override="", clip_seconds=4, n_bars=2.0,
            cut="downbeat", on_downbeat=True, cut_error_frames=0.0, voice_share=0.0, lip_sync_enabled=False,
            lip_sync_method="post_process", estimated_cost_usd=0.0,
        )  # fmt: skip
        board = Storyboard(
            title="X", artist="", frame_rate=Fraction(24), n_frames=96, duration_s=4.0, format="landscape",
            size="1280x720", bpm=120.0, clip_seconds=4, video_provider="animatic", video_model="animatic",
            performance_density=0.4, scenes=(scene,),
            estimate=Estimate(None, None, None, "USD", None, None, is_over_cap=False),
        )  # fmt: skip
        prompt = build_scene_prompt(prompt_inputs(board, scene, (Character("Ann", is_primary=True),), templates)).text
        wishes = wishes_of(replace(SHOT, guide=None, prompt=prompt))
        assert (wishes.places, wishes.light, wishes.weather) == ((), None, ""), prompt

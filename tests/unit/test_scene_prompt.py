import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.action import canonical
from audio_assets.domain.scene_prompt import (
    ScenePrompt,
    ScenePromptError,
    Templates,
    build_scene_prompt,
    check_preset,
    parse_templates,
    prompt_inputs,
)
from audio_assets.domain.song_settings import Character
from audio_assets.domain.storyboard import Estimate, Scene, Storyboard

UNTIMED = settings(deadline=None, max_examples=100)
SHIPPED = Path(__file__).resolve().parents[2] / "workflows" / "prompts.toml"
TEMPLATES = parse_templates(SHIPPED.read_bytes(), "prompts.toml")
PRESETS = ["anime", "cinematic_noir", "dark_gothic", "dreamy", "gritty_documentary"]
ANA = Character("Ana", "a diver", "freckles.", "brass ring", "red coat", ("same braid",), ("no hat", "no scarf"),
                is_primary=True)  # fmt: skip
BEN = Character("Ben", face="grey beard")
SCENE = Scene(
    id="s002", order=2, start_frame=0, end_frame=192, frame_rate=Fraction(24), scene_type="performance",
    section="chorus 1", section_type="chorus", lyrics="We sail at dawn\nand sing", mood="bright",
    mood_phrase="bright and restless", energy=0.8, characters=("Ana",), style_preset="dreamy", directive="",
    prompt_override="", clip_seconds=8, n_bars=4.0, cut="downbeat", on_downbeat=True, cut_error_frames=0.2,
    voice_share=0.9, lip_sync_enabled=True, lip_sync_method="post_process", estimated_cost_usd=0.8,
)  # fmt: skip
BOARD = Storyboard(
    title="Harbour", artist="", frame_rate=Fraction(24), n_frames=192, duration_s=8.0, format="landscape",
    size="1280x720", bpm=120.0, clip_seconds=8, video_provider="animatic", video_model="animatic",
    performance_density=0.4, scenes=(SCENE,), estimate=Estimate(None, None, None, "USD", None, None, is_over_cap=False),
)  # fmt: skip


def inputs(scene: Scene = SCENE, templates: Templates = TEMPLATES, **board: Any) -> dict[str, Any]:
    return prompt_inputs(replace(BOARD, **board), scene, (ANA, BEN), templates)


def prompt(scene: Scene = SCENE, templates: Templates = TEMPLATES, **board: Any) -> ScenePrompt:
    return build_scene_prompt(inputs(scene, templates, **board))


def part(made: ScenePrompt, name: str) -> str:
    return dict(made.parts)[name]


def own(text: str) -> Templates:
    return parse_templates(text.encode(), "own.toml", base=TEMPLATES)


# --- The prompt ----------------------------------------------------------------------------------------------------


def test_a_prompt_has_the_parts_in_order() -> None:
    made = prompt()
    names = [name for name, _ in made.parts]
    assert names == ["global style", "character", "scene directive", "continuity", "style preset"]
    assert made.text == "\n\n".join(text for _, text in made.parts)


def test_the_directive_tells_who_sings_what_and_how() -> None:
    directive = part(prompt(), "scene directive")
    for words in (
        "Ana performs",
        "“We sail at dawn / and sing”",
        "bright and restless",
        "handheld and close",
        "chorus",
    ):
        assert words in directive


def test_the_character_part_is_the_bible() -> None:
    text = part(prompt(), "character")
    for words in ("Ana", "a diver", "Face: freckles. ", "brass ring", "red coat", "same braid", "no hat; no scarf"):
        assert words in text
    assert "Ben" not in prompt().text


def test_broll_is_no_singing() -> None:
    scene = replace(SCENE, scene_type="broll", characters=())
    made = prompt(scene)
    assert "character" not in dict(made.parts)
    assert "mouth" not in part(made, "scene directive")
    assert "We sail at dawn" in part(made, "scene directive")
    assert "Nobody" in part(made, "continuity")
    assert "with Ben and Ana in it" in prompt(replace(scene, characters=("Ben", "Ana"))).text


def test_a_singer_without_a_name_and_a_scene_without_words_have_their_own_wording() -> None:
    made = prompt(replace(SCENE, characters=(), lyrics=" \n", mood="", mood_phrase=""))
    assert part(made, "scene directive").startswith("A singer performs")
    assert "“" not in made.text
    assert "Mood" not in made.text


@pytest.mark.parametrize(
    ("energy", "words"), [(0.0, "slow push"), (0.35, "gentle arc"), (0.69, "gentle arc"), (0.7, "handheld")]
)
def test_the_camera_follows_the_energy(energy: float, words: str) -> None:
    assert words in part(prompt(replace(SCENE, energy=energy)), "scene directive")


def test_the_frame_follows_the_format() -> None:
    assert "16:9" in part(prompt(), "global style")
    assert "9:16" in part(prompt(format="portrait"), "global style")


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_ends_the_prompt_and_adds_what_to_keep_out(name: str) -> None:
    made = prompt(replace(SCENE, style_preset=name))
    assert made.text.endswith(TEMPLATES.presets[name].text)
    assert made.negative.endswith(TEMPLATES.presets[name].negative)
    assert made.negative.startswith(TEMPLATES.texts["global.negative"])


def test_no_preset_is_no_part() -> None:
    made = prompt(replace(SCENE, style_preset=""))
    assert made.parts[-1][0] == "continuity"
    assert made.negative == TEMPLATES.texts["global.negative"]


def test_a_directive_by_hand_is_added_and_a_prompt_by_hand_is_all() -> None:
    assert part(prompt(replace(SCENE, directive="Rain  falls.\n")), "scene directive").endswith(" Rain falls.")
    assert prompt(replace(SCENE, prompt_override="A lighthouse $x {y}")) == ScenePrompt(
        "A lighthouse $x {y}", "", (("prompt", "A lighthouse $x {y}"),)
    )


def test_a_section_that_a_person_names_is_said() -> None:
    scene = replace(SCENE, section="breakdown", section_type="section")
    assert "breakdown" not in prompt(scene).text
    assert "the breakdown" in prompt(replace(scene, overridden=("section",))).text


@UNTIMED
@given(st.text(max_size=80), st.text(max_size=30), st.text(max_size=30))
def test_no_text_of_a_song_is_read_as_a_template(lyrics: str, mood: str, name: str) -> None:
    scene = replace(SCENE, lyrics="$camera ${lyrics} {mood} " + lyrics, mood_phrase="$x " + mood, characters=("$name",))
    who = Character("$name", face="$text " + name, is_primary=True)
    made = build_scene_prompt(prompt_inputs(BOARD, scene, (who,), TEMPLATES))
    for words in ("$camera ${lyrics} {mood}", "$x", "$name performs", "Face: $text"):
        assert words in made.text
    assert part(made, "scene directive").count("”") == part(made, "scene directive").count("“") == 1
    assert "\n" not in part(made, "scene directive")


def test_quotation_marks_in_lyrics_can_not_end_the_quotation() -> None:
    assert "“he said 'go' 'now'”" in prompt(replace(SCENE, lyrics='he said "go" “now”')).text


def test_long_lyrics_end_at_a_word() -> None:
    text = prompt(replace(SCENE, lyrics="word " * 200)).text
    quoted = text[text.index("“") + 1 : text.index("”")]
    assert quoted.endswith("word…")
    assert 230 < len(quoted) <= TEMPLATES.max_lyrics_chars


def test_a_prompt_that_is_too_long_names_its_longest_part() -> None:
    with pytest.raises(ScenePromptError, match=r"more than the 2,000 of max_chars; shorten its scene directive \(3,"):
        prompt(replace(SCENE, directive="x" * 3000))
    with pytest.raises(ScenePromptError, match=r"shorten its prompt \(2,001\)"):
        prompt(replace(SCENE, prompt_override="x" * 2001))


def test_the_shipped_wording_leaves_room_for_bibles() -> None:
    longest = max(len(prompt(replace(SCENE, style_preset=name, lyrics="la " * 200)).text) for name in PRESETS)
    assert longest < 1300


# --- What it depends on ----------------------------------------------------------------------------------------------


def test_the_inputs_are_plain_and_enough() -> None:
    stored = json.loads(json.dumps(inputs()))
    assert stored == inputs()
    assert build_scene_prompt(stored) == prompt()


@pytest.mark.parametrize(
    "change",
    [
        lambda scene: replace(scene, start_frame=192, end_frame=300, order=3, id="s003"),
        lambda scene: replace(scene, clip_seconds=12, estimated_cost_usd=9.0, n_bars=2.0, cut="beat"),
        lambda scene: replace(scene, energy=0.71, voice_share=0.1, section="chorus 2", mood="dark"),
        lambda scene: replace(scene, lip_sync_enabled=False, lip_sync_method=None),
    ],
)
def test_what_a_prompt_does_not_say_is_no_input(change: Callable[[Scene], Scene]) -> None:
    assert canonical(inputs(change(SCENE))) == canonical(inputs())


@pytest.mark.parametrize(
    "change",
    [
        {"scene_type": "broll"}, {"section_type": "verse"}, {"lyrics": "x"}, {"mood_phrase": "x"}, {"energy": 0.1},
        {"characters": ("Ana", "Ben")}, {"style_preset": "anime"}, {"directive": "x"}, {"prompt_override": "x"},
    ],
)  # fmt: skip
def test_what_a_prompt_says_is_an_input(change: dict[str, Any]) -> None:
    assert canonical(inputs(replace(SCENE, **change))) != canonical(inputs())
    assert prompt(replace(SCENE, **change)).text != prompt().text


def test_a_changed_preset_touches_the_scenes_that_use_it_and_no_others() -> None:
    changed = own('[presets.dreamy]\ntext = "Style: a nap."')
    assert inputs(templates=changed) != inputs()
    for name in ("anime", ""):
        assert inputs(replace(SCENE, style_preset=name), changed) == inputs(replace(SCENE, style_preset=name))
    by_hand = replace(SCENE, prompt_override="x")
    assert inputs(by_hand, changed) == inputs(by_hand)


def test_a_changed_bible_touches_the_scenes_that_show_it_and_no_others() -> None:
    cast = (replace(ANA, face="a scar", reference_image="x.png"), BEN)
    assert prompt_inputs(BOARD, SCENE, cast, TEMPLATES) != inputs()
    without = replace(SCENE, characters=("Ben",))
    assert prompt_inputs(BOARD, without, cast, TEMPLATES) == inputs(without)


@pytest.mark.parametrize(
    ("key", "is_used"),
    [
        ("performance.directive", True), ("broll.directive", False), ("camera.performance.driving", True),
        ("camera.performance.calm", False), ("section.chorus", True), ("section.verse", False),
        ("performance.lyrics", True), ("performance.silent", False), ("performance.nobody", False),
        ("character.lead", True), ("character.other", False), ("global.portrait", False), ("continuity.unseen", False),
    ],
)  # fmt: skip
def test_a_changed_wording_touches_the_prompts_that_hold_it(key: str, is_used: bool) -> None:
    table, _, name = key.rpartition(".")
    assert (inputs(templates=own(f'[{table}]\n{name} = "other words"')) != inputs()) is is_used


# --- Reading the wording -------------------------------------------------------------------------------------------


def test_a_file_of_one_s_own_adds_and_changes() -> None:
    changed = own('max_chars = 1500\n[mood]\ntext = "It feels $mood"\n[presets.neon]\ntext = "Style: neon."')
    assert (changed.max_chars, changed.max_lyrics_chars) == (1500, 240)
    assert changed.texts == {**TEMPLATES.texts, "mood.text": "It feels $mood"}
    assert sorted(changed.presets) == sorted([*PRESETS, "neon"])
    assert prompt(replace(SCENE, style_preset="neon"), changed).text.endswith("Style: neon.")
    assert own("") == TEMPLATES


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[brol]\nlyrics = 'x'", "the key 'brol' is not known; did you mean 'broll'"),
        ("[broll]\nlyric = 'x'", r"\[broll\] the key 'lyric' is not known; did you mean 'lyrics'"),
        ("[camera.performance]\nslow = 'x'", r"\[camera.performance\] the key 'slow' is not known"),
        ("[broll]\nlyrics = '$lyric'", r"\[broll.lyrics\] the placeholder \$lyric is not known; .* may use \$lyrics"),
        ("[mood]\ntext = 'costs 5$'", r"has a \$ without a name behind it; write \$\$"),
        ("[mood]\ntext = 5", r"\[mood.text\] is 5, no text"),
        ("mood = 'x'", r"\[mood\] is a value where a table is meant"),
        ("[presets.Neon]\ntext = 'x'", "use a-z, 0-9 and _"),
        ("[presets.neon]\nnegative = 'x'", r"\[presets.neon\] has no text"),
        ("[presets.neon]\ntext = 3", "text is 3, no text"),
        ("[presets.neon]\ntxt = 'x'", "did you mean 'text'"),
        ("[presets]\nneon = 'x'", r"\[presets.neon\] is a value where a table is meant"),
        ("max_chars = 0", r"\[max_chars\] is 0; write a number of characters"),
        ("max_chars = 'x'", "is 'x'"),
        ("max_char = 3", "did you mean 'max_chars'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_with_file_key_and_remedy(text: str, says: str) -> None:
    with pytest.raises(ScenePromptError, match=says) as error:
        own(text)
    assert str(error.value).startswith("own.toml: [") or "own.toml: the key" in str(error.value)
    assert "\n" not in str(error.value)


def test_without_a_base_nothing_may_be_missing() -> None:
    with pytest.raises(ScenePromptError, match=r"\[mood.text\] is missing; add the text"):
        parse_templates(SHIPPED.read_bytes().replace(b'text = "Mood: $mood."', b""), "prompts.toml")


def test_the_shipped_presets_are_the_five() -> None:
    assert sorted(TEMPLATES.presets) == PRESETS


def test_an_unknown_preset_or_character_names_the_nearest() -> None:
    assert check_preset("", TEMPLATES) is None
    with pytest.raises(ScenePromptError, match="'cinematic-noir' is not known; did you mean 'cinematic_noir'"):
        prompt(replace(SCENE, style_preset="cinematic-noir"))
    with pytest.raises(ScenePromptError, match="known are anime, cinematic_noir"):
        prompt(replace(SCENE, style_preset="xx"))
    with pytest.raises(ScenePromptError, match="the character 'Zoe' is not in the song's settings; plan"):
        prompt(replace(SCENE, characters=("Zoe",)))

import json
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.song_settings import (
    Character,
    SceneOverride,
    SongSettings,
    SongSettingsError,
    parse_song_settings,
    settings_record,
)

FULL = """
title = "Harbour Lights"
artist = "The Tides"
language = "en"
lyrics_file = "words/harbour.lrc"
format = "portrait"
clip_seconds = 12
frame_rate = 23.976
video_provider = "studio"
video_model = "clip-1"
performance_density = 0.25
budget_cap_usd = 25
style_preset = "dreamy"

[characters.Ana]
description = "a diver"
face = "freckles"
dos = ["same braid"]
reference_image = "faces/ana.png"
[characters."Old Man"]
is_primary = true
[characters."Old Man".bible]
face = "grey beard"
signature = "brass pipe"
wardrobe_lock = "blue coat"
dos = ["limps", ""]
donts = ["no hat"]

[[scenes]]
at = "1:02.5"
scene_type = "broll"
characters = ["old man", "ANA"]
directive = "Rain on the pier"
lip_sync = false
[[scenes]]
start = 10
end = "0:18"
exact = true
clip_seconds = 8
[[scenes]]
id = "s004"
prompt = "A lighthouse"
lip_sync_method = "native"
"""


def parse(text: str) -> SongSettings:
    return parse_song_settings(text.encode(), "harbour.toml")


def test_nothing_is_all_defaults() -> None:
    parsed = parse_song_settings(b"", "harbour.toml")
    assert parsed == SongSettings()
    assert (parsed.clip_seconds, parsed.frame_rate, parsed.performance_density) == (8, Fraction(24), 0.4)
    assert (parsed.video_provider, parsed.video_model, parsed.budget_cap_usd) == ("animatic", "animatic", None)


def test_everything_is_read() -> None:
    parsed = parse(FULL)
    assert (parsed.title, parsed.artist, parsed.language) == ("Harbour Lights", "The Tides", "en")
    assert (parsed.lyrics, parsed.lyrics_file, parsed.format) == ("", "words/harbour.lrc", "portrait")
    assert (parsed.clip_seconds, parsed.frame_rate) == (12, Fraction(24000, 1001))
    assert (parsed.video_provider, parsed.video_model, parsed.style_preset) == ("studio", "clip-1", "dreamy")
    assert (parsed.performance_density, parsed.budget_cap_usd) == (0.25, 25.0)
    assert parsed.characters == (
        Character("Ana", "a diver", "freckles", dos=("same braid",), reference_image="faces/ana.png"),
        Character("Old Man", "", "grey beard", "brass pipe", "blue coat", ("limps",), ("no hat",), is_primary=True),
    )
    assert parsed.primary == parsed.characters[1]
    assert parsed.overrides == (
        SceneOverride(
            1, 62.5, scene_type="broll", characters=("Old Man", "Ana"), directive="Rain on the pier", lip_sync=False
        ),
        SceneOverride(2, start_s=10.0, end_s=18.0, exact=True, clip_seconds=8),
        SceneOverride(3, scene_id="s004", prompt="A lighthouse", lip_sync_method="native"),
    )


def test_overrides_say_where_they_are() -> None:
    labels = [override.label for override in parse(FULL).overrides]
    assert labels == ["[[scenes]] 1 (at 1:02.5)", "[[scenes]] 2 (start 0:10, end 0:18)", "[[scenes]] 3 (s004)"]


def test_the_record_is_plain_and_complete() -> None:
    parsed = parse(FULL)
    record = settings_record(parsed)
    assert json.loads(json.dumps(record)) == record
    assert record["frame_rate"] == "24000/1001"
    assert record["characters"][1]["donts"] == ["no hat"]
    assert record["overrides"][0]["at_s"] == 62.5
    assert set(record) == set(SongSettings.__dataclass_fields__)


def test_a_song_may_name_who_moves_its_mouths_and_who_stands_in() -> None:
    parsed = parse('lip_sync_provider = "sync_so"\nlip_sync_fallback = "mouth_warp"\n')
    assert (parsed.lip_sync_provider, parsed.lip_sync_fallback) == ("sync_so", "mouth_warp")
    assert (parse("").lip_sync_provider, parse("").lip_sync_fallback) == ("", "")
    with pytest.raises(SongSettingsError, match="lip_sync_providr"):
        parse('lip_sync_providr = "sync_so"\n')


def test_a_changed_setting_changes_the_record() -> None:
    assert settings_record(parse(FULL)) == settings_record(parse(FULL))
    assert settings_record(parse(FULL)) != settings_record(parse(FULL.replace("freckles", "a scar")))


def test_without_a_primary_the_first_character_sings() -> None:
    parsed = parse("[characters.Ana]\n[characters.Ben]\n")
    assert [character.is_primary for character in parsed.characters] == [True, False]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('titel = "x"', "the key 'titel' is not known; did you mean 'title'"),
        ("title = 3", r"\[title\] is 3, no text; put it in quotes"),
        ("title = x", "the file is not TOML"),
        ('lyrics = "la"\nlyrics_file = "la.txt"', r"\[lyrics\] stands beside lyrics_file; keep one"),
        ('format = "square"', r"\[format\] is 'square'; write one of landscape, portrait"),
        ('format = "landscap"', "did you mean 'landscape'"),
        ("clip_seconds = 6", r"\[clip_seconds\] is 6; write 4, 8 or 12"),
        ("clip_seconds = true", "is True; write 4, 8 or 12"),
        ("frame_rate = 0", r"\[frame_rate\] is 0; write frames per second from 10 to 120"),
        ("frame_rate = 1000", "is 1000; write frames"),
        ("frame_rate = [24]", "write frames"),
        ("performance_density = 1.5", r"\[performance_density\] is 1.5; write a number from 0 to 1"),
        ("performance_density = nan", "is nan"),
        ("performance_density = true", "is True"),
        ("budget_cap_usd = -1", r"\[budget_cap_usd\] is -1; write a number from 0 to 1,000,000"),
        (f"budget_cap_usd = 1{'0' * 400}", r"is 10{59}\.\.\.; write a number"),
        (f"performance_density = 1{'0' * 400}", "write a number from 0 to 1"),
        ('format = """a\nb"""', r"is 'a\\nb'; write one of"),
        ('[characters."a\\nb"]\nface = 1', "has no name that can be read"),
        ('budget_cap_usd = "20"', "is '20'"),
        ('video_provider = "fal"', "is 'fal' without a model; name its video_model"),
        ('video_model = "m"', "is 'm' without a provider; name its video_provider"),
        ('language = "english please"', 'write a tag such as "en"'),
        ('lyrics_file = "../words.txt"', "which may lie elsewhere; name a file beside"),
        ('lyrics_file = "/etc/passwd"', "which may lie elsewhere"),
        ("lyrics_file = 'C:\\words.txt'", "which may lie elsewhere"),
        ("characters = 3", r"\[characters\] is a value where a table is meant"),
        ('[[characters]]\nname = "Ana"', r"write each one as \[characters.NAME\]"),
        ("[characters.Ana]\nhat = 1", r"\[characters.Ana\] the key 'hat' is not known"),
        ("[characters.Ana]\nface = 1", r"\[characters.Ana\] face is 1, no text"),
        ('[characters.Ana]\ndos = "braid"', r"dos is 'braid', no list of texts"),
        ('[characters.Ana]\nreference_image = "a/../../x.png"', "reference_image is 'a/../../x.png', which may lie"),
        ('[characters.Ana]\nis_primary = "yes"', "is_primary is 'yes'; write true or false"),
        ('[characters.Ana]\nface = "a"\n[characters.Ana.bible]\nface = "b"', "face stands here and in its bible"),
        ("[characters.Ana]\n[characters.ANA]", "is the same character as 'Ana'"),
        ("[characters.A]\nis_primary = true\n[characters.B]\nis_primary = true", r"2 primary characters \(A, B\)"),
        ('[characters." "]', "has no name that can be read"),
        ("scenes = 3", r"write each scene as \[\[scenes\]\]"),
        ('[[scenes]]\nmood = "dark"', r"\[scenes 1\] says no scene; give `at`"),
        ('[[scenes]]\nat = 3\nid = "s001"\nmood = "x"', "says its scene twice"),
        ("[[scenes]]\nat = 3", "sets nothing; add one of scene_type"),
        ('[[scenes]]\nat = "soon"\nmood = "x"', 'at is \'soon\'; write seconds from the start'),
        ('[[scenes]]\nat = "1:75"\nmood = "x"', "at is '1:75'"),
        ('[[scenes]]\nat = -3\nmood = "x"', "at is -3"),
        ('[[scenes]]\nid = "4"\nmood = "x"', 'write it as the storyboard does, such as "s004"'),
        (f'[[scenes]]\nid = "s{"1" * 5000}"\nmood = "x"', "as the storyboard does"),
        ("[[scenes]]\nstart = 9\nend = 3", "starts at 0:09 and ends at 0:03; put start before end"),
        ('[[scenes]]\nat = 3\nexact = true\nmood = "x"', "exact is set, but no cut"),
        ('[[scenes]]\nat = 3\nprompt = " "', "prompt is empty"),
        ('[[scenes]]\nat = 3\nscene_type = "b-roll"', "did you mean 'broll'"),
        ("[[scenes]]\nat = 3\nclip_seconds = 5", "clip_seconds is 5; write 4, 8 or 12"),
        ('[[scenes]]\nat = 3\nlip_sync_method = "magic"', "write one of native, post_process"),
        ('[characters.Ana]\n[[scenes]]\nat = 3\ncharacters = ["Anna"]', "'Anna' is not known; did you mean 'ana'"),
        ('[[scenes]]\nat = 3\ncharacters = ["Zoe"]', "the characters of this file are: none"),
        ('[[scenes]]\nat = 3\nmod = "x"', "did you mean 'mood'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_with_file_key_and_remedy(text: str, says: str) -> None:
    with pytest.raises(SongSettingsError, match=says) as error:
        parse(text)
    assert str(error.value).startswith("harbour.toml: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("written", "seconds"), [("75", 75.0), ("1.5", 1.5), ('"2:03.25"', 123.25), ('"1:00:01"', 3601)]
)
def test_times_are_seconds_or_clock(written: str, seconds: float) -> None:
    (override,) = parse(f'[[scenes]]\nat = {written}\nmood = "x"').overrides
    assert override.at_s == seconds


KEYS = st.sampled_from([
    "title", "lyrics", "lyrics_file", "format", "clip_seconds", "frame_rate", "video_provider", "performance_density",
    "budget_cap_usd", "characters", "scenes", "characters.Ana", "characters.Ana.face", "characters.Ana.dos",
    "characters.Ana.is_primary", "characters.Ana.bible", "characters.Ana.reference_image",
])  # fmt: skip
SCENE_KEYS = st.sampled_from(["at", "id", "start", "end", "exact", "mood", "characters", "clip_seconds", "lip_sync"])
VALUES = st.sampled_from([
    "1", "-1", "8", "0.5", "nan", "inf", "true", '""', '"x"', '"0:10"', '"s001"', "[]", "[1]", '["Ana"]', "{}",
    "2026-01-01", "10:00:00", "9" * 400, '"""a\nb"""', '"24000/1001"',
])  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(KEYS, VALUES, max_size=3), st.lists(st.dictionaries(SCENE_KEYS, VALUES, max_size=4), max_size=2))
def test_any_value_anywhere_is_read_or_refused_in_one_sentence(
    root: dict[str, str], scenes: list[dict[str, str]]
) -> None:
    lines = [f"{key} = {value}" for key, value in root.items()]
    for scene in scenes:
        lines += ["[[scenes]]", *(f"{key} = {value}" for key, value in scene.items())]
    says = ""
    try:
        settings_record(parse("\n".join(lines)))
    except SongSettingsError as error:
        says = str(error)
    assert "\n" not in says or "not TOML" in says
    assert not says or says.startswith("harbour.toml: ")

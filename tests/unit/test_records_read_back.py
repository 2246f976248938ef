"""What a recorded action says is read back as what it was made of: a render needs nothing else."""

from datetime import date
from fractions import Fraction
from pathlib import Path

import orjson

from audio_assets.domain.price_card import Price, price_from_record, price_record
from audio_assets.domain.remix_spec import parse_styles, style_from_record, style_record
from audio_assets.domain.shot import Guide, GuideBeat, GuideCharacter, GuideWord, Shot, shot_from_record, shot_record
from audio_assets.domain.song_settings import parse_song_settings, settings_from_record, settings_record

STYLES = Path(__file__).resolve().parents[2] / "workflows" / "remix_styles.toml"
SONG = """
title = "Harbour"
frame_rate = "24000/1001"
performance_density = 0.5
[characters.Ada]
is_primary = true
dos = ["a red scarf"]
[[scenes]]
at = "0:02"
characters = ["Ada"]
directive = "the lamp wakes"
[[scenes]]
start = 8
exact = true
lip_sync = true
"""
GUIDE = Guide(
    "Song", "Band", "s001", "performance", "verse 1", "verse", "calm", "dreamy", 120.0, (0.25, 0.5),
    (GuideBeat(0, 0.5, is_downbeat=True),), (GuideWord("held", 0, 6, 0),), (GuideCharacter("Ada", face="freckles"),),
    "a lamp", shows_lyrics=True,
)  # fmt: skip


def test_a_price_is_read_back() -> None:
    for price in (
        Price("shop", "clip-1", 0.1, date(2020, 1, 1)),
        Price("shop", "clip-2", 2.0, date(2020, 1, 1), date(2021, 1, 1), date(2022, 1, 1), "720p", "request"),
    ):
        assert price_from_record(orjson.loads(orjson.dumps(price_record(price)))) == price


def test_a_style_is_read_back_but_for_what_it_says_to_others() -> None:
    for style in parse_styles(STYLES.read_bytes(), STYLES.name).values():
        record = style_record(style)
        assert style_record(style_from_record(orjson.loads(orjson.dumps(record)))) == record


def test_a_shot_is_read_back() -> None:
    for guide in (None, GUIDE):
        shot = Shot("a lamp", "text", 640, 360, Fraction(24000, 1001), 96, 4, seed=3, guide=guide, revision="night")
        record = orjson.loads(orjson.dumps(shot_record(shot, with_guide=guide is not None)))
        assert shot_from_record(record) == shot


def test_settings_are_read_back_but_for_those_of_the_film() -> None:
    for text in ("", SONG):
        settings = parse_song_settings(text.encode(), "harbour.toml")
        record = settings_record(settings)
        del record["film"]
        assert settings_from_record(orjson.loads(orjson.dumps(record))) == settings

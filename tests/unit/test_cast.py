from pathlib import Path

import pytest

from audio_assets.domain.cast import Cast, CastError, MouthSettings, parse_cast

DATA = Path(__file__).resolve().parents[2] / "data"
VOICES = {
    "kokoro": [
        "af_heart", "af_bella", "am_adam", "am_michael", "bf_emma", "bm_george", "ef_dora", "em_alex", "ff_siwis",
        "if_sara", "im_nicola", "pf_dora", "pm_alex",
    ],
    "espeak": ["en-us", "en-us+m3", "en-gb", "fr", "de", "de+f3", "es"],
}  # fmt: skip
CAST = """
[narrator]
voice = "af_heart"
[characters.sylvie]
voice = "duo"
speed = 1.1
style = "soft"
gain_db = -2
[characters.sylvie.voices]
es = "em_alex"
de = "espeak:de+f3"
[characters."Old Man"]
voice = "am_michael"
mouth = { fps = 30 }
[characters.emma]
voice = "bf_emma"
[characters.robot]
engine = "espeak"
voice = "en-us+m3"
[characters.slow]
speed = 0.8
[characters.broken]
voice = "af_hart"
[names]
jared = "am_adam"
duo = "af_heart50_jared50"
[variables]
player = "Alex"
n = 3
[mouth]
shapes = "basic"
"""


def cast(text: str = CAST) -> Cast:
    return parse_cast(text.encode(), "data/cast.toml")


def entry(character: str, lang: str = "en", **more: str):
    return cast(CAST.replace("af_heart50_jared50", "af_heart50_am_adam50")).entry(character, lang, VOICES, **more)


def test_a_character_s_settings():
    sylvie = entry("Sylvie")
    assert dict(sylvie.voice) == {"af_heart": 0.5, "am_adam": 0.5}
    assert (sylvie.engine, sylvie.lang, sylvie.speed, sylvie.style, sylvie.gain_db) == (
        "kokoro",
        "en",
        1.1,
        "soft",
        -2.0,
    )
    assert sylvie.mouth == MouthSettings("24", "basic")
    assert not sylvie.is_default
    assert entry("old_man").mouth == MouthSettings("30", "basic")


@pytest.mark.parametrize("name", ["sylvie", "SYLVIE", " Sylvie "])
def test_names_in_any_case(name):
    assert entry(name) == entry("sylvie")


def test_the_script_s_short_name_serves_too():
    assert entry("S. Durand", short_name="sylvie") == entry("sylvie")


def test_who_is_not_named_speaks_like_the_narrator_and_is_marked():
    stranger = entry("stranger")
    assert stranger.is_default
    assert stranger.voice == entry("narrator").voice
    assert not entry("narrator").is_default


@pytest.mark.parametrize(
    ("character", "lang", "engine", "voice", "spoken", "is_default_voice"),
    [
        ("narrator", "en", "kokoro", "af_heart", "en", False),
        ("narrator", "fr", "kokoro", "ff_siwis", "fr", True),
        ("narrator", "es", "kokoro", "ef_dora", "es", True),
        ("narrator", "it", "kokoro", "if_sara", "it", True),
        ("narrator", "pt-br", "kokoro", "pf_dora", "pt-br", True),
        ("narrator", "en-gb", "kokoro", "af_heart", "en-gb", False),
        ("old man", "es", "kokoro", "em_alex", "es", True),
        ("old man", "fr", "kokoro", "ff_siwis", "fr", True),
        ("sylvie", "es", "kokoro", "em_alex", "es", False),
        ("sylvie", "es-mx", "kokoro", "em_alex", "es-mx", False),
        ("sylvie", "de", "espeak", "de+f3", "de", False),
        ("emma", "en", "kokoro", "bf_emma", "en-gb", False),
        ("robot", "en", "espeak", "en-us+m3", "en", False),
        ("robot", "de", "espeak", "de", "de", True),
        ("slow", "en", "kokoro", "af_heart", "en", False),
    ],
)
def test_the_voice_for_a_language(character, lang, engine, voice, spoken, is_default_voice):
    found = entry(character, lang)
    assert (found.engine, found.voice, found.lang) == (engine, ((voice, 1.0),), spoken)
    assert found.is_default_voice == is_default_voice


def test_one_unknown_voice_costs_one_character():
    with pytest.raises(CastError, match=r"data/cast.toml: \[characters.broken\].*'af_hart'.*af_heart"):
        entry("broken")
    assert entry("old man").voice


def test_a_language_without_a_voice_says_what_to_add():
    with pytest.raises(CastError, match=r'\[narrator.voices\] with de = "espeak:de"'):
        entry("narrator", "de")


def test_variables_are_text():
    assert cast().variables == {"player": "Alex", "n": "3"}


def test_an_empty_cast_serves():
    assert cast("").entry("anyone", "en", VOICES).voice == (("af_heart", 1.0),)


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("[narrator\nvoice = 1", ["line 1"]),
        ("[narator]\nvoice = 'x'", ["narator", "narrator"]),
        ("[narrator]\nvoise = 'x'", ["[narrator]", "voise", "'voice'"]),
        ("[characters.ann]\nspeeed = 1.0", ["[characters.ann]", "'speed'"]),
        ("[characters]\nann = 'af_heart'", ["characters.ann"]),
        ("[characters.ann]\n[characters.ANN]", ["same character"]),
        ("[narrator]\nspeed = 9", ["0.5", "2"]),
        ("[narrator]\nspeed = true", ["speed"]),
        ("[narrator]\nspeed = nan", ["speed"]),
        ("[narrator]\ngain_db = 'loud'", ["gain_db"]),
        ("[narrator]\nvoice = 5", ["voice"]),
        ("[mouth]\nfps = 0", ["fps"]),
        ('[mouth]\nfps = "fast"', ["fps", "24000/1001"]),
        ("[mouth]\nshapes = 'round'", ["extended"]),
        ("[mouth]\nfbs = 24", ["'fps'"]),
        ("[names]\n'a:b' = 'af_heart'", ["a:b"]),
        ("[variables]\nx = [1]", ["x"]),
        ("[variables]\na.b = 'x'", ["quotes"]),
    ],
)
def test_a_mistake_names_the_file_the_key_and_the_remedy(text, hints):
    with pytest.raises(CastError) as caught:
        cast(text)
    assert str(caught.value).startswith("data/cast.toml: ")
    assert all(hint in str(caught.value) for hint in hints), str(caught.value)


@pytest.mark.parametrize("line", ["engine = 'festival'", "voice = 'festival:bob'", "fallback = 'festival:bob'"])
def test_an_unknown_engine_costs_its_character_only(line):
    some = cast(f"[characters.ann]\n{line}\n")
    with pytest.raises(CastError, match=r"\[characters.ann\] the engine 'festival' is not known; known are .*kokoro"):
        some.entry("ann", "en", VOICES)
    assert some.entry("bob", "en", VOICES).engine == "kokoro"


ELSEWHERE = {**VOICES, "cloud": ("1f3a-99", "2b")}


def test_an_engine_elsewhere_speaks_every_language_with_the_voice_that_is_named():
    some = cast("[narrator]\nengine = 'cloud'\nvoice = 'lena'\n[names]\nlena = '1f3a-99'\n")
    for lang in ("en", "fr"):
        found = some.entry("anyone", lang, ELSEWHERE)
        assert (found.engine, found.voice, found.is_default_voice) == ("cloud", (("1f3a-99", 1.0),), False)
    with pytest.raises(CastError, match="cloud has no default voice"):
        cast("[narrator]\nengine = 'cloud'\n").entry("anyone", "en", ELSEWHERE)


def test_who_stands_in_is_the_character_s_before_the_studio_s():
    text = "[narrator]\nvoice = 'cloud:2b'\n[characters.ann]\nvoice = 'cloud:2b'\nfallback = 'kokoro:af_bella'\n"
    some = parse_cast(text.encode(), "cast.toml", default_fallback="kokoro")
    assert some.entry("ann", "en", ELSEWHERE).fallback == ("kokoro", (("af_bella", 1.0),))
    assert some.entry("narrator", "fr", ELSEWHERE).fallback == ("kokoro", (("ff_siwis", 1.0),))
    assert cast(text).entry("narrator", "en", ELSEWHERE).fallback is None
    itself = parse_cast(b"", "cast.toml", default_fallback="kokoro")
    assert itself.entry("narrator", "en", ELSEWHERE).fallback is None


def test_a_cast_in_another_encoding_is_refused():
    with pytest.raises(CastError, match="UTF-8"):
        parse_cast("[names]\né = 'x'".encode("latin-1"), "cast.toml")
    assert parse_cast(b"\xef\xbb\xbf[mouth]\r\nfps = 25\r\n", "cast.toml").mouth.fps == "25"


def test_the_committed_cast_has_a_man_a_woman_and_a_narrator():
    committed = parse_cast((DATA / "cast.toml").read_bytes(), "data/cast.toml")
    voices = {name: committed.entry(name, "en", VOICES).voice[0][0] for name in ("narrator", "Caoimhe", "Tomas")}
    assert len(set(voices.values())) == 3
    assert (voices["Caoimhe"][1], voices["Tomas"][1]) == ("f", "m")
    assert all(not committed.entry(name, "fr", VOICES).is_default for name in voices)


@pytest.mark.parametrize(
    ("fps", "exact"), [("30", "30"), ("23.976", "24000/1001"), ('"30000/1001"', "30000/1001"), ("12.5", "25/2")]
)
def test_frame_rates_are_exact(fps, exact):
    assert parse_cast(f"[mouth]\nfps = {fps}\n".encode(), "cast.toml").mouth.fps == exact


def test_a_voice_of_another_engine_than_the_whole_casts_says_who_speaks() -> None:
    cast = parse_cast(b'[narrator]\nvoice = "af_heart"\n', "cast.toml", default_engine="cartesia")
    with pytest.raises(CastError, match=r'cartesia speaks for the whole cast, as \[use\] .* or engine = "kokoro"'):
        cast.entry("narrator", "en", {"cartesia": {"lena"}, "kokoro": {"af_heart"}})

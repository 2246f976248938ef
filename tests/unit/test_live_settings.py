from pathlib import Path

import pytest

from audio_assets.domain.live_settings import LANGUAGES, LiveSettings, LiveSettingsError, parse_live_settings

VOICES = {"kokoro": ["am_adam", "am_michael", "af_heart"], "espeak": ["en-us", "de"]}
SHIPPED = Path(__file__).parents[2] / "data" / "live.toml"


def parsed(text: str) -> LiveSettings:
    return parse_live_settings(text.encode(), "live.toml")


def test_an_empty_file_and_the_shipped_one_are_the_defaults() -> None:
    assert parsed("") == LiveSettings()
    assert parse_live_settings(SHIPPED.read_bytes(), "live.toml") == LiveSettings()
    request = LiveSettings().request("hi", VOICES)
    assert (request.voice, request.speed, request.lang) == ((("am_adam", 0.5), ("am_michael", 0.5)), 0.85, "en-us")


def test_a_mix_of_friendly_names() -> None:
    settings = parsed(
        'voice = "jared50_lex30_martha20"\nlanguage = "b"\nspeed = 1.1\n'
        '[names]\njared = "am_adam"\nlex = "am_michael"\nmartha = "af_heart"'
    )
    request = settings.request("hi", VOICES)
    assert request.voice == (("am_adam", 0.5), ("am_michael", 0.3), ("af_heart", 0.2))
    assert (request.lang, request.speed) == ("en-gb", 1.1)


@pytest.mark.parametrize("letter", LANGUAGES)
def test_every_letter_of_kokoro_is_a_language(letter: str) -> None:
    assert parsed(f'language = "{letter}"').language == LANGUAGES[letter]


def test_a_tag_is_a_language_too() -> None:
    assert parsed('language = "pt_BR"').language == "pt-br"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('voice = "am_adam50_am_michael40"', "live.toml: [voice] the percentages of voice 'am_adam50_am_michael40' "
         "sum to 90, not 100; change them to sum to 100"),
        ('voice = "am_adm50_am_michael50"', "live.toml: [voice] the voice 'am_adm' is not known; the nearest are"),
        ('engine = "koko"', "live.toml: [engine] 'koko' is no speech provider; there are espeak, kokoro"),
        ('voices = "a"', "live.toml: the key 'voices' is not known; did you mean 'voice'?"),
        ("speed = 9", "live.toml: [speed] is 9; write a number from 0.5 to 2"),
        ("speed = true", "live.toml: [speed] is True; write a number"),
        ('language = "x"', "live.toml: [language] is 'x'; write one of a (en-us)"),
        ("cooldown_s = -1", "live.toml: [cooldown_s] is -1; write a number from 0 to 3600"),
        ('[text]\npolicy = "drop"', "live.toml: [text] policy is 'drop'; write one of mask, refuse"),
        ('[text]\nblocked = "bad"', "live.toml: [text] blocked is 'bad', no list of texts"),
        ("[names]\njared = 1", "live.toml: [names] jared is 1; write a voice in quotes"),
        ("voice =", "live.toml: the file is not TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(LiveSettingsError) as raised:
        parsed(text).request("hi", VOICES)
    assert str(raised.value).startswith(says)
    assert "\n" not in str(raised.value)

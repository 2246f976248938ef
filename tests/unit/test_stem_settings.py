import pytest

from audio_assets.domain.stem_settings import StemVoice, TomlError, parse_stem_settings


def test_without_a_file_the_narrator_says_the_value_in_the_studios_language() -> None:
    assert set(parse_stem_settings(b"", "stems.toml", "es").values()) == {StemVoice("narrator", "es")}


def test_each_kind_has_its_own_voice_and_words() -> None:
    text = b'[name]\ncharacter = "anna"\nlang = "fr_CA"\ntext = "Hola, {value}!"\n'
    found = parse_stem_settings(text, "stems.toml", "es")
    assert found["name"] == StemVoice("anna", "fr-ca", "Hola, {value}!")
    assert found["name"].words("{José}") == "Hola, {José}!"
    assert found["script"] == StemVoice("narrator", "es")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[nme]\n", "did you mean 'name'"),
        ('[name]\nvoice = "x"\n', "'voice' is not known"),
        ("[name]\nlang = 3\n", "lang is 3"),
        ('[name]\ntext = "Hola"\n', "without a place for the name"),
        ('[name]\ntext = "{value} {x}"\n', "only {value}"),
        ("name = 3\n", "where a table is meant"),
        ("[name\n", "not TOML"),
    ],
)
def test_a_mistake_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(TomlError) as raised:
        parse_stem_settings(text.encode(), "stems.toml", "en")
    assert says in str(raised.value)
    assert str(raised.value).startswith("stems.toml")

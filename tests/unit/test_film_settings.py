import pytest

from audio_assets.domain.edit import Joins
from audio_assets.domain.film_settings import Delivery, FilmSettings, parse_film_settings
from audio_assets.domain.toml_tables import TomlError, parse_toml


def parsed(text: str) -> FilmSettings:
    return parse_film_settings(parse_toml(text.encode(), "song.toml"), "song.toml")


def test_nothing_said_is_all_defaults() -> None:
    assert parsed("") == FilmSettings()
    assert dict(parsed("").deliverables) == {"mp4": Delivery()}


def test_everything_said_is_read() -> None:
    text = """
    n_takes = 3
    animatic = {lyrics = true, card = true}
    [film]
    transition = "dissolve"
    section_types = {chorus = "dip"}
    transition_frames = 8
    fit = "letterbox"
    lut = "grade.cube"
    [deliverables.vertical]
    subtitles = "burned"
    [deliverables.mp4]
    loudness_lufs = -16
    """
    found = parsed(text)
    assert (found.n_takes, found.shows_lyrics, found.shows_card) == (3, True, True)
    assert found.joins == Joins("dissolve", "dissolve", 8, {"chorus": "dip"}), "a section begins as any scene does"
    assert (found.fit, found.lut) == ("letterbox", "grade.cube")
    assert dict(found.deliverables) == {"mp4": Delivery("side", -16.0), "vertical": Delivery("burned")}
    assert list(found.deliverables) == ["mp4", "vertical"], "in the order of formats, however they are written"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n_takes = 0", r"\[n_takes\] is 0; write a whole number from 1 to 12"),
        ("n_takes = true", "a whole number"),
        ("[film]\ntransition = 'fade'", "transition.*fade"),
        ("[film]\ntransition_frames = 1", "from 2 to 120"),
        ("[film]\nlut = 'grade.png'", "no .cube file"),
        ("[film]\nlut = '../grade.cube'", "lut"),
        ("[film]\nsection_types = {chrous = 'dip'}", "chrous"),
        ("[film]\nfitt = 'cover'", "fitt"),
        ("[deliverables.mp5]", "mp5"),
        ("[deliverables.mp4]\nsubtitles = 'yes'", "subtitles"),
        ("[deliverables.mp4]\nloudness_lufs = 3", "loudness_lufs"),
        ("deliverables = ['mp4']", "deliverables"),
        ("animatic = {lyric = true}", "lyric"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(text: str, said: str) -> None:
    with pytest.raises(TomlError, match=said) as caught:
        parsed(text)
    assert "song.toml" in str(caught.value)
    assert "\n" not in str(caught.value)

import pytest

from audio_assets.domain import visemes
from audio_assets.domain.phonemes import ARPABET_TO_IPA, nearest_arpabet


@pytest.mark.parametrize("arpabet", sorted(ARPABET_TO_IPA))
def test_every_sound_has_every_kind_of_mouth(arpabet: str) -> None:
    assert 1 <= visemes.AZURE_VISEME[arpabet] <= 21
    assert visemes.OCULUS_VISEME[arpabet] in visemes.OCULUS_VISEMES[1:]
    assert all(0 <= value <= 1 for part in visemes.OPENING[arpabet] for value in part)
    for duration_s in (0.03, 0.1, 0.25, 0.5):
        sets = visemes.allowed_shapes(arpabet, duration_s)
        assert len(sets) in (1, 2)
        assert all(shapes and set(shapes) <= set(visemes.SHAPES) for shapes in sets)


def test_tables_know_no_other_sounds() -> None:
    for table in (visemes.AZURE_VISEME, visemes.OCULUS_VISEME, visemes.OPENING):
        assert set(table) == set(ARPABET_TO_IPA)


def test_ids_are_all_in_use() -> None:
    assert {visemes.AZURE_SILENCE, *visemes.AZURE_VISEME.values()} == set(range(22))
    assert {visemes.OCULUS_SILENCE, *visemes.OCULUS_VISEME.values()} == set(visemes.OCULUS_VISEMES)
    assert len(visemes.OCULUS_VISEMES) == 15


@pytest.mark.parametrize(
    ("arpabet", "duration_s", "sets"),
    [
        ("AA", 0.1, ("D",)),
        ("AH", 0.19, ("C",)),
        ("AH", 0.2, ("D",)),
        ("AX", 0.5, ("BC",)),
        ("ER", 0.06, ("BC",)),
        ("ER", 0.07, ("E",)),
        ("AY", 0.1, ("C", "B")),
        ("AY", 0.2, ("D", "B")),
        ("AW", 0.29, ("C", "E")),
        ("AW", 0.3, ("D", "E")),
        ("OW", 0.1, ("E", "F")),
        ("L", 0.1, ("BEFH",)),
        ("L", 0.2, ("H",)),
        ("M", 0.1, ("A",)),
        ("V", 0.1, ("G",)),
        ("HH", 0.1, ("ABCDEFGHX",)),
    ],
)
def test_rhubarbs_rules(arpabet: str, duration_s: float, sets: tuple[str, ...]) -> None:
    assert visemes.allowed_shapes(arpabet, duration_s) == sets


@pytest.mark.parametrize(
    ("ipa", "azure", "oculus"),
    [
        ("p", 21, "PP"),
        ("f", 18, "FF"),
        ("aɪ", 11, "aa"),
        ("ʃ", 16, "CH"),
        ("h", 12, "E"),
        ("i", 6, "ih"),
        ("u", 7, "ou"),
    ],
)
def test_visemes_of_english(ipa: str, azure: int, oculus: str) -> None:
    assert (visemes.azure_viseme(ipa), visemes.oculus_viseme(ipa)) == (azure, oculus)


@pytest.mark.parametrize("ipa", ["ɑ̃", "ɔ̃", "ɛ̃", "œ̃", "y", "ø", "ʁ", "ɲ", "x", "ç", "ɯ", "aː", "r"])
def test_other_languages_have_mouths_too(ipa: str) -> None:
    assert visemes.azure_viseme(ipa) > 0
    assert visemes.oculus_viseme(ipa) != visemes.OCULUS_SILENCE


def test_lips_of_other_languages_are_round_where_they_should_be() -> None:
    for ipa in ("y", "ø", "ɥ"):
        assert visemes.allowed_shapes(nearest_arpabet(ipa) or "", 0.1) == ("F",)


def test_what_is_no_phoneme_is_silence() -> None:
    assert visemes.azure_viseme("") == 0
    assert visemes.oculus_viseme("?") == "sil"

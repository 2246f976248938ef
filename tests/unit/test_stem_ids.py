import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.stem_ids import KINDS, LONGEST_SLUG, parse_stem_id, slug, stem_id


@pytest.mark.parametrize("value", ["José", "JOSE", "  jose ", "jose\u0301", "Ｊｏｓé", "Jose!"])
def test_accents_case_spaces_and_widths_are_one_stem(value: str) -> None:
    assert stem_id("name", value) == "stem.name.jose"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("María José", "maria-jose"),
        ("Iñaki", "inaki"),
        ("O’Neil", "oneil"),
        ("Łukasz", "lukasz"),
        ("Щукин", "shchukin"),
        ("Йорк", "york"),
        ("Ελένη", "eleni"),
        ("김민수", "gimminsu"),
        ("さくら", "sakura"),
        ("美咲", "u7f8eu54b2"),
        ("a/b|c\n..", "a-b-c"),
    ],
)
def test_other_letters_are_written_in_latin_ones(value: str, expected: str) -> None:
    assert slug(value) == expected


def test_marks_of_other_scripts_keep_values_apart() -> None:
    assert slug("किरण") != slug("करण")


def test_a_value_without_a_letter_is_refused() -> None:
    with pytest.raises(ValueError, match="no letter and no digit"):
        slug(" ...! ")


def test_long_values_that_begin_alike_stay_apart() -> None:
    first, second = slug("a" * 300 + "b"), slug("a" * 300 + "c")
    assert first != second
    assert max(len(first), len(second)) <= LONGEST_SLUG


@given(st.text(max_size=80))
def test_any_text_has_a_safe_slug_that_is_its_own_or_none(text: str) -> None:
    try:
        found = slug(text)
    except ValueError:
        return
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", found)
    assert slug(found) == found
    for kind in KINDS:
        assert parse_stem_id(stem_id(kind, text)) == (kind, found)


@pytest.mark.parametrize(
    "text", ["jose", "stem.nome.jose", "stem.name.", "stem.name.José", "stem.name.a.b", "stem.name.-a"]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no stem id"):
        parse_stem_id(text)

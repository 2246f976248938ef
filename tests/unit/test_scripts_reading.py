import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.cast import parse_cast
from audio_assets.domain.lexicon import parse_lexicon
from audio_assets.domain.lines import match_lines, match_translation
from audio_assets.domain.scripts.markup import MarkupError, plain_text, speakable
from audio_assets.domain.scripts.reading import MAX_SCRIPT_BYTES, ScriptError, parse_script

DATA = Path(__file__).resolve().parents[2] / "data"
SOURCE = 'label a:\n    e "Café."\n    e "Two."\n'


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_endings_and_byte_order_marks_change_nothing(newline, bom):
    parsed = parse_script(bom + SOURCE.replace("\n", newline).encode(), "a.rpy", variables={})
    assert parsed == parse_script(SOURCE.encode(), "a.rpy", variables={})
    assert [line.source_line for line in parsed.lines] == [2, 3]


@pytest.mark.parametrize(
    ("data", "path", "hint"),
    [
        (SOURCE.encode("utf-16"), "a.rpy", "UTF-16; save it as UTF-8"),
        (SOURCE.encode("utf-16-le"), "a.rpy", "UTF-16"),
        (SOURCE.encode("utf-16-be"), "a.rpy", "UTF-16"),
        (SOURCE.encode("latin-1"), "a.rpy", "a.rpy:2: the byte 0xe9 is not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 9, "a.rpy", "no text"),
        (b"abc\0def", "a.txt", "NUL"),
        (b"hello", "a.docx", ".docx"),
        (b"hello", "script", ".rpy"),
        (b"x" * (MAX_SCRIPT_BYTES + 1), "a.txt", "too large"),
    ],
)
def test_a_file_that_can_not_be_read_says_why_in_one_sentence(data, path, hint):
    with pytest.raises(ScriptError) as caught:
        parse_script(data, path, variables={})
    assert hint in str(caught.value)
    assert str(caught.value).startswith(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["a.rpy", "a.csv", "a.jsonl", "a.txt"])
def test_an_empty_file_has_no_lines(path):
    assert parse_script(b"", path, variables={}).lines == ()


def test_the_default_language_is_filled_in():
    assert {line.lang for line in parse_script(SOURCE.encode(), "a.rpy", variables={}, default_lang="DE").lines} == {
        "de"
    }


def test_a_table_in_a_translation_folder_translates():
    original = parse_script(b"id,text\nL1,Yes\n", "game/lines.csv", variables={})
    parsed = parse_script(b"id,text\nL1,Oui\n", "game/tl/french/lines.csv", variables={})
    assert (parsed.translates, parsed.language) == (True, "fr")
    found = match_translation(match_lines([], original.lines).lines, parsed.lines)
    assert [(line.line_id, line.text, line.lang) for line in found.lines] == [("l1", "Oui", "fr")]


@given(st.binary(max_size=200), st.sampled_from(["a.rpy", "a.csv", "a.jsonl", "a.txt"]))
def test_any_bytes_give_lines_or_one_sentence(data, path):
    try:
        parsed = parse_script(data, path, variables={})
    except ScriptError:
        return
    assert all(any(c.isalnum() for c in line.text) for line in parsed.lines)


# Text


@given(st.text())
def test_plain_text_is_nfc_on_one_line_and_settled(text):
    plain = plain_text(text)
    assert plain_text(plain) == plain
    assert not any(unicodedata.category(c) in {"Cc", "Cs"} for c in plain)
    assert plain == plain.strip()


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("e\u0301te\u0301", "été"),
        ("a\x07b\x00c\td\u200be\u202ef", "abc def"),
        ("مرحبا بالعالم", "مرحبا بالعالم"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("ok \U0001f600", "ok \U0001f600"),
        ("5 % [[ {{ %%", "5 % [ { %"),
        ("one{p}two{done}three", "one two"),
        ("%(who)s and [who]", "Bo and Bo"),
        ("[items[0]]", "plum"),
        ("New{#menu} game", "New game"),
    ],
)
def test_what_is_spoken(text, spoken):
    assert speakable(text, {"who": "Bo", "items[0]": "plum"}) == spoken


@pytest.mark.parametrize("text", ["", "...", "\U0001f600\U0001f44d", "{i}{/i}", "[x]", "[x", "{x", "%(x)s"])
def test_what_can_not_be_spoken_has_a_remedy(text):
    with pytest.raises(MarkupError) as caught:
        speakable(text, {})
    assert caught.value.remedy


# The committed examples


def example(name: str):
    cast = parse_cast((DATA / "cast.toml").read_bytes(), "data/cast.toml")
    return parse_script((DATA / "examples" / name).read_bytes(), name, variables=cast.variables)


@pytest.mark.parametrize("name", ["formats/market.csv", "formats/radio.jsonl", "formats/letter.txt"])
def test_the_examples_are_read_whole(name):
    parsed = example(name)
    assert not parsed.problems
    assert len(parsed.lines) >= 3
    assert len({line.character for line in parsed.lines}) >= 3


def test_the_lighthouse_is_what_it_should_show():
    original, french = example("lighthouse/script.rpy"), example("lighthouse/tl/french/script.rpy")
    assert (original.problems, french.problems) == ((), ())
    assert len(original.lines) == 12
    assert {line.label for line in original.lines} == {"arrival", "lamp"}
    assert {line.character for line in original.lines} == {"narrator", "Caoimhe", "Tomas"}
    lexicon = parse_lexicon((DATA / "lexicon.toml").read_bytes(), "data/lexicon.toml")
    assert any(lexicon.pronunciations(line.text, "en", line.character) for line in original.lines)
    found = match_translation(match_lines([], original.lines).lines, french.lines)
    assert (len(found.lines), found.problems, found.missing) == (12, (), ())

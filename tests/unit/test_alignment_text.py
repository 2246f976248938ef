from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.alignment_text import text_words


def said(text: str, lang: str = "en") -> list[tuple[str, str]]:
    return [(word.word, " ".join(word.readings[0])) for word in text_words(text, lang)]


@given(st.text())
def test_any_text_gives_words_in_order_that_stand_where_they_say(text: str) -> None:
    previous_end = 0
    for word in text_words(text):
        assert text[word.start : word.end] == word.word
        assert word.start >= previous_end
        assert word.readings
        assert all(spoken and spoken == spoken.lower() for reading in word.readings for spoken in reading)
        previous_end = word.end


@given(st.text(alphabet=" .,;:!?-—…\"'“”()[]\n\t"))
def test_punctuation_alone_is_not_spoken(text: str) -> None:
    assert text_words(text) == ()


def test_a_hyphenated_word_is_one_word_of_the_text_and_two_that_are_spoken() -> None:
    assert said("Twenty-one ships.") == [("Twenty-one", "twenty one"), ("ships", "ships")]


def test_punctuation_and_quotes_of_any_kind_stay_out_of_words() -> None:
    assert [word for word, _ in said("“Well,” she said—‘no’… (really?)")] == ["Well", "she", "said", "no", "really"]


def test_a_curly_apostrophe_is_an_apostrophe() -> None:
    assert said("Don’t") == [("Don’t", "don't")]


def test_a_year_is_first_read_as_a_year_and_can_be_read_as_a_count() -> None:
    (word,) = text_words("1984")
    assert word.readings[0] == ("nineteen", "eighty", "four")
    assert ("one", "thousand", "nine", "hundred", "eighty", "four") in word.readings


def test_numbers_in_every_dress() -> None:
    assert said("007 21st 3.5 1,234 50% $5.50 7:05 the 1990s") == [
        ("007", "oh oh seven"), ("21st", "twenty first"), ("3.5", "three point five"),
        ("1,234", "one thousand two hundred thirty four"), ("50%", "fifty percent"),
        ("$5.50", "five dollars fifty cents"), ("7:05", "seven oh five"),
        ("the", "the"),
        ("1990s", "nineteen nineties"),
    ]  # fmt: skip


def test_an_abbreviation_keeps_its_stop_and_a_sentence_end_does_not() -> None:
    assert said("Dr. No, e.g. at 9 a.m., said no.") == [
        ("Dr.", "doctor"), ("No", "no"), ("e.g.", "for example"), ("at", "at"), ("9", "nine"), ("a.m.", "a m"),
        ("said", "said"), ("no", "no"),
    ]  # fmt: skip


def test_letters_are_spelled_where_they_can_not_be_read() -> None:
    assert said("HTML on TV, U.S.A. or NASA") == [
        ("HTML", "h t m l"), ("on", "on"), ("TV", "t v"), ("U.S.A.", "u s a"), ("or", "or"), ("NASA", "nasa"),
    ]  # fmt: skip


def test_numbers_are_read_in_the_language_of_the_text() -> None:
    assert said("21 ans", "fr") == [("21", "vingt et un"), ("ans", "ans")]

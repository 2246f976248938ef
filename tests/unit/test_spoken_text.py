import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.spoken_text import SpokenWord, pieces, spoken_words


def said(text: str, lang: str = "en") -> str:
    return " ".join(word.said for word in spoken_words(text, lang))


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("1984", "nineteen eighty four"),
        ("1,000 km", "one thousand kilometers"),
        ("1 km", "one kilometer"),
        ("3.14", "three point one four"),
        ("-5", "minus five"),
        ("#1", "number one"),
        ("007", "zero zero seven"),
        ("3rd", "third"),
        ("1980s", "nineteen eighties"),
        ("the '80s", "the eighties"),
        ("20%", "twenty percent"),
        ("50 %", "fifty percent"),
        ("$5.50", "five dollars and fifty cents"),
        ("$1", "one dollar"),
        ("$0.99", "ninety nine cents"),
        ("$5 million", "five million dollars"),
        ("5:30 p.m.", "five thirty P M"),
        ("5pm", "five P M"),
        ("10:00", "ten o'clock"),
        ("10:05", "ten oh five"),
        ("10-20", "ten to twenty"),
        ("24/7", "twenty four seven"),
        ("1/2", "one half"),
        ("5km", "five kilometers"),
        ("3D", "three D"),
        ("B2B", "B two B"),
        ("and/or", "and or"),
        ("R&B", "R and B"),
        ("Mr. Smith", "mister Smith"),
        ("Dr. No", "doctor No"),
        ("St. John", "saint John"),
        ("No. I won't", "No I won't"),
        ("No. 5", "number five"),
        ("e.g. this", "for example this"),
        ("the U.S.A. won", "the U S A won"),
        ("TVs", "T V's"),
        ("W-what", "wuh what".replace("wuh", "whuh")),
        ("B-b-but", "buh buh but"),
        ("I-I know", "I I know"),
        ("well-known", "well known"),
        ("'hello'", "hello"),
        ("'em", "'em"),
        ("the dogs' goin'", "the dogs' goin'"),
        ("*sigh* Umm", "sigh Umm"),
        ("see www.example.com/a1", "see example dot com slash a one"),
        ("me@example.org", "me at example dot org"),
    ],
)
def test_english(text: str, spoken: str) -> None:
    assert said(text) == spoken


@pytest.mark.parametrize(
    ("text", "lang", "spoken"),
    [
        ("21h", "fr", "vingt et un heures"),
        ("1er", "fr", "premier"),
        ("234,5€", "fr", "deux cent trente quatre euros et cinquante centimes"),
        ("1\u202f234", "fr", "mille deux cent trente quatre"),
        ("3,5", "fr", "trois virgule cinq"),
        ("3.14", "fr", "trois virgule un quatre"),
        ("M. Dupont", "fr", "monsieur Dupont"),
        ("J-je", "fr", "je je"),
        ("Sr. López: 1.234", "es", "señor López mil doscientos treinta y cuatro"),
        ("50%", "es", "cincuenta por ciento"),
        ("1984", "de", "neunzehnhundertvierundachtzig"),
        ("नमस्ते 5", "hi", "नमस्ते 5"),
    ],
)
def test_other_languages(text: str, lang: str, spoken: str) -> None:
    assert said(text, lang) == spoken


def test_words_are_the_texts_own() -> None:
    words = spoken_words("In 1984—they say—Mr. X paid $5!", "en")
    assert [word.word for word in words] == ["In", "1984", "they", "say", "Mr.", "X", "paid", "$5"]


def test_marks_stay_with_their_words() -> None:
    words = spoken_words('He said "no"... (really), then left?!', "en")
    assert [(w.before, w.after) for w in words] == [
        ("", ""),
        ("", ""),
        ("“", "”…"),
        ("(", "),"),
        ("", ""),
        ("", "?!"),
    ]


def test_an_ellipsis_parts_words_without_a_space() -> None:
    assert [(w.word, w.after) for w in spoken_words("my mind...thoughts", "en")][1:] == [
        ("mind", "…"),
        ("thoughts", ""),
    ]


def test_capitals_are_emphasis_unless_all_is_capitals() -> None:
    assert [w.is_emphasised for w in spoken_words("I said NO", "en")] == [False, False, True]
    assert not any(w.is_emphasised for w in spoken_words("I SAID NO", "en"))


def test_respellings_come_first() -> None:
    words = spoken_words("Xyzzy's XYZZY, 1984", "en", respellings={"xyzzy": "zizzy", "1984": "the year"})
    assert [w.said for w in words] == ["zizzy's", "zizzy", "the year"]


@pytest.mark.parametrize("text", ["", "   ", "😀", "🙂 … !!!", "***", "---", "\u200b"])
def test_nothing_sayable_is_no_word(text: str) -> None:
    assert spoken_words(text, "en") == ()


@given(st.text(max_size=60), st.sampled_from(["en", "en-gb", "fr", "es", "hi", "xx"]))
def test_any_text_is_read(text: str, lang: str) -> None:
    for word in spoken_words(text, lang):
        assert word.word
        assert word.said == " ".join(word.said.split())
        assert word.said


def words_of(*afters: str) -> list[SpokenWord]:
    return [SpokenWord(f"w{n}", f"w{n}", after=after) for n, after in enumerate(afters)]


@given(st.lists(st.tuples(st.integers(1, 20), st.sampled_from(["", "", ",", "."])), min_size=1, max_size=40))
def test_pieces_cover_all_and_keep_the_limit(parts: list[tuple[int, str]]) -> None:
    costs = [cost for cost, _ in parts]
    found = pieces(words_of(*(after for _, after in parts)), costs, 25)
    assert [a for a, _ in found] == [0, *(b for _, b in found[:-1])]
    assert found[-1][1] == len(parts)
    assert all(sum(costs[a:b]) <= 25 for a, b in found)


def test_pieces_prefer_sentences_then_clauses_then_the_middle() -> None:
    assert pieces(words_of("", ".", "", "", "", ""), [1] * 6, 5) == [(0, 2), (2, 6)]
    assert pieces(words_of("", ",", "", "", "", ""), [1] * 6, 5) == [(0, 2), (2, 6)]
    assert pieces(words_of("", "", "", "", "", ""), [1] * 6, 5) == [(0, 3), (3, 6)]
    assert pieces(words_of("", ",", "", "."), [1] * 4, 4) == [(0, 4)]

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.timeline import Phone, Timeline, Word
from audio_assets.domain.word_times import WordTimesError, phones_of_symbols, words_of_characters, words_of_tokens

STEP_S = 0.25


def tokens(said: str) -> list[Word]:
    """Tokens of a quarter of a second each, one after the other."""
    return [Word(token, n * STEP_S, (n + 1) * STEP_S) for n, token in enumerate(said.split(" "))]


def places(words: tuple[Word, ...]) -> list[tuple[str, float, float]]:
    """Words with their times in tokens."""
    return [(word.word, round(word.t_start / STEP_S, 2), round(word.t_end / STEP_S, 2)) for word in words]


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        ("Hello, world!", "Hello, world!", [("Hello", 0, 1), ("world", 1, 2)]),
        ("Hello, world!", "hello , world !", [("Hello", 0, 1), ("world", 2, 3)]),
        ("“Déjà vu” — twice", "deja VU twice", [("Déjà", 0, 1), ("vu", 1, 2), ("twice", 2, 3)]),
        ("In 1984 we", "in nineteen eighty four we", [("In", 0, 1), ("1984", 1, 4), ("we", 4, 5)]),
        ("Costs $5 today", "costs five dollars today", [("Costs", 0, 1), ("$5", 1, 3), ("today", 3, 4)]),
        ("Dr. Smith", "doctor smith", [("Dr.", 0, 1), ("Smith", 1, 2)]),
        ("Smith Co. left", "smith company left", [("Smith", 0, 1), ("Co.", 1, 2), ("left", 2, 3)]),
        ("Ask Nguyen now", "Ask win now", [("Ask", 0, 1), ("Nguyen", 1, 2), ("now", 2, 3)]),
        ("Ask Cartesia now", "Ask <<k|ɑ|ɹ|ˈ|t|i|ʒ|ə>> now", [("Ask", 0, 1), ("Cartesia", 1, 2), ("now", 2, 3)]),
        ("well known fact", "wellknown fact", [("well", 0, 0.44), ("known", 0.44, 1), ("fact", 1, 2)]),
        ("a wellknown fact", "a well known fact", [("a", 0, 1), ("wellknown", 1, 3), ("fact", 3, 4)]),
        ("one two three four", "one three four", [("one", 0, 1), ("three", 1, 2), ("four", 2, 3)]),
        ("yes yes yes", "yes yes yes", [("yes", 0, 1), ("yes", 1, 2), ("yes", 2, 3)]),
        ("one two", "one uh two", [("one", 0, 1), ("two", 2, 3)]),
    ],
)  # fmt: skip
def test_tokens_become_the_words_of_the_text(text: str, said: str, expected: list[tuple[str, float, float]]) -> None:
    heard = tokens(said)
    assert places(words_of_tokens(text, "en", heard, len(heard) * STEP_S)) == expected


def test_characters_of_the_text_itself_give_exact_words() -> None:
    text = "Oh, it's 9."
    edges = np.linspace(0, 1.1, len(text) + 1).tolist()
    found = words_of_characters(text, "en", list(text), edges[:-1], edges[1:], 1.1)
    assert [(w.word, round(w.t_start, 2), round(w.t_end, 2)) for w in found] == [
        ("Oh", 0.0, 0.2), ("it's", 0.4, 0.8), ("9", 0.9, 1.0),
    ]  # fmt: skip


def test_characters_of_another_writing_are_joined_to_tokens() -> None:
    said = "at nine!"
    edges = np.linspace(0, 0.8, len(said) + 1).tolist()
    found = words_of_characters("At 9!", "en", list(said), edges[:-1], edges[1:], 0.8)
    assert [(w.word, round(w.t_start, 2), round(w.t_end, 2)) for w in found] == [("At", 0.0, 0.2), ("9", 0.3, 0.8)]
    with pytest.raises(WordTimesError, match="8 characters: 7 starts, 8 ends"):
        words_of_characters("At 9!", "en", list(said), edges[1:-1], edges[1:], 0.8)


def test_words_end_with_the_audio_and_never_overlap() -> None:
    found = words_of_tokens(
        "one two three", "en", [Word("one", 0, 0.6), Word("two", 0.5, 0.9), Word("three", 0.9, 1.2)], 1.0
    )
    assert [(w.t_start, w.t_end) for w in found] == [(0, 0.6), (0.6, 0.9), (0.9, 1.0)]


@pytest.mark.parametrize(
    ("heard", "says"),
    [
        ([Word("one", 0, 1), Word("two", 1, 2.3)], "cut off: it lasts 2.00 s, and its last word ends at 2.30 s"),
        ([Word("one", 1, 1.5), Word("two", 0.5, 1)], "'two' is timed at 0.500 s, before what stands in front of it"),
        ([Word("one", 0, float("nan")), Word("two", 1, 2)], "'one' is timed from 0 s to nan s"),
        ([Word("one", 1, 0.5), Word("two", 1, 2)], "'one' is timed from 1 s to 0.5 s"),
        ([Word("one", -1, 0.5), Word("two", 1, 2)], "'one' is timed from -1 s"),
        ([], "not those of the text: ''"),
    ],
)
def test_times_that_can_not_be_are_refused(heard: list[Word], says: str) -> None:
    with pytest.raises(WordTimesError) as caught:
        words_of_tokens("one two", "en", heard, 2.0)
    assert says in str(caught.value)


def test_symbols_become_our_phonemes_and_silences_none() -> None:
    found = phones_of_symbols(["sil", "h", "ˈɛ", "l", "oʊ", "", "tʃiː", "spn"], *times(8), 4.0)
    assert [p.phoneme for p in found] == ["h", "ɛ", "l", "oʊ", "tʃ", "i"]
    assert (found[0].t_start, found[4].t_start, found[4].t_end, found[5].t_end) == (0.5, 3.0, 3.25, 3.5)
    with pytest.raises(WordTimesError, match=r"cut off: it lasts 2\.00 s"):
        phones_of_symbols(["h", "oʊ"], [0.0, 2.0], [2.0, 4.0], 2.0)
    with pytest.raises(WordTimesError, match="1 phonemes: 2 starts"):
        phones_of_symbols(["h"], [0.0, 2.0], [2.0, 4.0], 2.0)


def times(n: int) -> tuple[list[float], list[float]]:
    return [0.5 * i for i in range(n)], [0.5 * (i + 1) for i in range(n)]


@given(
    st.lists(st.text("abc 1,.'é-", min_size=1, max_size=6), max_size=6),
    st.lists(st.tuples(st.text("abc 1,.'é-", max_size=6), st.floats(0, 0.5)), max_size=6),
)
def test_whatever_is_said_words_rise_inside_the_audio(text: list[str], said: list[tuple[str, float]]) -> None:
    at, heard = 0.0, []
    for token, length in said:
        heard.append(Word(token, at, at + length))
        at += length
    try:
        found = words_of_tokens(" ".join(text), "en", heard, at)
    except WordTimesError:
        return
    assert Timeline((), found, at).faults() == []


def test_phones_rise_too() -> None:
    found = phones_of_symbols(["a", "b"], [0.0, 0.04], [0.1, 0.2], 0.15)
    assert found == (Phone("a", 0.0, 0.1), Phone("b", 0.1, 0.15))


def test_the_words_of_another_text_are_not_taken_for_ours() -> None:
    text = "The birch canoe slid on the smooth planks."
    for said in ("Glue the sheet to the dark blue background.", "Rice is often served in round bowls."):
        heard = tokens(said)
        with pytest.raises(WordTimesError, match="not those of the text"):
            words_of_tokens(text, "en", heard, len(heard) * STEP_S)

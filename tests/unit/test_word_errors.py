import pytest

from audio_assets.domain.word_errors import comparable_words, word_error_rate, word_errors


def test_the_same_words_are_no_error() -> None:
    assert word_errors(
        "I'm going to pay $5 in 1984, okay?", "I am gonna pay five dollars in nineteen eighty-four. OK"
    ) == (0, 12)
    assert word_errors("anyone", "any one") == (0, 1)


@pytest.mark.parametrize(
    ("reference", "heard", "errors"),
    [("a b c d", "a b x d", 1), ("a b c d", "a b d", 1), ("a b c d", "a b c c d", 1), ("one two", "", 2)],
)
def test_each_edit_counts_once(reference: str, heard: str, errors: int) -> None:
    assert word_errors(reference, heard)[0] == errors


def test_the_rate_is_over_all_words() -> None:
    assert word_error_rate([("one two three", "one two three"), ("four", "five")]) == 0.25
    assert word_error_rate([]) == 0.0


def test_comparable_words_has_no_marks() -> None:
    assert comparable_words("“Hey!” Mr. Smith's—dog?") == ["hey", "mr", "smith", "is", "dog"]

import pytest

from audio_assets.domain.toml_tables import nearest

KNOWN = ("scene_take", "selected_take", "take_review", "stem", "voice_line")


@pytest.mark.parametrize(
    ("said", "question"),
    [
        ("scene_tale", "did you mean 'scene_take'?"),
        ("take", "did you mean 'scene_take' or 'selected_take' or 'take_review'?"),
        ("Voice", "did you mean 'voice_line'?"),
        ("ake", ""),
        ("zebra", ""),
        ("", ""),
    ],
)
def test_a_slip_or_a_word_of_a_name_is_asked_about(said: str, question: str) -> None:
    assert nearest(said, KNOWN) == question


def test_a_word_of_very_many_names_means_none() -> None:
    assert not nearest("take", [f"take_{letter}_of_a_very_long_name" for letter in "abcdef"])

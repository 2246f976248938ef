import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.g2p import Entry, Lexicon, phonemes, shared_out

GOLD: dict[str, Entry] = {
    "cat": "kˈæt", "dog": "dˈɔɡ", "bus": "bˈʌs", "want": "wˈɑnt", "need": "nˈid", "walk": "wˈɔk", "love": "lˈʌv",
    "stop": "stˈɑp", "try": "tɹˈI", "no": "nˈO", "apple": "ˈæpᵊl", "of": "ʌv", "go": "ɡˈO", "lesson": "lˈɛsᵊn",
    "have": {"DEFAULT": "hæv", "None": "hˈæv"}, "live": {"DEFAULT": "lˈIv", "VERB": "lˈɪv"},
    "use": {"DEFAULT": "jˈuz", "NOUN": "jˈus"}, "read": {"DEFAULT": "ɹˈid", "VBN": "ɹˈɛd"},
    "F": "ˈɛf", "B": "bˈi", "I": "ˈI", "book": "bˈʊk", "shelf": "ʃˈɛlf", "shell": "ʃˈɛl",
}  # fmt: skip
US = Lexicon(GOLD, {"rare": "ɹˈɛɹ"})
GB = Lexicon(GOLD, {}, is_british=True)


def read(text: str, lexicon: Lexicon = US) -> str:
    words = text.split()
    pauses = [word.endswith((",", ".")) for word in words[:-1]] + [True]
    return " ".join(phonemes([w.strip(",.") for w in words], pauses, lexicon, fallback=lambda word: f"<{word}>"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cats", "kˈæts"), ("dogs", "dˈɔɡz"), ("buses", "bˈʌsᵻz"), ("dog's", "dˈɔɡz"), ("dogs'", "dˈɔɡz"),
        ("tries", "tɹˈIz"), ("walked", "wˈɔkt"), ("loved", "lˈʌvd"), ("wanted", "wˈɑntᵻd"), ("needed", "nˈidᵻd"),
        ("stopped", "stˈɑpt"), ("tried", "tɹˈId"), ("walking", "wˈɔkɪŋ"), ("loving", "lˈʌvɪŋ"),
        ("stopping", "stˈɑpɪŋ"), ("walkin'", "wˈɔkɪn"), ("Nooo", "nˈO"), ("CATS", "kˈæts"), ("rare", "ɹˈɛɹ"),
        ("bookshelf", "bˈʊkʃˌɛlf"), ("FBI", "ˌɛfbˌiˈI"), ("Zqx", "<Zqx>"), ("Hmm", "həm"),
    ],
)  # fmt: skip
def test_words(text: str, expected: str) -> None:
    assert read(text) == expected


def test_british_endings() -> None:
    assert read("buses", GB) == "bˈʌsɪz"
    assert read("wanted", GB) == "wˈɑntɪd"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the cat", "ðə kˈæt"), ("the apple", "ði ˈæpᵊl"), ("a cat", "ɐ kˈæt"), ("to go", "tə ɡˈO"),
        ("to apple", "tʊ ˈæpᵊl"), ("go to", "ɡˈO tu"), ("have no", "hæv nˈO"), ("no have", "nˈO hˈæv"),
        ("have, no", "hˈæv nˈO"), ("to live", "tə lˈɪv"), ("a live lesson", "ɐ lˈIv lˈɛsᵊn"),
        ("the use", "ðə jˈus"), ("to use", "tə jˈuz"), ("to read", "tə ɹˈid"), ("have read", "hæv ɹˈɛd"),
    ],
)  # fmt: skip
def test_the_words_around_decide(text: str, expected: str) -> None:
    assert read(text) == expected


def test_emphasis_is_a_primary_stress() -> None:
    assert phonemes(["of"], [True], US, fallback=str, is_emphasised=[True]) == ["ˈʌv"]


def test_shared_out_keeps_a_share_per_word() -> None:
    assert shared_out("a b c", ["a", "b", "c"]) == ["a", "b", "c"]
    assert shared_out("əvðə kˈat", ["ˈʌv", "ðə", "kˈat"]) == ["əv", "ðə", "kˈat"]
    assert shared_out("nɛs pa la", ["nɛs", "pala"]) == ["nɛs", "pala"]


@given(st.text("abc ", max_size=12), st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=5))
def test_shared_out_loses_nothing(together: str, alone: list[str]) -> None:
    shares = shared_out(together, alone)
    assert "".join(shares) == "".join(together.split())
    assert len(shares) == len(alone)

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.live_text import TextRules, UnspeakableError, speakable

RULES = TextRules(blocked=("bad", "worse thing", "rude*"))

CASES = {
    "plain words stay, with é and ẹ̀": "plain words stay, with é and ẹ̀",
    "go to https://x.tv/abc?d=1, now": "go to link, now",
    "see www.a-b.com. And mail.example.co": "see link. And link",
    "at 10:30:15 it was 3.14, e.g. so": "at 10:30:15 it was 3.14, e.g. so",
    "hi Kappa :PogChamp: cheer100 there": "hi there",
    "kappa is no emote in lower case": "kappa is no emote in lower case",
    "party 🎉🎉 👨‍👩‍👧 🇫🇷 1️⃣ end": "party end",
    "NOWWWWWWW!!!!!!!": "NOWWW!!!",
    "1000000 points": "1000000 points",
    "lol lol LOL lol lol ok": "lol lol LOL ok",
    "go now go now go now go now go now": "go now go now go now",
    "hahahahahahahaha": "hahaha",
    "line\none\ttwo\x00\x07three": "line one twothree",
    "a\u202eb\u200bc\ufeff": "abc",
    "H̸̡̪̯e̸̡̪̯": "He",
    "𝓱𝓮𝓵𝓵𝓸 ｗｏｒｌｄ": "hello world",
    "نمی\u200cخواهم": "نمی\u200cخواهم",
    "a BAD thing": "a beep thing",
    "b4d, bäd! and b.a.d and b a d": "beep beep and beep and beep",
    "a worse  thing, rudeness": "a beep beep",
    "badge and embadden": "badge and embadden",
    "𝓫𝓪𝓭 baaaaad": "beep beep",
}


@pytest.mark.parametrize("text", CASES)
def test_what_is_spoken(text: str) -> None:
    assert speakable(text, RULES).text == CASES[text]


def test_what_was_changed_is_told() -> None:
    found = speakable("LUL see https://x.tv 🎉 bad bad noooooo", RULES)
    assert found.text == "see link beep beep nooo"
    assert found.notes == (
        "1 link is spoken as 'link'",
        "1 emote left out",
        "1 emoji left out",
        "2 blocked words are spoken as 'beep'",
        "repetitions are capped at 3",
    )
    assert speakable("as it came", RULES).notes == ()


def test_emoji_can_be_named_once_each() -> None:
    assert speakable("so 😀😀😀 🎉", TextRules(emoji="name")).text == "so grinning face party popper"


def test_a_long_text_is_cut_at_a_word() -> None:
    found = speakable(" ".join(f"word{n}" for n in range(100)), TextRules(longest=50))
    assert found.text == "word0 word1 word2 word3 word4 word5 word6 word7"
    assert found.notes == ("cut to 47 of 689 characters",)


@pytest.mark.parametrize(
    ("text", "why"),
    [("🎉🎉", "nothing is left to speak of its text: 2 emoji left out"), ("?!", "nothing is left to speak of its text"),
     ("Kappa LUL", "nothing is left to speak of its text: 2 emotes left out")],
)  # fmt: skip
def test_a_text_of_which_nothing_is_left_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnspeakableError) as raised:
        speakable(text, RULES)
    assert str(raised.value) == why


def test_a_blocked_word_may_refuse_the_message_without_repeating_the_word() -> None:
    with pytest.raises(UnspeakableError, match=r"^it holds 2 blocked words$"):
        speakable("a b4d and rude thing", TextRules(blocked=("bad", "rude"), policy="refuse"))


@given(st.text(max_size=400))
def test_whatever_is_typed_is_short_and_holds_nothing_invisible(text: str) -> None:
    try:
        found = speakable(text, TextRules(longest=80)).text
    except UnspeakableError:
        return
    assert 0 < len(found) <= 80
    assert found == found.strip()
    joiners = "\u200c\u200d"
    assert not [c for c in found if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Cn") and c not in joiners]
    assert not re.search(r"([^\d\s])\1{3}", found)
    assert "://" not in re.sub(r"(?<![a-z])://", "", found, flags=re.IGNORECASE)


@given(st.lists(st.sampled_from(["lol", "go", "Kappa", "https://a.tv", "bad", "no!!!!!!", "é", "🎉"]), min_size=1))
def test_what_is_safe_stays_as_it_is(words: list[str]) -> None:
    try:
        once = speakable(" ".join(words), RULES).text
    except UnspeakableError:
        return
    assert speakable(once, RULES).text == once

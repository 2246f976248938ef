from audio_assets.domain.pronounced import no_ipa, pronounced


def shouted(_word: str, ipa: str) -> str:
    return f"<{ipa}>"


def test_words_are_respelled_where_they_stand_alone_in_any_case() -> None:
    found = pronounced("GIF or gif, not gifs; O’Neil's gif.", [("gif", "jif"), ("O'Neil's", "oh neels")], no_ipa)
    assert found == ("jif or jif, not gifs; oh neels jif.", ())


def test_ipa_is_written_as_the_voice_wants_it_or_left_and_named() -> None:
    words = [("Nguyen", "/wɪn/"), ("Tchoupitoulas", "chop-uh-too-liss")]
    text = "Nguyen of Tchoupitoulas, NGUYEN"
    assert pronounced(text, words, shouted) == ("<wɪn> of chop-uh-too-liss, <wɪn>", ())
    assert pronounced(text, words, no_ipa) == ("Nguyen of chop-uh-too-liss, NGUYEN", ("Nguyen", "NGUYEN"))


def test_what_was_replaced_is_not_replaced_again_and_longer_words_come_first() -> None:
    words = [("a", "b"), ("b", "a"), ("b-a", "whole")]
    assert pronounced("a b b-a", words, no_ipa) == ("b a whole", ())
    assert pronounced("Die Straße, İ", [("straße", "schtrase"), ("i", "x")], no_ipa) == ("Die schtrase, İ", ())
    assert pronounced("as it is", [], no_ipa) == ("as it is", ())

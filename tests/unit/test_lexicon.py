import pytest

from audio_assets.domain.lexicon import Lexicon, LexiconError, parse_lexicon

LEXICON = """
[en]
GIF = "jif"
York = "/jɔɹk/"
"A.I." = "ay eye"
"O'Hara" = "oh hara"
"naïve" = "nah eve"
[en-gb]
York = "/jɔːk/"
[fr]
GIF = "jife"
[characters.Sylvie.en]
gif = "ghif"
[characters.sam]
en = { GIF = "giff" }
"""


def lexicon(text: str = LEXICON) -> Lexicon:
    return parse_lexicon(text.encode(), "data/lexicon.toml")


@pytest.mark.parametrize(
    ("text", "lang", "character", "found"),
    [
        ("Send me the gif!", "en", "Ann", [("GIF", "jif")]),
        ("GIF, GIF and gifs", "en", "Ann", [("GIF", "jif")]),
        ("gifted fig-if", "en", "Ann", []),
        ("Nothing here.", "en", "Ann", []),
        ("York, not New York.", "en", "Ann", [("York", "/jɔɹk/")]),
        ("York", "en-gb", "Ann", [("York", "/jɔːk/")]),
        ("The gif of York", "en-gb", "Ann", [("GIF", "jif"), ("York", "/jɔːk/")]),
        ("un gif", "fr", "Ann", [("GIF", "jife")]),
        ("ein GIF", "de", "Ann", []),
        ("a gif", "en", "SYLVIE", [("gif", "ghif")]),
        ("a gif", "en", "sam", [("GIF", "giff")]),
        ("The A.I. wins.", "en", "Ann", [("A.I.", "ay eye")]),
        ("O’Hara's", "en", "Ann", [("O'Hara", "oh hara")]),
        ("NAI\u0308VE", "en", "Ann", [("naïve", "nah eve")]),
    ],
)
def test_the_words_that_occur(text, lang, character, found):
    assert list(lexicon().pronunciations(text, lang, character)) == found


def test_the_script_s_short_name_serves_too():
    assert lexicon().pronunciations("gif", "en", "Samuel", short_name="sam") == (("GIF", "giff"),)


def test_a_word_that_does_not_occur_changes_nothing():
    text = "York has a gif."
    grown = lexicon(LEXICON.replace("[en]\n", '[en]\nzebra = "zeb-ra"\n', 1))
    assert grown.pronunciations(text, "en", "Ann") == lexicon().pronunciations(text, "en", "Ann")


def test_an_empty_lexicon_serves():
    assert lexicon("").pronunciations("any word", "en", "Ann") == ()
    assert Lexicon().pronunciations("any word", "en", "Ann") == ()


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("[en]\nGIF = jif", ["line 2"]),
        ("[en]\nnaïve = 'x'", ["quotes", "line 2"]),
        ("[en]\nGIF = 5", ["[en.GIF]"]),
        ("[en]\nGIF = ''", ["[en.GIF]"]),
        ("[en]\nGIF = '/dʒɪf'", ["/dʒɪf/"]),
        ("[en]\nGIF = '//'", ["slashes"]),
        ("[en]\nA.I = 'ay eye'", ["quote"]),
        ("[en]\n'?!' = 'what'", ["no word"]),
        ("[en]\nGIF = 'a'\ngif = 'b'", ["already"]),
        ("[english]\nGIF = 'a'", ["no language"]),
        ("[charakters.ann.en]\nGIF = 'a'", ["characters"]),
        ("en = 'x'", ["[en]"]),
        ("[characters.ann]\nGIF = 'a'", ["characters.ann.GIF"]),
        ("[characters.ann.en]\nx = 'a'\n[characters.ANN.en]\ny = 'b'", ["twice"]),
    ],
)
def test_a_mistake_names_the_file_the_key_and_the_remedy(text, hints):
    with pytest.raises(LexiconError) as caught:
        lexicon(text)
    assert str(caught.value).startswith("data/lexicon.toml: ")
    assert all(hint in str(caught.value) for hint in hints), str(caught.value)


def test_an_entry_is_one_word():
    with pytest.raises(LexiconError, match=r"'New York' is more than one word; give each"):
        lexicon('[en]\n"New  York" = "noo york"\n')

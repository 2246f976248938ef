import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.lines import ParsedScript, match_lines, match_translation
from audio_assets.domain.scripts.reading import parse_script
from audio_assets.domain.scripts.renpy import language_tag

DATA = Path(__file__).resolve().parents[2] / "../shared/data/dialogue/the_question"


def parse(source: str, **options: object) -> ParsedScript:
    return parse_script(source.encode(), "game/script.rpy", **{"variables": {}, **options})  # type: ignore[arg-type]


def said(source: str, **options: object) -> list[tuple[str, str]]:
    parsed = parse("label start:\n" + source, **options)
    assert not parsed.problems
    return [(line.character, line.text) for line in parsed.lines]


def renpy_id(label: str, *codes: str) -> str:
    written = "".join(f"{code}\r\n" for code in codes).encode()
    return f"{label}_{hashlib.md5(written, usedforsecurity=False).hexdigest()[:8]}"


# Who says what


@pytest.mark.parametrize(
    ("statement", "character", "text"),
    [
        ('"It rains."', "narrator", "It rains."),
        ('e "Hi."', "Eileen", "Hi."),
        ('"Guard" "Halt!"', "Guard", "Halt!"),
        ("e 'It\\'s'", "Eileen", "It's"),
        ('e "Say \\"hi\\" to 100\\% of\\nus \\[all\\] \\{now\\}"', "Eileen", 'Say "hi" to 100% of us [all] {now}'),
        ('e "a # b" # c', "Eileen", "a # b"),
        ('e "Bye." with dissolve', "Eileen", "Bye."),
        ('e "Quiet." nointeract', "Eileen", "Quiet."),
        ('e "Big." (what_size=36, a=f("x)"))', "Eileen", "Big."),
        ('e "Named." id start_hi', "Eileen", "Named."),
        ('unknown "Defined elsewhere."', "unknown", "Defined elsewhere."),
        ('e """Three quotes."""', "Eileen", "Three quotes."),
        ('e "over\n        two lines"', "Eileen", "over two lines"),
        ('e "Args"(what_size=(1,\n  2))', "Eileen", "Args"),
        ('centered "Chapter One"', "narrator", "Chapter One"),
        ("e r'raw \\n'", "Eileen", "raw \\n"),
        ('e "{i}Really{/i}{w=0.5}?{nw} {{x} [[y]"', "Eileen", "Really ? {x} [y]"),
        ('e "{noalt}<3{/noalt}{alt}Love{/alt} {rb}kanji{/rb}{rt}reading{/rt}"', "Eileen", "Love kanji"),
    ],
)
def test_one_statement(statement, character, text):
    assert said(f"    {statement}\n", characters={"e": "Eileen"}) == [(character, text)]


def test_characters_of_every_kind():
    parsed = parse(
        "define e = Character('Eileen', color='#fff')\n"
        'define s = Character(_("Sylvie"))\n'
        "define n = Character(None, kind=nvl)\n"
        'define p = Character("[player]")\n'
        'define k = Character(kind=e, name="Kay {i}X{/i}")\n'
        'define d = DynamicCharacter("d_name")\n'
        "init python:\n"
        '    z = Character("Zed")\n'
        '$ y = Character("Why")\n'
    )
    assert not parsed.problems
    expected = {"e": "Eileen", "s": "Sylvie", "n": "narrator", "p": "p", "d": "d", "z": "Zed", "y": "Why"}
    assert {name: parsed.characters[name] for name in expected} == expected


def test_image_attributes_are_the_style_and_extend_goes_on():
    parsed = parse('label a:\n    e happy -sad @ big "Hi."\n    "Wind."\n    e "I"\n    extend " go on."\n')
    assert [(line.character, line.style) for line in parsed.lines] == [
        ("e", "happy big"), ("narrator", ""), ("e", ""), ("e", "")
    ]  # fmt: skip


def test_paragraphs_of_a_triple_quoted_string_are_lines():
    assert said('    """\n    One\n    goes on.\n\n    Two.\n    """\n') == [
        ("narrator", "One goes on."),
        ("narrator", "Two."),
    ]


def test_menus():
    source = (
        '    menu:\n        e "Well?"\n        "Yes" if x:\n            e "Good."\n        "No" (1):\n            $ x\n'
    )
    assert said(source) == [("e", "Well?"), ("e", "Good.")]
    parsed = parse("label start:\n" + source, voice_menu_choices=True)
    assert [(line.text, line.kind) for line in parsed.lines] == [
        ("Well?", "dialogue"), ("Yes", "menu_choice"), ("Good.", "dialogue"), ("No", "menu_choice")
    ]  # fmt: skip
    assert said('    menu:\n        "Where to?"\n        "Home":\n            pass\n') == [("narrator", "Where to?")]


def test_what_is_no_dialogue_is_skipped_without_a_word():
    source = """
init python:
    text = '''
    e "no"
    '''
    def f():
        "no"
screen main():
    text "no"
    textbutton "no" action Start()
image e = "no.png"
image e happy:
    "no.png"
transform t:
    "no.png"
style a:
    font "no.ttf"
default names = [
    "no",
]
label start:
    $ x = "no"
    python:
        "no"
    scene bg "no"
    show e "no" at left
    play music "no.ogg" fadein 1.0
    voice "no.ogg"
    window hide
    call screen main("no")
    while x:
        if y:
            e "yes"
        else:
            jump start
"""
    parsed = parse(source)
    assert [line.text for line in parsed.lines] == ["yes"]
    assert not parsed.problems


# Ids


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ('e   "Hi  there."', 'e "Hi there."'),
        ("e 'Say \"x\"'", 'e "Say \\"x\\""'),
        ('e happy @ big "Hi." with dissolve', 'e happy @ big "Hi." with dissolve'),
        ('e "Hi." ( what_size = 3,b )  nointeract', 'e "Hi." nointeract (what_size=3, b)'),
        ('"Guard" "Halt!"', '"Guard" "Halt!"'),
        ('"a\\ \\ b"', '"a \\ b"'),
        ('"\\{x} 5\\%"', '"{{x} 5%%"'),
    ],
)
def test_an_id_is_of_the_statement_in_renpy_s_own_spelling(statement, code):
    assert parse(f"label start:\n    {statement}\n").lines[0].aliases == (renpy_id("start", code),)


def test_ids_of_repeated_named_voiced_and_called_lines():
    parsed = parse(
        'label a:\n    e "Hi."\n    e "Hi."\n    e "Bye." id parting\n    voice "x.ogg"\n    e "Voiced."\n'
        '    call b from back\n    e "Back."\n    call b from _call_b\n    e "Again."\nlabel .part:\n    "Local."\n'
    )
    hi = renpy_id("a", 'e "Hi."')
    assert [line.aliases for line in parsed.lines] == [
        (hi,),
        (f"{hi}_1",),
        ("parting", renpy_id("a", 'e "Bye." id parting')),
        (renpy_id("a", 'voice "x.ogg"', 'e "Voiced."'),),
        (renpy_id("back", 'e "Back."'),),
        (renpy_id("back", 'e "Again."'), renpy_id("_call_b", 'e "Again."')),
        (renpy_id("back_part", '"Local."'),),
    ]
    assert parsed.lines[2].author_id == "parting"


@pytest.mark.skipif(not DATA.exists(), reason="the real script is not here")
@pytest.mark.parametrize("language", ["french", "spanish"])
def test_the_ids_of_a_real_game_are_those_of_its_translations(language):
    original = parse_script((DATA / "script.rpy").read_bytes(), "the_question/script.rpy", variables={})
    path = DATA / "tl" / language / "script.rpy"
    wanted = re.findall(rf"^translate {language} (\w+_[0-9a-f]{{8}}):", path.read_text("utf-8-sig"), re.MULTILINE)
    assert len(wanted) == 70
    assert set(wanted) <= {alias for line in original.lines for alias in line.aliases}

    translation = parse_script(path.read_bytes(), f"the_question/tl/{language}/script.rpy", variables={})
    found = match_translation(match_lines([], original.lines).lines, translation.lines)
    assert (original.problems, translation.problems, found.problems) == ((), (), ())
    assert len(found.lines) == len(original.lines) == 71
    assert {line.character for line in found.lines} == {"narrator", "Sylvie", "Me"}


# Translations


def test_a_translation_file():
    parsed = parse(
        'translate french a_1:\n    # e "Hi."\n    voice "x.ogg"\n    e "Salut."\n\n'
        'translate french a_2:\n    "Un."\n    "Deux."\n\n'
        'translate french strings:\n    old "Yes"\n    new "Oui"\n\n'
        'translate french python:\n    x = 1\n\ntranslate None strings:\n    old "a"\n    new "b"\n'
    )
    assert (parsed.translates, parsed.language, parsed.problems) == (True, "fr", ())
    assert [(line.text, line.lang) for line in parsed.lines] == [("Salut.", "fr"), ("Un. Deux.", "fr"), ("Oui", "fr")]
    assert parsed.lines[0].aliases == ("a_1",)


def test_a_menu_s_text_is_found_in_the_strings():
    original = parse(
        'label a:\n    menu:\n        "Where?"\n        "Home":\n            pass\n', voice_menu_choices=True
    )
    strings = 'translate spanish strings:\n    old "Where?"\n    new "¿Adónde?"\n    old "Home"\n    new "A casa"\n'
    found = match_translation(match_lines([], original.lines).lines, parse(strings).lines)
    assert [line.text for line in found.lines] == ["¿Adónde?", "A casa"]
    assert not found.missing


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ('translate klingon a_1:\n    "x"\n', "klingon"),
        ('translate french a_1:\n    "x"\ntranslate german a_2:\n    "y"\n', "german"),
        ('translate french a_1:\n    ""\n', "empty"),
        ('translate french a_1:\n    a "x"\n    b "y"\n', "two characters"),
        ('translate french strings:\n    odd "x"\n', "old"),
        ('label a:\n    "x"\ntranslate french a_1:\n    "y"\n', "tl/"),
    ],
)
def test_a_translation_that_can_not_be_used_is_reported(source, hint):
    assert hint in str(parse(source).problems[0])


@pytest.mark.parametrize(
    ("name", "tag"), [("french", "fr"), ("Spanish", "es"), ("pt_br", "pt-br"), ("schinese", "zh"), ("klingon", "")]
)
def test_language_tags(name, tag):
    assert language_tag(name) == tag


# Mistakes cost only themselves


@pytest.mark.parametrize(
    ("bad", "hint"),
    [
        ('    e "Not closed', "string is not closed"),
        ('    "Not closed', "string is not closed"),
        ("    e 'It's'", "string is not closed"),
        ('\te "Tab."', "tab"),
        ('      e "Deeper."', "align"),
        ('  e "Half out."', "indentation"),
        ('    e "Trailing" nonsense', "not known"),
        ("    nonsense here", "not known"),
        ('    e ("Bracket"', "bracket"),
        ('    e "[nobody] home"', "[variables]"),
        ('    e "[nobody home"', "[["),
        ('    e "{b home"', "{{"),
        ('    e "\U0001f600"', "nothing to speak"),
        ('    e ""', "nothing to speak"),
        ('    e "No colon here":', "not known"),
    ],
)
def test_a_bad_line_is_reported_and_the_others_go_on(bad, hint):
    parsed = parse(f'label start:\n    e "Before."\n{bad}\n    e "After."\n\nlabel next:\n    e "Later."\n')
    assert [line.text for line in parsed.lines] == ["Before.", "After.", "Later."]
    assert [problem.line for problem in parsed.problems] == [3]
    assert hint in str(parsed.problems[0])
    assert str(parsed.problems[0]).startswith("game/script.rpy:3: ")


def test_a_file_indented_with_tabs_is_one_problem():
    parsed = parse("label a:\n" + '\te "x"\n' * 50)
    assert len(parsed.problems) == 1
    assert "49 more" in parsed.problems[0].what


def test_variables_are_put_in():
    assert said('    e "[who!u], [who.title] [n:.2f]"\n', variables={"who": "Bo", "who.title": "Sir", "n": "3"}) == [
        ("e", "BO, Sir 3")
    ]


def test_a_line_of_ten_thousand_characters():
    text = ("word " * 2000).strip()
    assert said(f'    e "{text}"\n') == [("e", text)]


def test_ten_thousand_equal_lines_have_ids_of_their_own():
    parsed = parse("label a:\n" + '    e "Yes."\n' * 10_000)
    assert len({line.aliases for line in parsed.lines}) == 10_000


@given(st.text(alphabet="\n\t \"'`\\()[]{}#:ae$=%.", max_size=60))
def test_nothing_makes_the_parser_fail(source):
    parsed = parse(source)
    n_lines = source.count("\n") + 1
    assert all(1 <= entry.source_line <= n_lines for entry in parsed.lines)
    assert all(1 <= problem.line <= n_lines for problem in parsed.problems)


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc")), min_size=1).filter(str.isalpha))
def test_every_word_survives(word):
    assert len(parse(f'label a:\n    e "{word}"\n').lines) == 1

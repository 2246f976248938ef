import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.lines import ParsedScript
from audio_assets.domain.scripts.reading import parse_script

HEADER = "script,line_id,character,text,style,lang,seed\n"


def parse(source: str, suffix: str = "csv", **variables: str) -> ParsedScript:
    return parse_script(source.encode(), f"lines.{suffix}", variables=variables)


def test_every_column_is_read():
    (line,) = parse(HEADER + "dock,L1,Ann,Ahoy!,loud,EN_gb,7\n").lines
    assert (line.label, line.author_id, line.character, line.text) == ("dock", "L1", "Ann", "Ahoy!")
    assert (line.style, line.lang, line.seed, line.aliases, line.source_line) == ("loud", "en-gb", 7, ("L1",), 2)


def test_defaults():
    (line,) = parse("text\nAhoy!\n").lines
    assert (line.label, line.character, line.lang, line.seed, line.aliases) == ("", "narrator", "en", 0, ())


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", [("ID", "Text"), ("Line ID", "text"), ("line-id", '"Text"')])
def test_delimiters_and_header_spellings(delimiter, header):
    parsed = parse(f"{delimiter.join(header)}\nL1{delimiter}Hello there\n")
    assert not parsed.problems
    assert [(line.author_id, line.text) for line in parsed.lines] == [("L1", "Hello there")]


def test_quotes_newlines_and_blank_rows():
    parsed = parse('text,character\n"One,\ntwo ""three""",Ann\n\n,\nFour,\n')
    assert not parsed.problems
    assert [(line.text, line.source_line) for line in parsed.lines] == [('One, two "three"', 2), ("Four", 6)]


def test_markup_and_variables_work_in_tables_too():
    assert parse("text\n{i}Hi{/i} [who]\n", who="Bo").lines[0].text == "Hi Bo"


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ("a,b,c,d", "4 fields"),
        ("a", "1 fields"),
        ('"open,x,1', "not closed"),
        ('"a"b,x,1', "can not be read"),
        (",x,1", "nothing to speak"),
        ("hi,x,1.5", "seed"),
        ("hi,x,-1", "seed"),
        ("hi,x,99999999999999999999", "seed"),
        ("hi,L0,1", "stands in line 2"),
        ("[nobody],x,1", "nobody"),
    ],
)
def test_a_bad_row_is_reported_and_the_others_go_on(row, hint):
    parsed = parse(f"text,line_id,seed\nBefore,L0,\n{row}\nAfter,L9,\n")
    assert [line.text for line in parsed.lines] == ["Before", "After"]
    assert [problem.line for problem in parsed.problems] == [3]
    assert hint in str(parsed.problems[0])


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("character,words", "no 'text' column"),
        ("", "header"),
        ("text,charcter", "character"),
        ("text,id,line_id", "second"),
    ],
)
def test_a_bad_header_is_reported(header, hint):
    assert hint in str(parse(header + "\na,b\n").problems[0])


def test_the_same_id_in_two_languages_is_no_double():
    parsed = parse(HEADER + "a,L1,Ann,Yes,,en,\na,L1,Ann,Oui,,fr,\n")
    assert not parsed.problems
    assert [(line.author_id, line.lang) for line in parsed.lines] == [("L1", "en"), ("L1", "fr")]


def test_a_bad_language_is_reported():
    assert "language" in str(parse(HEADER + "a,L1,Ann,Yes,,english!,\n").problems[0])


# JSONL


@pytest.mark.parametrize(
    ("row", "hint"),
    [
        ("{", "not JSON"),
        ("[1]", "no JSON object"),
        ('{"character": "Ann"}', "no 'text'"),
        ('{"text": 5}', "'text' is no text"),
        ('{"text": "hi", "seed": true}', "seed"),
        ('{"text": "hi", "seed": "x"}', "seed"),
        ('{"text": "hi", "lang": []}', "'lang'"),
        ("[" * 5000, "not JSON"),
        ('{"text": "hi", "text": "ho"}', "second"),
    ],
)
def test_a_bad_object_is_reported_and_the_others_go_on(row, hint):
    parsed = parse(f'{{"text": "Before"}}\n{row}\n\n{{"text": "After", "id": 12}}\n', "jsonl")
    assert parsed.lines[0].text == "Before"
    assert (parsed.lines[-1].text, parsed.lines[-1].author_id, parsed.lines[-1].source_line) == ("After", "12", 4)
    assert [problem.line for problem in parsed.problems] == [2]
    assert hint in str(parsed.problems[0])


def test_a_surrogate_is_dropped():
    assert parse('{"text": "a\\ud800b"}\n', "jsonl").lines[0].text == "ab"


TEXT = st.text(
    alphabet=st.characters(blacklist_categories=("Cs", "Cc", "Cf", "Zs", "Zl", "Zp"), blacklist_characters="[]{}%")
)


@given(st.lists(TEXT.map(lambda text: "x" + text), min_size=1, max_size=5))
def test_csv_and_jsonl_say_the_same(texts):
    as_csv = "text\n" + "".join('"' + text.replace('"', '""') + '"\n' for text in texts)
    as_jsonl = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    from_csv, from_jsonl = parse(as_csv), parse(as_jsonl, "jsonl")
    assert [line.text for line in from_csv.lines] == [line.text for line in from_jsonl.lines]
    assert len(from_csv.lines) == len(texts)


@given(st.text(alphabet='a,;"\n\t ', max_size=60))
def test_nothing_makes_the_parser_fail(source):
    parsed = parse("text,id\n" + source)
    assert all(2 <= problem.line <= source.count("\n") + 2 for problem in parsed.problems)

import pytest

from audio_assets.domain.lines import ParsedScript
from audio_assets.domain.scripts.reading import parse_script


def parse(source: str) -> ParsedScript:
    return parse_script(source.encode(), "talk.txt", variables={"who": "Bo"})


@pytest.mark.parametrize(
    ("row", "character", "style", "text"),
    [
        ("ANNA: Hello!", "ANNA", "", "Hello!"),
        ("anna:   hello", "anna", "", "hello"),
        ("Old Man: Hm.", "Old Man", "", "Hm."),
        ("Guard 2: Halt!", "Guard 2", "", "Halt!"),
        ("Dr. Bell: Next.", "Dr. Bell", "", "Next."),
        ("Zoë (whisper): Shh.", "Zoë", "whisper", "Shh."),
        ("小明：你好。", "小明", "", "你好。"),
        ("narrator: Noon: the heat.", "narrator", "", "Noon: the heat."),
        ("It was late.", "narrator", "", "It was late."),
        ("At 12:30 it rang.", "narrator", "", "At 12:30 it rang."),
        ("12:30 it was.", "narrator", "", "12:30 it was."),
        ("12: noon.", "narrator", "", "12: noon."),
        ("http://example.org is a page.", "narrator", "", "http://example.org is a page."),
        ("He said: stop.", "narrator", "", "He said: stop."),
        ("She wrote a long list: milk, eggs.", "narrator", "", "She wrote a long list: milk, eggs."),
        ('"Anna: hello," he read.', "narrator", "", '"Anna: hello," he read.'),
        ("Anna: Hi, [who].", "Anna", "", "Hi, Bo."),
    ],
)
def test_who_says_what(row, character, style, text):
    (line,) = parse(row).lines
    assert (line.character, line.style, line.text) == (character, style, text)


def test_labels_comments_and_blank_lines():
    parsed = parse("# not this\n\n== one ==\nAnna: A.\n\n==two\nB.\n")
    assert not parsed.problems
    assert [(line.label, line.text, line.source_line) for line in parsed.lines] == [("one", "A.", 4), ("two", "B.", 7)]


@pytest.mark.parametrize(
    ("row", "hint"), [("Anna:", "nothing to speak"), ("== ==", "label"), ("Anna: [x]", "variable 'x'")]
)
def test_a_bad_line_is_reported_and_the_others_go_on(row, hint):
    parsed = parse(f"A.\n{row}\nB.\n")
    assert [line.text for line in parsed.lines] == ["A.", "B."]
    assert parsed.problems[0].line == 2
    assert hint in str(parsed.problems[0])

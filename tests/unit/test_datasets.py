from pathlib import Path

import pytest

from audio_assets.domain.datasets import PLURALS, DatasetError, kind_of, make_entry, read_dataset
from audio_assets.domain.stem_ids import KINDS

EXAMPLE = Path(__file__).resolve().parents[2] / "data/examples/messages/datasets"


def read(name: str, text: str | bytes) -> tuple[list[tuple[str, str, str]], tuple[str, ...]]:
    data = text if isinstance(text, bytes) else text.encode()
    found = read_dataset("name", [(name, data)])
    return [(entry.id, entry.value, entry.text) for entry in found.entries], found.problems


JOSE, ANA = ("stem.name.jose", "José", "José"), ("stem.name.ana", "Ana", "Anna")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("names.txt", "# people\nJosé\n\n  Ana  = Anna\n"),
        ("names.txt", "\ufeffJosé\r\nAna = Anna\r\n"),
        ("names.csv", "name,text\nJosé,\nAna,Anna\n"),
        ("names.csv", "id;value;text\n1;José;\n2;Ana;Anna\n"),
        ("names.json", '["José", {"value": "Ana", "text": "Anna"}]'),
        ("names.json", '{"names": [{"name": "José"}, {"name": "Ana", "text": "Anna"}]}'),
        ("names.json", '{"José": "José", "Ana": "Anna"}'),
    ],
)
def test_every_format_says_the_same(name: str, text: str) -> None:
    assert read(name, text) == ([JOSE, ANA], ())


def test_a_single_column_needs_no_header() -> None:
    assert [value for _, value, _ in read("names.csv", "José\nAna\n")[0]] == ["José", "Ana"]


def test_values_that_normalise_alike_are_reported_with_both_and_their_lines_and_the_first_stays() -> None:
    found, problems = read("names.txt", "José\nAna\nJosé\nJOSE\n")
    assert [value for _, value, _ in found] == ["José", "Ana"]
    (problem,) = problems
    assert "names.txt line 4: 'JOSE'" in problem
    assert "'José' in names.txt line 1" in problem
    assert "stem.name.jose" in problem


def test_values_of_two_files_collide_too() -> None:
    found = read_dataset("name", [("a.txt", "Peña".encode()), ("b.txt", b"Pena")])
    assert [entry.value for entry in found.entries] == ["Peña"]
    assert "'Peña' in a.txt line 1" in found.problems[0]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("names.txt", "", "the file is empty"),
        ("names.txt", b"Jos\xe9\n", "not UTF-8"),
        ("names.txt", "José\n---\n", "names.txt line 2: '---' has no letter"),
        ("names.txt", "José\nA\x07na\n", "control characters"),
        ("names.txt", f"José\n{'a' * 3000}\n", "too many"),
        ("names.txt", "José\nBob =\n", "names.txt line 2: the text of 'Bob' is empty; write what is spoken, or 'Bob'"),
        ("names.txt", "José\n= only\n", "names.txt line 2: the value is empty"),
        ("names.txt", "José\n=\n", "names.txt line 2: the value is empty"),
        ("names.txt", "José\nBob= Bobby\n", "names.txt line 2: 'Bob= Bobby' has no space on one side of its ="),
        ("names.txt", "José\nBob =Bobby\n", "names.txt line 2: 'Bob =Bobby' has no space on one side of its ="),
        ("names.txt", "José\nBob=\n", "names.txt line 2: 'Bob=' has no space on one side of its ="),
        ("names.csv", "value,text\nJosé,\n,Bobby\n", "names.csv line 3: the value is empty"),
        ("names.json", '["José", {"value": "Bob", "text": " "}]', "names.json entry 2: the text of 'Bob' is empty"),
        ("names.json", '["José", ""]', "names.json entry 2: the value is empty"),
        ("names.csv", 'José\n"Ana\n', "names.csv line 2: the row can not be read"),
        ("names.csv", "value,text\nJosé,\nAna,b,c\n", "names.csv line 3: the row has 3 fields"),
        ("names.csv", "who,text\nJosé,\n", "no column is called 'value' or 'name'"),
        ("names.json", '["José"', "is not JSON"),
        ("names.json", "7", "neither a list nor an object"),
        ("names.json", '["José", 7]', "names.json entry 2: the value is 7"),
        ("names.json", '["José", {"nme": "Ana"}]', "names.json entry 2 has the key 'nme'"),
        ("names.json", '{"José": "a", "José": "b"}', "stands there twice"),
        ("names.xls", "José", "ends in .csv, .json, .txt"),
    ],
)
def test_a_mistake_is_one_sentence_and_costs_nothing_else(name: str, text: str, says: str) -> None:
    found, problems = read(name, text)
    (problem,) = problems
    assert says in problem
    assert name in problem
    is_whole = "entry" in says or "line" in says or "control" in says or "many" in says
    assert [value for _, value, _ in found] == (["José"] if is_whole else [])


def test_the_example_is_read_without_a_problem() -> None:
    found = {}
    for kind in KINDS:
        files = [(path.name, path.read_bytes()) for path in EXAMPLE.glob(f"{PLURALS[kind]}.*")]
        dataset = read_dataset(kind, files)
        assert dataset.problems == ()
        found[kind] = [entry.id for entry in dataset.entries]
    assert {kind: len(ids) for kind, ids in found.items()} == {"name": 4, "developer": 2, "script": 2}
    assert "stem.name.inaki" in found["name"]


def test_kinds_have_a_plural() -> None:
    assert [kind_of(word) for word in ("name", "developers", "scripts")] == ["name", "developer", "script"]
    with pytest.raises(ValueError, match="no kind of stem"):
        kind_of("people")


def test_one_entry_is_checked_alike() -> None:
    assert make_entry("script", " Hola  a todos ").text == "Hola a todos"
    with pytest.raises(DatasetError, match="it can be no name"):
        make_entry("name", "…")

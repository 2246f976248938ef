import pytest

from audio_assets.domain.message_request import MessageError, MessageRequest, message_request, read_requests

WANTED = MessageRequest("double_anchor.jose.hilton", "double_anchor", "José", "Hilton")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("m.csv", "template,name,developer,script\ndouble_anchor,José,Hilton,\n"),
        ("m.json", '{"template": "double_anchor.json", "name": "José", "developer": "Hilton"}'),
        ("m.json", '[{"template": "double_anchor", "name": " José ", "developer": "Hilton", "script": null}]'),
        ("m.jsonl", '\n{"template": "double_anchor", "name": "José", "developer": "Hilton"}\n'),
    ],
)
def test_every_format_says_the_same(path: str, text: str) -> None:
    assert read_requests(path, text.encode()) == ((WANTED,), ())


def test_values_and_ids_mean_the_same_stem() -> None:
    request = message_request({"template": "simple", "name": "stem.name.jose", "id": "Para José"}, "x")
    assert (request.id, request.stem("name"), request.stem("script")) == ("para-jose", "stem.name.jose", "")
    assert WANTED.stem("name") == "stem.name.jose"


def test_ids_are_no_longer_than_a_file_can_be_called() -> None:
    long = {"template": "simple", "name": "a" * 300, "developer": "b" * 300, "script": "c" * 300}
    assert len(message_request(long, "x").id) <= 180


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("m.csv", "name\nJosé\n", "no column is called 'template'"),
        ("m.csv", "template,nme\nsimple,José\n", "m.csv line 2: the key 'nme' is not known; did you mean 'name'"),
        ("m.jsonl", "{\n", "m.jsonl line 1 is not JSON"),
        ("m.json", '["a"]', "m.json entry 1 is no object"),
        ("m.json", '{"name": "José"}', "there is no template"),
        ("m.json", '{"template": "simple", "name": 7}', "name is 7"),
        ("m.json", '{"template": "simple", "name": "..."}', "no letter"),
        ("m.json", '{"template": "simple", "name": "stem.script.a"}', "is a script, not a name"),
    ],
)
def test_a_mistake_is_one_sentence(path: str, text: str, says: str) -> None:
    requests, (problem,) = read_requests(path, text.encode())
    assert requests == ()
    assert says in problem


def test_one_bad_row_costs_no_other() -> None:
    rows = "template,name\nsimple,Ana\n,José\nsimple,Bo\n"
    requests, problems = read_requests("m.csv", rows.encode())
    assert ([one.name for one in requests], len(problems)) == (["Ana", "Bo"], 1)


def test_a_request_without_template_is_refused() -> None:
    with pytest.raises(MessageError, match="no template"):
        message_request({"name": "José"}, "the options")

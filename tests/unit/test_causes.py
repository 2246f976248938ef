import pytest

from audio_assets.domain.causes import changes
from tests.actions import action


def said(**different):
    return [change.phrase for change in changes(action().as_record(), action(**different).as_record())]


def test_a_take_of_another_key_is_asked_for_anew():
    old, new = ([{"take": "t01", "key": key, "is_made": True}] for key in ("a" * 64, "b" * 64))
    found = changes(action(params={"takes": old}).as_record(), action(params={"takes": new}).as_record())
    assert [(change.phrase, change.kind) for change in found] == [("t01 is asked for anew", "prompt")]


def test_nothing_differs_from_itself():
    assert said() == []


@pytest.mark.parametrize(
    ("different", "phrases"),
    [
        ({"code_version": "2"}, ["code version 1 -> 2"]),
        ({"params": {"text": "Hello.", "speed": 0.9}}, ["speed 1.0 -> 0.9"]),
        ({"params": {"text": "Goodbye.", "speed": 1.0}}, ["text Hello. -> Goodbye."]),
        ({"provider": {"engine": "espeak", "model": "a"}}, ["engine kokoro -> espeak"]),
        ({"provider": {"engine": "espeak", "licence": "GPL-3.0", "voice m3": "1" * 64}}, ["engine kokoro -> espeak"]),
        ({"inputs": {"voice_line": "1" * 64}}, ["input voice_line changed"]),
        ({"inputs": {"voice_line": "0" * 64, "bed.ogg": "1" * 64}}, ["input bed.ogg is new"]),
        ({"inputs": {}}, ["input voice_line is gone"]),
    ],
)
def test_each_difference_is_named(different, phrases):
    assert said(**different) == phrases


def test_another_voice_is_one_difference_though_its_file_is_another_too():
    def spoken(voice, sha256):
        provider = {"engine": "kokoro", f"voice {voice}": sha256}
        return action(provider=provider, params={"voice": voice}).as_record()

    said = changes(spoken("anna", "0" * 64), spoken("bo", "1" * 64))
    assert [change.phrase for change in said] == ["voice anna -> bo"]
    said = changes(spoken("anna", "0" * 64), spoken("anna", "1" * 64))
    assert [(change.phrase[:10], change.kind) for change in said] == [("voice anna", "voice")]


def rows(*lines):
    return {"lines": [{"line": name, "gain_db": gain} for name, gain in lines]}


@pytest.mark.parametrize(
    ("before", "after", "phrases"),
    [
        ([("a", 0.0), ("b", 0.0)], [("a", 0.0), ("b", -3.0)], ["b gain_db 0.0 -> -3.0".replace("_", " ")]),
        ([("a", 0.0), ("b", 0.0)], [("b", 0.0), ("a", 0.0)], ["the order of lines changed"]),
        ([("a", 0.0), ("b", 0.0)], [("b", 0.0)], ["a is gone"]),
        ([("a", 0.0)], [("a", 0.0), ("c", 0.0)], ["c is new"]),
    ],
)
def test_lines_of_a_mix_are_named_one_by_one(before, after, phrases):
    found = changes(action(params=rows(*before)).as_record(), action(params=rows(*after)).as_record())
    assert [change.phrase for change in found] == phrases


@pytest.mark.parametrize(
    ("different", "kind"),
    [
        ({"code_version": "2"}, "code"),
        ({"params": {"text": "Goodbye.", "speed": 1.0}}, "text"),
        ({"params": {"text": "Hello.", "speed": 0.9}}, "voice"),
        ({"params": {"text": "Hello.", "speed": 1.0, "pronunciations": [["a", "b"]]}}, "lexicon"),
        ({"params": {"text": "Hello.", "speed": 1.0, "frame_rate": "24"}}, "settings"),
        ({"params": {"text": "Hello.", "speed": 1.0, "brief": {"preset": {"name": "noir"}}}}, "prompt"),
        ({"provider": {"engine": "kokoro", "model": "b"}}, "model"),
        ({"provider": {"engine": "kokoro", "model": "a", "workflow_sha256": "1" * 64}}, "workflow"),
        ({"provider": {"engine": "kokoro", "model": "a", "voice ana": "{}"}}, "voice"),
        ({"inputs": {"voice_line": "1" * 64}}, "input"),
        ({"params": {"text": "Hello.", "speed": 1.0, "choices": [{"take": "t02"}]}}, "choice"),
    ],
)
def test_each_difference_has_its_kind(different, kind):
    assert {change.kind for change in changes(action().as_record(), action(**different).as_record())} == {kind}

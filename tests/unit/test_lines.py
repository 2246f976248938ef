from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.lines import (
    Line,
    Matching,
    ScriptLine,
    match_lines,
    match_translation,
    parse_partition_key,
    partition_key,
    script_slug,
)


def line(text: str, character: str = "Ann", label: str = "start", **more: object) -> ScriptLine:
    fields = {"lang": "en", "style": "", "seed": 0, "kind": "dialogue", "source_line": 1, "aliases": ()} | more
    return ScriptLine(label=label, character=character, text=text, **fields)  # type: ignore[arg-type]


def lines_of(*texts: str) -> list[ScriptLine]:
    return [line(text) for text in texts]


def ids(matching: Matching) -> list[str]:
    return [registered.line_id for registered in matching.lines]


def again(before: Matching, parsed: list[ScriptLine]) -> Matching:
    return match_lines(before.lines, parsed, retired=before.retired_lines)


WORDS = st.text(alphabet="abcdefgh ", min_size=1, max_size=12).map(lambda t: "x" + t.strip())
SCRIPTS = st.lists(
    st.builds(line, st.one_of(WORDS, st.sampled_from(["Yes.", "..."])), st.sampled_from(["Ann", "Bob"])), max_size=25
)


# Laws


@given(SCRIPTS)
def test_registering_twice_changes_nothing(script):
    first = match_lines([], script)
    second = again(first, script)
    assert ids(second) == ids(first)
    assert second.unchanged == tuple(ids(first))
    assert not any((second.changed, second.new, second.retired, second.moved, second.returned))


@given(SCRIPTS)
def test_ids_are_unique_deterministic_and_fit_a_partition_key(script):
    first = match_lines([], script)
    assert ids(first) == ids(match_lines([], script))
    assert len(set(ids(first))) == len(script)
    assert all(parse_partition_key(partition_key("s", name, "en")) == ("s", name, "en") for name in ids(first))


@given(SCRIPTS, st.randoms(use_true_random=False))
def test_a_permutation_keeps_every_id_with_its_text(script, random):
    first = match_lines([], script)
    shuffled = script[:]
    random.shuffle(shuffled)
    second = again(first, shuffled)
    heard = {registered.line_id: (registered.text, registered.character) for registered in first.lines}
    assert {r.line_id: (r.text, r.character) for r in second.lines} == heard
    assert sorted(second.unchanged) == sorted(ids(first))
    assert not any((second.new, second.retired))


@given(SCRIPTS, WORDS, st.data())
def test_an_inserted_line_shifts_nobody(script, text, data):
    first = match_lines([], script)
    at = data.draw(st.integers(0, len(script)))
    second = again(first, [*script[:at], line(text + " brand new"), *script[at:]])
    assert [name for name in ids(second) if name not in second.new] == ids(first)
    assert len(second.new) == 1
    assert not any((second.moved, second.retired, second.changed))


@given(SCRIPTS.filter(bool), st.data())
def test_a_deleted_line_retires_one_id_and_moves_nobody(script, data):
    first = match_lines([], script)
    at = data.draw(st.integers(0, len(script) - 1))
    second = again(first, script[:at] + script[at + 1 :])
    assert len(second.retired) == 1
    gone = next(registered for registered in first.lines if registered.line_id == second.retired[0])
    assert (gone.text, gone.character) == (script[at].text, script[at].character)
    assert ids(second) == [name for name in ids(first) if name != second.retired[0]]
    assert not any((second.new, second.changed, second.moved))


@given(SCRIPTS.filter(bool), st.data())
def test_a_deleted_line_that_comes_back_is_the_same_line(script, data):
    first = match_lines([], script)
    at = data.draw(st.integers(0, len(script) - 1))
    back = again(again(first, script[:at] + script[at + 1 :]), script)
    assert sorted(ids(back)) == sorted(ids(first))
    assert len(back.returned) == 1
    assert not back.retired_lines


@given(SCRIPTS.filter(bool), st.data())
def test_a_typo_fix_keeps_every_id(script, data):
    first = match_lines([], script)
    at = data.draw(st.integers(0, len(script) - 1))
    text = script[at].text
    cut = data.draw(st.integers(0, len(text)))
    edited = replace(script[at], text=text[:cut] + "Z" + text[cut:])  # no other line holds a Z
    second = again(first, [*script[:at], edited, *script[at + 1 :]])
    assert ids(second) == ids(first)
    assert second.changed == (ids(first)[at],)


@settings(max_examples=50)
@given(st.lists(SCRIPTS, min_size=2, max_size=5))
def test_an_id_never_becomes_another_retired_line_s(versions):
    matching = match_lines([], versions[0])
    for version in versions[1:]:
        matching = again(matching, version)
        away = {registered.line_id for registered in matching.retired_lines}
        assert len(set(ids(matching))) == len(version)
        assert not away & set(ids(matching))
        groups = (matching.unchanged, matching.changed, matching.new, matching.returned)
        assert sorted(name for group in groups for name in group) == sorted(ids(matching))


# What an author does


def test_repeated_lines_keep_their_ids_by_their_neighbours():
    first = match_lines([], lines_of("Ready?", "Yes.", "Sure?", "Yes.", "Really?", "Yes.", "Go."))
    second = again(first, lines_of("Ready?", "Sure?", "Yes.", "Really?", "Yes.", "Go."))
    assert second.retired == (ids(first)[1],)
    swapped = again(first, lines_of("Really?", "Yes.", "Go.", "Ready?", "Yes.", "Sure?", "Yes."))
    assert ids(swapped) == [ids(first)[at] for at in (4, 5, 6, 0, 1, 2, 3)]


def test_two_lines_that_swap_places_keep_their_ids_with_their_texts():
    first = match_lines([], lines_of("One for all.", "All for one.", "The end."))
    second = again(first, lines_of("All for one.", "One for all.", "The end."))
    assert ids(second) == [ids(first)[at] for at in (1, 0, 2)]
    assert len(second.moved) == 1


def test_a_rewritten_line_is_a_new_one():
    first = match_lines([], lines_of("I will never leave this island.", "Why?", "The end."))
    second = again(first, lines_of("Quick, hand me that wrench!", "Why?", "The end."))
    assert second.new == (ids(second)[0],)
    assert second.retired == (ids(first)[0],)


def test_two_rewritten_lines_in_a_row_are_new_ones():
    first = match_lines([], lines_of("Start.", "I will never leave this island.", "The rain has stopped.", "End."))
    second = again(first, lines_of("Start.", "Quick, hand me that wrench!", "Who let the goat in?", "End."))
    assert (len(second.new), len(second.retired)) == (2, 2)


def test_a_very_short_line_may_change_by_two_letters():
    first = match_lines([], lines_of("Ready to go?", "No.", "The end."))
    assert ids(again(first, lines_of("Ready to go?", "Yo!", "The end."))) == ids(first)


def test_several_edits_in_a_row_each_find_their_line():
    first = match_lines(
        [], lines_of("Start.", "The rain has stopped.", "My boat is ready.", "Let us sail at dawn.", "End.")
    )
    second = again(
        first, lines_of("Start.", "The rain stopped.", "My boat is ready now.", "Let's sail at dawn.", "End.")
    )
    assert ids(second) == ids(first)
    assert len(second.changed) == 3


def test_a_line_given_to_another_character_keeps_its_id():
    first = match_lines([], [line("Hello there, friend.", "Ann"), line("Bye.", "Bob")])
    second = again(first, [line("Hello there, friend.", "Bob"), line("Bye.", "Bob")])
    assert ids(second) == ids(first)
    assert second.changed == (ids(first)[0],)


def test_a_renamed_label_changes_nothing():
    first = match_lines([], lines_of("Hello.", "Bye."))
    second = again(first, [line("Hello.", label="renamed"), line("Bye.", label="renamed")])
    assert ids(second) == ids(first)
    assert len(second.unchanged) == 2


def test_an_engine_id_finds_a_line_whose_variable_changed():
    first = match_lines([], [line("Bo", aliases=("a_1",)), line("Ab", aliases=("a_2",))])
    second = again(first, [line("Ab", aliases=("a_2",)), line("Maximiliana", aliases=("a_1",))])
    assert ids(second) == ids(first)[::-1]


def test_past_aliases_are_kept():
    first = match_lines([], [line("Helo there.", aliases=("old",))])
    second = again(first, [line("Hello there.", aliases=("new",))])
    assert second.lines[0].past_aliases == ("old",)
    third = again(second, [line("Hello there!", aliases=("old",))])
    assert third.lines[0].past_aliases == ("new",)


# Author's ids


def test_an_author_s_id_is_the_id_and_outranks_the_text():
    first = match_lines([], [line("Yes.", author_id="A 1"), line("No.", author_id="A 2")])
    assert ids(first) == ["a-1", "a-2"]
    second = again(first, [line("No.", author_id="A 1"), line("Yes.", author_id="A 2")])
    assert ids(second) == ["a-1", "a-2"]
    assert second.changed == ("a-1", "a-2")


def test_two_author_s_ids_that_slug_to_one_are_kept_apart_and_reported():
    matching = match_lines([], [line("Yes.", author_id="a 1"), line("No.", author_id="a-1")], path="x.csv")
    assert ids(matching) == ["a-1", "a-1-2"]
    assert "x.csv:1" in str(matching.problems[0])
    assert again(matching, [line("No.", author_id="a-1"), line("Yes.", author_id="a 1")]).lines[0].line_id == "a-1-2"


def test_languages_share_an_author_s_id_but_not_a_minted_one():
    shared = [line("Yes.", author_id="q", lang="en"), line("Oui.", author_id="q", lang="fr")]
    matching = match_lines([], shared)
    assert ids(matching) == ["q", "q"]
    assert not matching.problems
    assert again(matching, shared).unchanged == ("q", "q")
    assert len(set(ids(match_lines([], [line("Ok.", lang="en"), line("Ok.", lang="fr")])))) == 2


def test_ids_given_later_do_not_rename_lines():
    first = match_lines([], lines_of("Hello.", "Bye."))
    second = again(first, [line("Hello.", author_id="greeting"), line("Bye.", author_id="parting")])
    assert ids(second) == ids(first)


def test_a_new_language_tag_for_the_whole_script_keeps_ids():
    first = match_lines([], lines_of("Hello.", "Bye."))
    second = again(first, [line("Hello.", lang="en-gb"), line("Bye.", lang="en-gb")])
    assert ids(second) == ids(first)
    assert len(second.changed) == 2


# Translations


def base_lines() -> tuple[Line, ...]:
    parsed = [line("Hi.", aliases=("start_1",), style="happy"), line("Go", aliases=("string_1",), character="narrator")]
    return match_lines([], [*parsed, line("Bye.", aliases=("start_2",))]).lines


def test_a_translation_carries_the_ids_of_its_original():
    base = base_lines()
    french = [line("Salut.", "s", aliases=("start_1",), lang="fr"), line("Va", aliases=("string_1",), lang="fr")]
    found = match_translation(base, french, "tl.rpy")
    assert [(t.line_id, t.text, t.lang, t.character, t.style) for t in found.lines] == [
        (base[0].line_id, "Salut.", "fr", "Ann", "happy"),
        (base[1].line_id, "Va", "fr", "narrator", ""),
    ]
    assert found.missing == (base[2].line_id,)
    assert not found.problems


def test_orphans_and_doubles_are_reported_and_strings_are_not():
    french = [
        line("Salut.", aliases=("start_1",), lang="fr", source_line=3),
        line("Coucou.", aliases=("start_1",), lang="fr", source_line=6),
        line("Quoi ?", aliases=("start_9",), lang="fr", source_line=9),
        line("Options", aliases=("string_9",), lang="fr", source_line=12),
    ]
    problems = match_translation(base_lines(), french, "tl.rpy").problems
    assert [problem.line for problem in problems] == [6, 9]
    assert "start_9" in problems[1].what


def test_a_translation_of_an_earlier_wording_still_serves_and_is_said_to_be_outdated():
    first = match_lines([], [line("Helo there.", aliases=("start_1",))])
    second = again(first, [line("Hello there.", aliases=("start_7",))])
    found = match_translation(second.lines, [line("Salut.", aliases=("start_1",), lang="fr")])
    assert found.lines[0].line_id == ids(first)[0]
    assert found.outdated == (ids(first)[0],)


# Names


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("the_question/script.rpy", "the_question-script"),
        ("the_question/tl/french/script.rpy", "the_question-script"),
        ("tl/french/script.rpy", "script"),
        ("tl/script.rpy", "tl-script"),
        ("Été à l'Île/Scène 1.txt", "ete-a-l-ile-scene-1"),
        ("../../etc/passwd.csv", "etc-passwd"),
        ("a\\b\\c.rpy", "a-b-c"),
        ("Straße.rpy", "strasse"),
        ("a|b\n.c.rpy", "a-b-c"),
    ],
)
def test_script_slugs(path, slug):
    assert script_slug(path) == slug


@given(st.text(max_size=200))
def test_every_path_has_a_slug_that_fits_a_partition_key(path):
    slug = script_slug(path)
    assert parse_partition_key(partition_key(slug, "x", "en")) == (slug, "x", "en")


def test_names_in_other_scripts_stay_apart():
    assert script_slug("第一章.rpy") != script_slug("第二章.rpy")


@pytest.mark.parametrize("part", ["", "A", "a.b", "a|b", "-a", "_a", "a\n", "é", "a" * 81])
def test_a_bad_part_is_refused_and_named(part):
    for parts in ((part, "x", "en"), ("x", part, "en"), ("x", "x", part)):
        with pytest.raises(ValueError, match=r"script|line id|language"):
            partition_key(*parts)


@pytest.mark.parametrize("key", ["", "a.b", "a.b.c.d", "a..en", "A.b.en"])
def test_a_bad_key_is_refused(key):
    with pytest.raises(ValueError, match="partition key"):
        parse_partition_key(key)

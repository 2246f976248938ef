"""The state of rotations: nothing twice, nothing left out, whoever asks, whoever dies, whatever changes."""

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import sqlalchemy as sa

from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.rotation import Item, Members, stream
from resources import rotations as module
from resources.rotations import Rotations
from tests.ledgers import BACKENDS, Clock, ledger_url

forked = multiprocessing.get_context("fork")
SETS: Members = {
    "name": tuple(f"stem.name.n{n}" for n in range(6)),
    "developer": tuple(f"stem.developer.d{n}" for n in range(3)),
}
SIZE = 18


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with ledger_url(request.param, tmp_path) as found:
        Rotations(found)
        yield found


def expected(count: int, members: Members = SETS) -> list[Item]:
    return [item for _, item in islice(stream("pair", members, "1"), count)]


def items(url: str, count: int) -> list[Item]:
    return [Rotations(url).next("pair", SETS, "1").item for _ in range(count)]


def test_hand_outs_follow_the_stream_from_cycle_to_cycle(url: str) -> None:
    clock = Clock()
    rotations = Rotations(url, now=clock)
    given = [rotations.next("pair", SETS, "1") for _ in range(SIZE + 2)]
    assert [one.item for one in given] == expected(SIZE + 2)
    assert [(one.cycle, one.number) for one in given[-3:]] == [(1, SIZE), (2, 1), (2, 2)]
    assert given[0].given_at == "2026-11-20T12:00:00.000000+00:00"
    assert given[0].size == SIZE
    assert [one.item for one in rotations.history("pair", 2)] == [given[-1].item, given[-2].item]


def test_several_at_once_are_the_same_as_one_by_one(url: str) -> None:
    given = Rotations(url).next_ones("pair", SETS, "1", SIZE + 4, request_id="tick")
    assert [one.item for one in given] == expected(SIZE + 4)
    again = Rotations(url).next_ones("pair", SETS, "1", SIZE + 4, request_id="tick")
    assert [one.item for one in again] == [one.item for one in given]
    assert all(one.is_repeated for one in again)
    assert items(url, 1) == expected(SIZE + 5)[-1:]


def test_the_same_request_has_the_same_answer_and_moves_nothing(url: str) -> None:
    first = Rotations(url).next("pair", SETS, "1", request_id="order 7")
    other = items(url, 1)
    again = Rotations(url).next("pair", SETS, "1", request_id="order 7")
    assert (again.item, again.number, again.is_repeated) == (first.item, 1, True)
    assert [first.item, *other, *items(url, 1)] == expected(3)


def test_a_changed_data_set_goes_on_with_its_cycle_and_says_how(url: str) -> None:
    rotations = Rotations(url)
    given = items(url, 7)
    changed = {**SETS, "name": ("stem.name.new", *SETS["name"][1:])}  # n0 leaves
    left = sum(name == "stem.name.n0" for name, _ in given)
    assert rotations.status("pair", changed, "1").note == "1 name joined, 1 left since the last hand-out"
    one = rotations.next("pair", changed, "1")
    assert one.note == f"1 name joined, 1 left; {7 - left} of 18 pairs given in this cycle"
    rest = [one.item, *(rotations.next("pair", changed, "1").item for _ in range(SIZE - (7 - left) - 1))]
    of_cycle = [item for item in given if item[0] != "stem.name.n0"] + rest
    assert sorted(of_cycle) == sorted((name, developer) for name in changed["name"] for developer in SETS["developer"])
    after = rotations.next("pair", changed, "1")
    assert (after.cycle, after.number, after.note) == (2, 1, "")
    assert rotations.status("pair", changed, "1").note == one.note


def test_who_left_and_came_back_is_not_given_again_in_the_cycle(url: str) -> None:
    rotations = Rotations(url)
    given = items(url, 5)
    rotations.next("pair", {**SETS, "name": SETS["name"][1:]}, "1")
    rest = [rotations.next("pair", SETS, "1").item for _ in range(SIZE - 6)]
    assert not set(given) & set(rest)
    assert rotations.status("pair", SETS, "1").n_given == SIZE


def test_another_seed_goes_on_with_the_cycle_in_another_order(url: str) -> None:
    rotations = Rotations(url)
    given = items(url, 8)
    one = rotations.next("pair", SETS, "2")
    rest = [one.item, *(rotations.next("pair", SETS, "2").item for _ in range(SIZE - 9))]
    assert "the seed is another" in one.note
    assert sorted(given + rest) == sorted(expected(SIZE))
    assert rest != expected(SIZE)[8:]


def test_status_place_and_reset(url: str) -> None:
    rotations = Rotations(url)
    assert rotations.status("pair", SETS, "1").n_given == 0
    given = items(url, SIZE + 3)
    found = rotations.status("pair", SETS, "1")
    assert (found.cycle, found.n_given, found.size, found.last, found.note) == (2, 3, SIZE, given[-1], "")
    place, seen = rotations.place("pair")
    assert (place.cycle, place.last, seen) == (2, given[-1], frozenset(given[SIZE:]))
    rotations.next("name", SETS, "1")
    assert rotations.reset("pair") == SIZE + 3
    assert items(url, 4) == given[:4]
    assert rotations.status("name", SETS, "1").n_given == 1


def test_history_is_bounded_and_the_running_cycle_is_all_kept(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HISTORY", 5)
    rotations = Rotations(url)
    items(url, 2 * SIZE + 7)
    assert len(rotations.history("pair", 1000)) == 5 + 7
    assert rotations.status("pair", SETS, "1").n_given == 7


def test_a_request_id_that_is_too_long_is_refused(url: str) -> None:
    with pytest.raises(PermanentError, match="181 characters is too long"):
        Rotations(url).next("pair", SETS, "1", request_id="x" * 181)


def _die_at_commit(rotations: Rotations, when: str) -> None:
    """Let the next hand-out kill this process: right before its commit, or right after it."""
    if when == "before":
        sa.event.listen(rotations._database._engine, "commit", lambda _: os.kill(os.getpid(), signal.SIGKILL))
    rotations.next("pair", SETS, "1", request_id="mine")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("when", "is_given"), [("before", False), ("after", True)])
def test_who_is_killed_at_the_commit_loses_nothing_and_repeats_nothing(url: str, when: str, is_given: bool) -> None:
    before = items(url, 3)
    process = forked.Process(target=lambda: _die_at_commit(Rotations(url), when))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    again = Rotations(url).next("pair", SETS, "1", request_id="mine")
    assert again.is_repeated is is_given
    assert [*before, again.item, *items(url, 3)] == expected(7)


def test_processes_at_once_share_a_rotation(url: str) -> None:
    def take(answers: "multiprocessing.SimpleQueue[list[Item]]") -> None:
        answers.put(items(url, SIZE))

    queues = [forked.SimpleQueue() for _ in range(3)]
    processes = [forked.Process(target=take, args=(queue,)) for queue in queues]
    for process in processes:
        process.start()
    taken = [item for queue in queues for item in queue.get()]
    for process in processes:
        process.join(30)
    assert Counter(taken) == dict.fromkeys(expected(SIZE), 3)
    assert [one.item for one in reversed(Rotations(url).history("pair", 1000))] == expected(3 * SIZE)

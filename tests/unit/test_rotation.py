"""Cycles: every item once, neighbours apart, the same for the same seed; what changes meanwhile is said."""

from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.rotation import (
    Item,
    Members,
    Place,
    RotationError,
    change,
    digest,
    members_of,
    order_of,
    pick,
    stream,
)


def sets(n_names: int, n_developers: int = 0) -> Members:
    return {
        "name": tuple(f"stem.name.n{n}" for n in range(n_names)),
        "developer": tuple(f"stem.developer.d{n}" for n in range(n_developers)),
        "script": (),
    }


def taken(kind: str, members: Members, count: int, seed: str = "1") -> list[Item]:
    return [item for _, item in islice(stream(kind, members, seed), count)]  # type: ignore[arg-type]


def shared(one: Item, other: Item) -> int:
    return sum(a == b for a, b in zip(one, other, strict=True))


@settings(max_examples=60, deadline=None)
@given(n_names=st.integers(1, 12), n_developers=st.integers(1, 12), seed=st.text(max_size=5))
def test_every_pair_comes_once_in_every_cycle(n_names: int, n_developers: int, seed: str) -> None:
    size = n_names * n_developers
    items = taken("pair", sets(n_names, n_developers), 3 * size, seed)
    for cycle in range(3):
        assert len(set(items[cycle * size : (cycle + 1) * size])) == size


@pytest.mark.parametrize(("n_names", "n_developers"), [(3, 3), (2, 3), (8, 2), (2, 8), (6, 4), (20, 5), (5, 20)])
def test_neighbours_share_neither_name_nor_developer_not_even_between_cycles(n_names: int, n_developers: int) -> None:
    items = taken("pair", sets(n_names, n_developers), 3 * n_names * n_developers)
    assert [pair for pair in pairwise(items) if shared(*pair)] == []


def test_with_a_single_developer_the_names_differ() -> None:
    items = taken("pair", sets(5, 1), 15)
    assert all(one[0] != other[0] for one, other in pairwise(items))


def test_every_name_comes_once_before_any_comes_twice() -> None:
    names = [name for name, _ in taken("pair", sets(20, 5), 100)]
    assert all(len(set(names[n : n + 20])) == 20 for n in range(0, 100, 20))


def test_the_same_seed_and_data_set_give_the_same_order_however_the_data_set_is_written() -> None:
    members = sets(30)
    turned = {**members, "name": (*reversed(members["name"]), members["name"][0])}
    assert taken("name", members, 60) == taken("name", turned, 60)


def test_an_order_is_known_for_ever() -> None:
    """A state of last year goes on: the order of a seed must not change with the program."""
    assert [item[0][-2:] for item in taken("name", sets(6), 12, "studio")] == [
        *("n0", "n2", "n1", "n3", "n5", "n4"), *("n0", "n4", "n1", "n2", "n5", "n3"),
    ]  # fmt: skip


def test_another_seed_and_another_cycle_have_other_orders() -> None:
    members = sets(30)
    items = taken("name", members, 60)
    assert items[:30] != items[30:] != taken("name", members, 30, "2")
    assert sorted(items[:30]) == sorted(items[30:])


def test_a_stream_goes_on_where_a_rotation_is() -> None:
    members = sets(4, 3)
    items = taken("pair", members, 30)
    rest = stream("pair", members, "1", Place(2, items[14]), frozenset(items[12:15]))
    assert [item for _, item in islice(rest, 15)] == items[15:30]


def test_what_was_given_is_passed_over_and_the_place_before_it_kept() -> None:
    order = order_of("name", members_of("name", sets(5)), "1", 1)
    given = {order[0], order[2]}
    found = pick(order, 0, given.__contains__, order[0])
    assert found is not None
    assert (found.item, found.looked) == (order[1], 1)
    assert pick(order, 0, set(order).__contains__, None) is None


def test_an_order_is_a_sequence() -> None:
    order = order_of("pair", members_of("pair", sets(4, 6)), "1", 1)
    assert len(list(order)) == len(order) == 24
    assert order[2:4] == [order[2], order[3]]
    with pytest.raises(IndexError):
        order[24]


def test_a_change_is_said_in_words() -> None:
    before, now = sets(5, 2), {"name": ("a", "b", "c", "stem.name.n1"), "developer": ("stem.developer.d0",)}
    assert change(before, now) == "3 names joined, 4 left; 1 developer left"
    assert change(now, {**now, "name": (*now["name"], "z")}) == "1 name joined"
    assert change(before, sets(5, 2)) == ""
    assert digest(members_of("pair", before)) != digest(members_of("pair", sets(5, 3)))


def test_an_empty_data_set_is_said() -> None:
    with pytest.raises(RotationError, match=r"no developers to rotate; write some to datasets/developers.txt"):
        members_of("pair", sets(3))

"""Each class of faults, met by lines and takes on their way through the recipes: what holds is in `tests/trouble.py`.

`python -m tests.bench provider_faults` does the same with 1,000 lines and 200 takes.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from audio_assets.batch import Failed
from audio_assets.domain.schemas.records import Failure
from audio_assets.render import Outcome
from resources.http_client import client_of
from tests.servers import faulty
from tests.servers.faulty import FaultyProxy
from tests.servers.serving import serving
from tests.trouble import HELD, KEPT_S, KEYS, OF_LINES, OF_TAKES, UNFIT, Lines, Scene, Takes, Trouble, cause

N_LINES, N_TAKES = 10, 8
BY_NAME = {trouble.name: trouble for trouble in (*OF_LINES, *OF_TAKES)}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    yield
    client_of.cache_clear()


def ran(scene: Scene) -> None:
    tally = scene.run()
    assert tally.met, "nobody met the fault"
    assert set(tally.met) <= {fault.name for fault in scene.trouble.faults}


@pytest.mark.parametrize("trouble", OF_LINES, ids=lambda trouble: trouble.name)
def test_lines(root: Path, trouble: Trouble) -> None:
    ran(Lines(root, trouble, N_LINES, share=0.7))


@pytest.mark.parametrize("trouble", OF_TAKES, ids=lambda trouble: trouble.name)
def test_takes(root: Path, trouble: Trouble) -> None:
    ran(Takes(root, trouble, N_TAKES, share=0.7, patience_s=1.5))


def test_who_asks_to_be_left_alone_for_a_while_is(root: Path) -> None:
    lines = Lines(root, BY_NAME["429 with Retry-After"], 8, share=1.0)
    lines.run()
    assert lines.slept_s
    assert all(KEPT_S <= seconds <= KEPT_S + 0.5 for seconds in lines.slept_s)


def test_of_wavs_with_wrong_sizes_the_streamed_ones_are_mended_and_no_other(root: Path) -> None:
    """A size that is too small would leave the rest of the line out."""
    mended = Lines(root, BY_NAME["wrong WAV sizes"], 12, share=1.0).run()
    assert 0 < mended.n_made < 12
    assert mended.n_made + mended.n_unfit == 12


def test_the_failure_table_of_a_run_names_each_cause(root: Path, instance: dg.DagsterInstance) -> None:
    """Several things go wrong in one run of the job; what is told of it stands in the run's own events."""
    own = BY_NAME["500, the vendor's own"].faults[0]
    mixed = (own, faulty.LOST_ANSWER, faulty.busy(), faulty.wrong_type(), faulty.cut_short())
    lines = Lines(root, Trouble("mixed", mixed), 18, share=1.0)
    schedule = lines.schedule
    with serving(lines.app) as url, FaultyProxy(url, schedule, reads_first=True) as proxy, lines.waiting_for_nothing():
        lines.set_up(proxy.url)
        result = lines.house.run(instance)
    assert not result.success
    (event,) = [event for event in result.all_events if event.is_failure and event.step_key]
    metadata = event.step_failure_data.user_failure_data.metadata  # type: ignore[union-attr]
    rows = metadata["failed"].records
    told = {row.data["partition"]: str(row.data["why"]) for row in rows if row.data["asset"] == "voice_line"}
    failures = {
        partition: failure.reason
        for partition in lines.house.studio().dialogue.cues
        if (failure := lines.house.studio().store.failure("voice_line", partition))
    }
    assert told == failures
    for says in (
        "was answered 500: Internal error",
        "was answered 429: not now",
        f"{HELD} cartesia",
        "instead of",
        UNFIT,
    ):
        assert any(says in why for why in told.values()), says
    assert all("\n" not in why and "Traceback" not in why for why in told.values())
    lines.check()


def test_a_table_that_is_cut_still_names_each_cause() -> None:
    def failed(n: int, why: str) -> Outcome:
        return Outcome(f"line-{n}", "failed", failure=Failure("", "transient", why, "run"))

    many = [failed(n, f"the answer was lost (entry {n})") for n in range(900)]
    rare = [failed(900, "the vendor was answered 429"), failed(901, "a web page came instead of sound")]
    found = Failed({"voice_line": [*many, *rare]})
    told = {cause(str(row.data["why"])) for row in found.metadata["failed"].records}  # type: ignore[attr-defined]
    assert told == {cause(str(one.failure.reason)) for one in (*many, *rare) if one.failure}
    assert found.description is not None
    assert "429" in found.description
    assert "web page" in found.description

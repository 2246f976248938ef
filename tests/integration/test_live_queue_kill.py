"""Kill -9 among writers, renderers and players of live messages: each is played once, or its end is told."""

from pathlib import Path

import pytest

from tests.bench.live_queue import storm
from tests.ledgers import BACKENDS, ledger_url


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_storm_loses_nothing_and_plays_nothing_twice(backend: str, tmp_path: Path) -> None:
    """The whole one, of 2,000 messages, is `python -m tests.bench live_queue`."""
    with ledger_url(backend, tmp_path) as url:
        found = storm(tmp_path, n_messages=60, n_writers=4, n_kills=8, url=url, within_s=60)
    assert found.faults() == []
    assert len(found.messages) == 60
    assert found.n_killed >= 3

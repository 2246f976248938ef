"""`audio-assets budget` on a ledger with orders that somebody has to look at."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audio_assets.cli import main
from audio_assets.domain.rendering import Unavailable
from audio_assets.settings import current
from resources.answered_vendor import AnsweredVendor
from resources.ledger import Ledger
from resources.ledger_rows import Entry
from tests.house import House
from tests.ledgers import order

CARTESIA = {"asset": "voice_line", "provider": "cartesia", "model": "sonic-3.5-2026-05-04", "scene": ""}
FAL = {"provider": "fal", "model": "fal-ai/veo3.1"}


def say(*words: object) -> Result:
    done = CliRunner().invoke(main, ["budget", *map(str, words)])
    assert "Traceback" not in done.output
    return done


def lost(key: str, **of: str) -> Entry:
    """An order of unknown outcome."""
    ledger = Ledger(current().ledger_url)
    return ledger.unknown(ledger.submitting(ledger.reserve(order(key, **of))), "its answer was lost")


@pytest.mark.usefixtures("root")
def test_a_job_is_offered_to_be_attached_only_where_the_provider_makes_jobs() -> None:
    spoken, filmed = lost("a", **CARTESIA), lost("b", **FAL)
    told = {line.split()[3]: line for line in say("show").stdout.splitlines() if line.startswith("look at entry")}
    assert "budget attach" not in told[str(spoken.id)]
    for way in ("release", "paid", "again"):
        assert f"audio-assets budget {way} {spoken.id}" in told[str(spoken.id)]
    assert f"audio-assets budget attach {filmed.id} JOB" in told[str(filmed.id)]
    refused = say("attach", spoken.id, "job-1")
    assert (refused.exit_code, len(refused.output.splitlines())) == (2, 1)
    assert "cartesia answers at once and makes no job" in refused.output
    assert say("attach", filmed.id, "job-1").exit_code == 0


@pytest.mark.usefixtures("root")
def test_another_job_may_be_attached_where_a_person_named_the_wrong_one() -> None:
    filmed, ledger = lost("a", **FAL), Ledger(current().ledger_url)
    for job in ("wrong", "right"):
        assert say("attach", filmed.id, job).exit_code == 0
        assert ledger.entry(filmed.id).job_id == job
    assert ledger.entry(filmed.id).reason == "attached by hand: its answer was lost"
    gone = ledger.unknown(ledger.entry(filmed.id), "fal does not know job right")
    assert f"audio-assets budget attach {gone.id} JOB` where it is another job" in say("show").stdout
    assert say("attach", gone.id, "third").exit_code == 0
    known = ledger.submitted(ledger.submitting(ledger.reserve(order("b", **FAL))), "of the provider")
    assert say("attach", known.id, "job-1").exit_code == 2


@pytest.mark.usefixtures("root")
def test_a_lost_order_is_named_by_what_its_provider_shows_of_it() -> None:
    entry = lost("a", **FAL)
    told = say("show").stdout
    assert entry.idempotency_key not in told, "fal never saw it"
    assert f"look at the jobs of fal for {entry.model}, sent {str(entry.sent_at)[:10]} " in told
    assert " UTC, “a lamp by the sea”, then run" in told


def test_what_is_said_of_jobs_is_so_for_every_provider(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("CARTESIA_API_KEY", "OPENAI_API_KEY", "ELEVENLABS_API_KEY", "FAL_KEY", "SYNC_API_KEY"):
        monkeypatch.setenv(variable, "a-key-of-a-test")
    n_looked_at = 0
    for name, provider in house.studio().providers.all.items():
        by_model = provider.models() if hasattr(provider, "models") else ()
        try:
            remote = provider.remote(*by_model[:1], tmp_path) if hasattr(provider, "remote") else None
        except (Unavailable, TypeError):
            continue
        if remote is not None:
            n_looked_at += 1
            answers_at_once = isinstance(remote.vendor, AnsweredVendor)
            assert (provider.has_jobs, remote.vendor.has_jobs) == (not answers_at_once, not answers_at_once), name
    assert n_looked_at > 8


@pytest.mark.usefixtures("root")
def test_several_holds_are_released_at_once_and_one_mistake_keeps_no_other_from_it() -> None:
    one, two = lost("a", **FAL), lost("b", **FAL)
    done = say("release", one.id, 99, two.id, "--reason", "not on the bill")
    assert done.exit_code == 1
    assert f"entry {one.id} " in done.stdout
    assert f"entry {two.id} " in done.stdout
    assert "the ledger has no entry 99" in done.stderr
    ledger = Ledger(current().ledger_url)
    assert {entry.state for entry in ledger.entries()} == {"released"}


@pytest.mark.usefixtures("root")
def test_several_orders_are_paid_again_at_once() -> None:
    ledger = Ledger(current().ledger_url)
    for key in ("a", "b"):
        ledger.settle(lost(key, **FAL), 1)
    assert say("again", 1, 2).exit_code == 0
    assert all(entry.may_pay_again for entry in ledger.entries())


@pytest.mark.parametrize("words", [("paid", 1, "-3"), ("paid", 1, "-0.5"), ("set", "day", "-3"), ("release", "-1")])
@pytest.mark.usefixtures("root")
def test_a_minus_is_refused_in_a_sentence(words: tuple[object, ...]) -> None:
    lost("a", **FAL)
    done = say(*words)
    assert (done.exit_code, len(done.output.splitlines())) == (2, 1)
    assert "is less than nothing" in done.output


def test_a_cap_on_what_nobody_knows_here_is_set_and_asked_about(root: Path) -> None:
    lost("a", **FAL)
    (root / "songs").mkdir(parents=True)
    (root / "songs" / "harbour.json").write_bytes(b"{}")
    assert "called harbor so far; did you mean 'harbour'?" in say("set", "project", 25, "--for", "harbor").stdout
    for known in (
        ("project", 25, "--for", "harbour"),
        ("project", 25),
        ("scene", 2, "--for", "s001|night"),
        ("total", 9),
    ):
        assert "so far" not in say("set", *known).stdout
    assert say("set", "total", 9).stdout.startswith("everything together: capped at $9.00")


def test_budgets_need_no_dagster() -> None:
    asked = "import sys, audio_assets.cli, audio_assets.commands.budget_report; print('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout == "False\n"

"""What `audio-assets budget` shows and says, on the studio's ledger; what it does is `resources/budget_commands.py`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from audio_assets.domain.budget import micro_usd, usd, usd_text
from audio_assets.domain.cost_report import markdown
from audio_assets.domain.provider_catalogue import some
from audio_assets.domain.scene_key import song_of
from audio_assets.domain.schemas import cost_report as schema
from audio_assets.domain.toml_tables import nearest
from audio_assets.settings import current
from resources import budget_commands
from resources.ledger import Ledger
from resources.ledger_rows import Entry
from resources.process_owner import my_name

if TYPE_CHECKING:
    from audio_assets.studio import Studio


def overview() -> dict[str, Any]:
    """Caps with what is spent and held under each, orders to look at, costs per song, scene, provider and day."""
    found = budget_commands.show(_ledger(), _has_jobs)
    caps = [
        {
            **{name: value for name, value in asdict(one.cap).items() if name != "amount_micro"},
            "cap_usd": usd(one.cap.amount_micro),
            "spent_usd": usd(one.spent_micro),
            "held_usd": usd(one.held_micro),
        }
        for one in found.caps
    ]
    look = [
        {"entry": one.entry.id, "what": one.entry.name, "state": one.entry.state, "why": one.why, "do": one.remedy}
        for one in found.attention
    ]
    costs = orjson.loads(schema.to_bytes(found.report))
    defaults = {scope: usd(amount) for scope, amount in found.defaults.items()}
    return {"ledger": found.ledger, "caps": caps, "caps_for_each": defaults, "look_at": look, "costs": costs}


def as_text(shown: dict[str, Any]) -> str:
    """The same for reading."""
    lines = [shown["ledger"]]
    for cap in shown["caps"]:
        used = f"{_text(cap['spent_usd'])} spent, {_text(cap['held_usd'])} held"
        what = "of everything together" if cap["scope"] == "total" else f"{cap['scope']} {cap['key']}"
        lines.append(f"cap {what}: {_text(cap['cap_usd'])} ({cap['origin']}); {used}")
    lines += [f"cap for each {scope}: {_text(amount)}" for scope, amount in shown["caps_for_each"].items()]
    lines += [f"look at entry {one['entry']} ({one['what']}): {one['why']}; {one['do']}" for one in shown["look_at"]]
    report = markdown(schema.from_bytes(orjson.dumps(shown["costs"])))
    return "\n".join([*lines, "", report])


def set_cap(scope: str, key: str, amount: str, by: str) -> str:
    """Set or lift a cap; answers what holds now.

    Raises:
        ValueError: the amount or the key can not be read.
    """
    wanted = None if amount.casefold() == "none" else amount
    kept, place = budget_commands.set_cap(_ledger(), scope, key, wanted, by=by or my_name())
    where = "everything together" if kept == "total" else f"each {kept}" if place == "*" else f"{kept} {place}".strip()
    said = f"no cap on {where}" if wanted is None else f"{where}: capped at {usd_text(micro_usd(wanted))}"
    return f"{said}{_question(kept, place)}"


def _question(scope: str, key: str) -> str:
    """A question where a cap is on something that nobody knows here; a cap may well be there before its song is."""
    project = key if scope == "project" else song_of(key) if scope == "scene" else "*"
    known = {entry.project for entry in _ledger().entries()} | _registered()
    if project == "*" or not known or project in known:
        return ""
    slip = nearest(project, known) or f"known are {some(sorted(known))}"
    return f" (nothing here is called {project} so far; {slip})"


def _registered() -> set[str]:
    """The names of songs, scripts and remixes here; none where the store is elsewhere, for it is not asked."""
    root = current().store or str(current().root)
    folders = () if "://" in root else ("songs", "scripts", "remixes")
    return {path.stem for folder in folders for path in (Path(root) / folder).glob("*.json")}


def _text(amount_usd: float) -> str:
    return usd_text(micro_usd(amount_usd))


def release(entry: int, reason: str) -> str:
    """Let go of one hold."""
    return _said(budget_commands.release(_ledger(), entry, reason))


def attach(entry: int, job: str) -> str:
    """Attach a job to an order of unknown outcome."""
    return _said(budget_commands.attach(_ledger(), entry, job, _has_jobs))


def paid(entry: int, amount: str, reason: str) -> str:
    """Say what an order of unknown outcome was billed."""
    return _said(budget_commands.paid(_ledger(), entry, amount, reason))


def again(entry: int, reason: str) -> str:
    """Allow that a paid order is paid once more."""
    return _said(budget_commands.again(_ledger(), entry, reason))


def cancel(entry: int) -> str:
    """Stop an ordered job at its provider.

    Raises:
        PermanentError: it has no job that could be stopped. OutcomeUnknown: whether it is billed is not known.
    """
    from audio_assets.ordering import vendor_of
    from resources.paid_jobs import call_off

    studio = _studio()
    ordered = studio.ledger.entry(entry)
    after = call_off(studio.ledger, vendor_of(studio, ordered), entry)
    more = "; the provider has not stopped it yet: ask again" if after.state == "submitted" else ""
    return _said(after) + more


def _has_jobs(entry: Entry) -> bool:
    from audio_assets.ordering import has_jobs

    return has_jobs(_studio(), entry)


def _studio() -> "Studio":
    """Only where an order has to be looked into: it takes Dagster along, and that two seconds."""
    from audio_assets.commands.opening import open_studio

    return open_studio()


def _ledger() -> Ledger:
    return Ledger(current().ledger_url)


def _said(entry: Entry) -> str:
    money = usd_text(entry.spent_micro) if entry.state == "settled" else usd_text(entry.estimated_micro)
    return f"entry {entry.id} ({entry.name}): {entry.state}, {money}"

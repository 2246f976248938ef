"""`audio-assets plan` and `audio-assets backfill`: what is stale, why, and rendering it, or a part of it."""

import sys
from collections.abc import Callable
from typing import Any

import click

from audio_assets.commands.cli_plain import FAILED, STALE, Number, finish, json_option, plainly, print_json

_OPTIONS = (
    click.option("--asset", "assets", help="Only of this asset, and what that is made of.", multiple=True),
    click.option("--song", "songs", help="Only of this song.", multiple=True),
    click.option("--script", "scripts", help="Only of this script.", multiple=True),
    click.option("--where", metavar="NAME=VALUE", help="Only what that is true of: voice=af_heart.", multiple=True),
    click.option("--cause", "causes", help="Only what is stale for it, like workflow, voice or code.", multiple=True),
    click.option("--max-cost", "max_cost_usd", type=Number(0), help="At most that, in US dollars."),
    click.option("--retry-failed", is_flag=True, help="Count partitions that failed as stale."),
)


def _filtered(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which part of a plan is meant."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@_filtered
@click.option("--names", "is_names", is_flag=True, help="List the names that --where may ask for, of what is stale.")
@json_option
@plainly
def plan(as_json: bool, is_names: bool, **said: Any) -> None:
    """Show what is stale, why, and how much work it is. Exit code 3 when something is."""
    from audio_assets.commands import backfill_commands

    found, over = backfill_commands.make_plan(_asked(said))
    if is_names:
        names = backfill_commands.names_in_plan(found)
        print_json({"names": names}) if as_json else click.echo("\n".join(names) or "nothing is stale")
        return
    problem = backfill_commands.policy_problem()
    if as_json:
        print_json({**found.as_json(), "policy_problem": problem, "over_budget": list(over)})
    else:
        click.echo("\n".join([backfill_commands.plan_text(found), *over, *([problem] if problem else [])]))
    sys.exit(STALE if found.stale else FAILED if found.stuck else 0)


@click.command()
@_filtered
@click.option("--dry-run", is_flag=True, help="Only show what would be rendered, or accepted.")
@click.option("--accept", is_flag=True, help="Render nothing: take what is there for good. Say why with --why.")
@click.option("--by", default="", help="Who accepts; your user name where it is not given.")
@click.option("--why", default="", help="Why what is there is good.")
@click.option("--url", help="Have a running Dagster do it, like http://127.0.0.1:3000.")
@json_option
@plainly
def backfill(as_json: bool, url: str | None, **said: Any) -> None:
    """Render what is stale, in the order in which it depends on each other, in one run.

    A run that is killed is resumed by the same command: what is done is not done again.
    """
    from audio_assets.commands import backfill_commands

    report = backfill_commands.backfill(_asked(said), url=url, is_quiet=as_json)
    print_json(report.as_json()) if as_json else click.echo(report.as_text())
    finish(has_failed=report.has_failures)


def _asked(said: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}

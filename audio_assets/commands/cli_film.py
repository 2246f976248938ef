"""The commands of takes, budgets and films; the others, and what they all share, are in `cli` and `cli_plain`."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from audio_assets.commands.cli_plain import Number, UserError, finish, json_option, plainly, print_json, print_table

_entries = click.argument("entries", metavar="ENTRY...", type=int, nargs=-1, required=True)
_by = click.option("--by", default="", help="Who says it; your user name where it is not given.")


@click.command()
@click.argument("songs", nargs=-1, required=True)
@click.option("--retry-failed", is_flag=True, help="Try partitions again that failed with this very request.")
@json_option
@plainly
def film(songs: Sequence[str], retry_failed: bool, as_json: bool) -> None:
    """Make the films of SONGS, files or registered names: analysis, takes, lip-sync, film, deliverables.

    What is there already is not made again, so a command that was killed goes on where it was.
    """
    from audio_assets.commands import film_commands

    done = film_commands.film(songs, retry_failed=retry_failed, is_quiet=as_json)
    print_json(done.as_json()) if as_json else click.echo(done.as_text())
    finish(has_failed=done.has_failures)


@click.group()
def take() -> None:
    """Takes of a scene: what there is, what is wanted, what people say, which one is in the film."""


@take.command("list")
@click.argument("song")
@click.argument("scene", required=False)
@json_option
@plainly
def take_list(song: str, scene: str | None, as_json: bool) -> None:
    """List the takes of SONG, or of one SCENE of it, with their scores; a star marks the selected one."""
    from audio_assets.commands import take_commands

    takes = take_commands.listed(song, scene)
    if as_json:
        print_json(takes)
        return
    for one in takes:
        star = "*" if one["is_selected"] else " "
        known = [f"{short} {one[name]:.2f}" for short, name in _SCORES.items() if one.get(name) is not None]
        origin = f"{one['origin']} of {one['parent']}" if one["parent"] else one["origin"]
        state = origin if one["is_current"] else f"{origin}, of an earlier plan"
        chosen = f"  chosen by {one['chosen_by']}" if one["is_selected"] else ""
        click.echo(f"{star} {one['scene']} {one['take']}  {' '.join(known):44} {state}{chosen}")


_SCORES = {"quality": "quality_score", "character": "character_consistency", "mouth": "mouth_visibility"}


@take.command("add")
@click.argument("song")
@click.argument("scene")
@click.argument("clip", type=click.Path(path_type=Path))
@click.option("--note", default="", help="Where it is from.")
@json_option
@plainly
def take_add(song: str, scene: str, clip: Path, note: str, as_json: bool) -> None:
    """Bring in a CLIP of your own as a take; it is copied."""
    from audio_assets.commands import take_commands

    _report(take_commands.add(song, scene, clip, note), as_json)


@take.command("want")
@click.argument("song")
@click.argument("scene")
@click.argument("n_takes", type=click.IntRange(1, 12))
@json_option
@plainly
def take_want(song: str, scene: str, n_takes: int, as_json: bool) -> None:
    """Ask for N_TAKES takes of the scene's prompt, and make those that are missing."""
    from audio_assets.commands import take_commands

    _report(take_commands.want(song, scene, n_takes), as_json)


@take.command("remix")
@click.argument("song")
@click.argument("scene")
@click.argument("parent")
@click.argument("revision")
@json_option
@plainly
def take_remix(song: str, scene: str, parent: str, revision: str, as_json: bool) -> None:
    """Make a take that starts from take PARENT and changes what REVISION says."""
    from audio_assets.commands import take_commands

    _report(take_commands.remix(song, scene, parent, revision), as_json)


@take.command("score")
@click.argument("song")
@click.argument("scene")
@click.argument("name", metavar="TAKE")
@click.option("--user", "user_score", type=Number(0, 5), help="0 to 5.")
@click.option("--quality", "quality_score", type=Number(0, 1), help="0 to 1, instead of what was measured.")
@click.option("--character", "character_consistency", type=Number(0, 1), help="0 to 1, instead of what was measured.")
@click.option("--mouth", "mouth_visibility", type=Number(0, 1), help="0 to 1, instead of what was measured.")
@click.option("--note", default=None, help="What you think of it.")
@_by
@json_option
@plainly
def take_score(song: str, scene: str, name: str, by: str, as_json: bool, **said: Any) -> None:
    """Say what you think of a TAKE."""
    from audio_assets.commands import take_commands

    scores = {field: value for field, value in said.items() if value is not None}
    _report(take_commands.score(song, scene, name, by, scores), as_json)


@take.command("select")
@click.argument("song")
@click.argument("scene")
@click.argument("name", metavar="TAKE")
@click.option("--note", default="", help="Why.")
@_by
@json_option
@plainly
def take_select(song: str, scene: str, name: str, note: str, by: str, as_json: bool) -> None:
    """Choose the TAKE that goes into the film; it stays until somebody chooses again."""
    from audio_assets.commands import take_commands

    _report(take_commands.select(song, scene, name, by, note), as_json)


@take.command("unselect")
@click.argument("song")
@click.argument("scene")
@_by
@json_option
@plainly
def take_unselect(song: str, scene: str, by: str, as_json: bool) -> None:
    """Lift a choice: the rule chooses again."""
    from audio_assets.commands import take_commands

    _report(take_commands.select(song, scene, None, by, ""), as_json)


def _report(done: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(done)
    else:
        rows = {name: value for name, value in done.items() if name != "failed"}
        print_table({**rows, "takes": ", ".join(done["takes"])})
        for one in done["failed"]:
            click.echo(f"failed: {one['asset']} {one['partition']}: {one['reason']}")
    finish(has_failed=bool(done["failed"]))


class _Budget(click.Group):
    """Its numbers have no minus, which click would take for the name of an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See `click.Group.parse_args`."""
        for said in args:
            if _NEGATIVE.fullmatch(said):
                raise UserError(f"{said} is less than nothing: entries and dollars are written without a minus")
        return super().parse_args(ctx, args)


_NEGATIVE = re.compile(r"-\.?\d[\d.,_]*")


@click.group(cls=_Budget)
def budget() -> None:
    """Caps, and what was spent and is held under them."""


@budget.command("show")
@json_option
@plainly
def budget_show(as_json: bool) -> None:
    """Show caps, costs, and orders that somebody has to look at."""
    from audio_assets.commands import budget_report

    shown = budget_report.overview()
    print_json(shown) if as_json else click.echo(budget_report.as_text(shown))


@budget.command("set")
@click.argument("scope", type=click.Choice(["project", "scene", "day", "total"]))
@click.argument("usd")
@click.option("--for", "key", default="", help="Which song, scene (s003|song) or day; without it, each one.")
@_by
@plainly
def budget_set(scope: str, usd: str, key: str, by: str) -> None:
    """Cap SCOPE at USD; `none` takes the cap away."""
    from audio_assets.commands import budget_report

    click.echo(budget_report.set_cap(scope, key, usd, by))


@budget.command("release")
@_entries
@click.option("--reason", default="", help="How you know that it is not billed.")
@plainly
def budget_release(entries: Sequence[int], reason: str) -> None:
    """Let go of what is held for each ENTRY: it is not billed."""
    from audio_assets.commands import budget_report

    _each(entries, lambda entry: budget_report.release(entry, reason))


@budget.command("attach")
@click.argument("entry", type=int)
@click.argument("job")
@plainly
def budget_attach(entry: int, job: str) -> None:
    """Say that ENTRY, whose outcome was unknown, is the provider's JOB; the next run goes on with it."""
    from audio_assets.commands import budget_report

    click.echo(budget_report.attach(entry, job))


@budget.command("paid")
@click.argument("entry", type=int)
@click.argument("usd")
@click.option("--reason", default="", help="How you know.")
@plainly
def budget_paid(entry: int, usd: str, reason: str) -> None:
    """Say that ENTRY, whose outcome was unknown, was billed USD."""
    from audio_assets.commands import budget_report

    click.echo(budget_report.paid(entry, usd, reason))


@budget.command("cancel")
@click.argument("entry", type=int)
@plainly
def budget_cancel(entry: int) -> None:
    """Stop the job of ENTRY at its provider; its hold is released where nothing is billed."""
    from audio_assets.commands import budget_report

    click.echo(budget_report.cancel(entry))


@budget.command("again")
@_entries
@click.option("--reason", default="", help="Why it has to be paid once more.")
@plainly
def budget_again(entries: Sequence[int], reason: str) -> None:
    """Allow that each ENTRY, which was paid and whose file is lost, is paid once more."""
    from audio_assets.commands import budget_report

    _each(entries, lambda entry: budget_report.again(entry, reason))


def _each(entries: Sequence[int], do: Callable[[int], str]) -> None:
    """Do it for one entry after the other; one that can not be done keeps no other from it."""
    if len(entries) == 1:
        click.echo(do(entries[0]))
        return
    has_failed = False
    for entry in dict.fromkeys(entries):
        try:
            click.echo(do(entry))
        except (ValueError, RuntimeError, OSError) as error:
            has_failed = True
            click.echo(f"Error: {' '.join(str(error).split())}", err=True)
    finish(has_failed=has_failed)

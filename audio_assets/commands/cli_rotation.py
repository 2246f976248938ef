"""The commands of the rotations; what all commands share is in `cli_plain`."""

from collections.abc import Sequence

import click
import orjson

from audio_assets.commands.cli_plain import ask_first, json_option, plainly, print_json, yes_option
from audio_assets.domain.rotation import KINDS, PLURALS, Kind

_BY_PLURAL = {PLURALS[kind]: kind for kind in KINDS}
_request = click.option(
    "--request-id", default="", help="Ask with the same one again after a crash, and get the same answer."
)


@click.group()
def rotation() -> None:
    """Rotations: names, developers, scripts and pairs in turn, each once before any comes again."""


@rotation.command("next")
@click.argument("kind", type=click.Choice(KINDS))
@_request
@json_option
@plainly
def rotation_next(kind: Kind, request_id: str, as_json: bool) -> None:
    """Give the next KIND."""
    from audio_assets.commands import rotation_commands

    given = rotation_commands.give(kind, request_id=request_id)
    print_json(given) if as_json else click.echo(rotation_commands.as_text(given))


@rotation.command("pair")
@click.option("--generate", is_flag=True, help="Make its stems and its message too.")
@click.option("--template", default=None, help="The message's template; without it AUDIO_ASSETS_PAIRS_TEMPLATE.")
@_request
@json_option
@plainly
def rotation_pair(generate: bool, template: str | None, request_id: str, as_json: bool) -> None:
    """Give the next pair of a name and a developer."""
    from audio_assets.commands import rotation_commands
    from audio_assets.settings import current

    if generate:
        given = rotation_commands.generate_pair(
            template or current().pairs_template, request_id=request_id, is_quiet=as_json
        )
    elif template:
        raise ValueError("--template says how a message is made; add --generate to make it")
    else:
        given = rotation_commands.give("pair", request_id=request_id)
    print_json(given) if as_json else click.echo(rotation_commands.as_text(given))


@rotation.command("stream")
@click.argument("what", type=click.Choice(list(_BY_PLURAL)))
@click.option("--count", type=click.IntRange(1), help="How many; without it what is left of this cycle.")
@click.option("--take", is_flag=True, help="Give them for good, one by one, as `next` does; else it is only shown.")
@click.option("--jsonl", is_flag=True, help="One JSON object per line.")
@json_option
@plainly
def rotation_stream(what: str, count: int | None, take: bool, jsonl: bool, as_json: bool) -> None:
    """Show what comes next, in the order that seed and data set make."""
    from audio_assets.commands import rotation_commands

    rows = rotation_commands.upcoming(_BY_PLURAL[what], count, is_taken=take)
    if as_json:
        print_json(list(rows))
        return
    for row in rows:
        values = [row[part]["value"] for part in ("name", "developer", "script") if part in row]
        click.echo(orjson.dumps(row).decode() if jsonl else "\t".join(values))


@rotation.command("status")
@json_option
@plainly
def rotation_status(as_json: bool) -> None:
    """Show where every rotation is, and what became of its data set."""
    from audio_assets.commands import rotation_commands

    rows = rotation_commands.status()
    print_json(rows) if as_json else click.echo(rotation_commands.status_text(rows))


@rotation.command("reset")
@click.argument("kinds", nargs=-1, type=click.Choice(KINDS))
@yes_option
@json_option
@plainly
def rotation_reset(kinds: Sequence[Kind], is_sure: bool, as_json: bool) -> None:
    """Begin the rotations of KINDS anew, all of them where none is named; it asks first. What they gave is forgotten,
    and comes again.
    """  # noqa: D205
    from audio_assets.commands import rotation_commands

    ask_first(f"Forget what was given of {', '.join(PLURALS[kind] for kind in kinds or KINDS)}?", is_sure=is_sure)
    forgotten = rotation_commands.reset(kinds)
    if as_json:
        print_json(forgotten)
    else:
        click.echo("\n".join(f"{kind}: begins anew, {n} hand-outs forgotten" for kind, n in forgotten.items()))

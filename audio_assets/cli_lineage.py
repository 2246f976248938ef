"""The commands that ask where an artifact came from, make it again, look after it and clear it away."""

import sys
from pathlib import Path

import click

from audio_assets.cli_plain import FAILED, json_option, plainly, print_json


@click.command()
@click.argument("target", metavar="PATH|PARTITION")
@click.option("--all", "is_all", is_flag=True, help="Show each of alike objects by itself.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with the picture of it there.")
@json_option
@plainly
def explain(target: str, is_all: bool, html: Path | None, as_json: bool) -> None:
    """Show what an artifact is made of, down to lines, songs, voices, models and people's choices.

    PATH is a file, which may be a renamed copy of one; PARTITION may be asset/partition.
    """
    from audio_assets import lineage_commands

    found = lineage_commands.explain(target, html)
    print_json(found.as_json()) if as_json else click.echo(lineage_commands.explain_text(found, is_all=is_all))


@click.command()
@click.option("--asset", "assets", multiple=True, help="Only this asset; may be given several times.")
@click.option("--dry-run", is_flag=True, help="Only say what is wrong: damaged objects stay in the cache.")
@click.option("--repair", is_flag=True, help="Write published copies again too, and remove torn refs.")
@click.option("--paid", is_flag=True, help="With --repair: give up damaged objects that were paid for as well.")
@json_option
@plainly
def verify(assets: tuple[str, ...], dry_run: bool, repair: bool, paid: bool, as_json: bool) -> None:
    """Hold every ref, object, file and published copy against its hash. Exit code 1 when something is damaged.

    A damaged object is no hit any more, as when a stage reads it: the next run renders it again. What was paid for stays.
    """
    from audio_assets import lineage_commands

    if paid and not repair:
        raise ValueError("--paid goes with --repair")
    if repair and dry_run:
        raise ValueError("--repair and --dry-run contradict each other; leave one out")
    found = lineage_commands.verify(assets, is_dry=dry_run, repair=repair, paid=paid)
    print_json(found.as_json()) if as_json else click.echo(found.as_text())
    sys.exit(FAILED if found.damage else 0)

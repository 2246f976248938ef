"""The commands that ask where an artifact came from, make it again, look after it and clear it away."""

import sys
from collections.abc import Sequence
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

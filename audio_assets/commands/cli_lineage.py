"""The commands that ask where an artifact came from, make it again, look after it and clear it away."""

import sys
from pathlib import Path

import click

from audio_assets.commands.cli_plain import FAILED, json_option, plainly, print_json


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
    from audio_assets.commands import lineage_commands

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

    A damaged object is no hit any more, as when a stage reads it: the next run renders it again. What was paid for
    stays.
    """
    from audio_assets.commands import lineage_commands

    if paid and not repair:
        raise ValueError("--paid goes with --repair")
    if repair and dry_run:
        raise ValueError("--repair and --dry-run contradict each other; leave one out")
    found = lineage_commands.verify(assets, is_dry=dry_run, repair=repair, paid=paid)
    print_json(found.as_json()) if as_json else click.echo(found.as_text())
    sys.exit(FAILED if found.damage else 0)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say how much it would be.")
@click.option(
    "--keep-days",
    type=click.IntRange(0),
    help="Keep earlier versions that were rendered in so many days; without it AUDIO_ASSETS_KEEP_DAYS, 30.",
)
@json_option
@plainly
def gc(dry_run: bool, keep_days: int | None, as_json: bool) -> None:
    """Delete what nothing needs: what was retired, earlier versions, the rests of crashes.

    Kept is what a partition, a take list, a choice, a review or the history names, and all that this is made of. Never
    deleted is what was paid for, and what people brought or said.
    """
    from audio_assets.commands import lineage_commands

    found = lineage_commands.collect(is_dry=dry_run, keep_days=keep_days)
    if as_json:
        print_json(found)
    else:
        verb = "would delete" if dry_run else "deleted"
        text = f"{verb} {found['objects']} objects ({found['bytes'] / 1e6:.1f} MB) and {found['records']} records"
        history = f"; earlier versions of the last {found['keep_days']} days stay" if found["keep_days"] else ""
        click.echo(text + history)


@click.command()
@click.argument("targets", metavar="PATH|PARTITION...", nargs=-1, required=True)
@click.option("--into", type=click.Path(path_type=Path), help="Keep what is rendered in this folder.")
@click.option("--deep", is_flag=True, help="Render everything again that it is made of, too.")
@click.option("--previews", is_flag=True, help="Compare pictures as well.")
@json_option
@plainly
def reproduce(targets: tuple[str, ...], into: Path | None, deep: bool, previews: bool, as_json: bool) -> None:
    """Render artifacts again from their recorded inputs, and say whether the bytes are the same, or what differs.

    Nothing in the data root changes, nobody elsewhere is asked, nothing is paid. Exit code 1
    when something differs, or nothing could be made again.
    """
    from audio_assets.commands import lineage_commands

    done = lineage_commands.reproduce(targets, into=into, is_deep=deep, with_previews=previews)
    print_json(done.as_json()) if as_json else click.echo(done.as_text())
    sys.exit(0 if done.is_proved else FAILED)

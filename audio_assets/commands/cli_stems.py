"""The commands of stems and messages; what all commands share is in `cli_plain`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from audio_assets.commands.cli_plain import finish, json_option, plainly, print_json, print_table

_retry = click.option("--retry-failed", "retry", is_flag=True, help="Try again what failed with this very request.")
_copy = click.option("--copy", "is_copied", is_flag=True, help="Also a copy below output/ with the time in its name.")
_template = click.option("--template", required=True, help="simple, double_anchor, announcement, or one of your own.")


def _values(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--name`, `--developer` and `--script`, each as often as wanted."""
    for kind, what in (("script", "A script"), ("developer", "A developer"), ("name", "A name")):
        command = click.option(f"--{kind}", multiple=True, help=f"{what}; may be given several times.")(command)
    return command


@click.group()
def stem() -> None:
    """Stems: names, developers and scripts, spoken once under one contract."""


@stem.command("list")
@click.argument("pattern", default="*")
@click.option("--kind", default="", help="names, developers or scripts.")
@json_option
@plainly
def stem_list(pattern: str, kind: str, as_json: bool) -> None:
    """List stems whose id fits PATTERN (`stem.name.*`), and whether each is of today's contract."""
    from audio_assets.commands import stem_commands

    found = stem_commands.list_stems(pattern, kind)
    if as_json:
        print_json(found)
        return

    def line(one: Mapping[str, Any]) -> str:
        said = f"{one['provider']} {one['voice']} {one['sample_rate_hz']} Hz" if "provider" in one else ""
        return f"{one['contract']:8} {one['stem']:32} {one['value'][:28]:28} {said}"

    for row in stem_commands.list_text(found["stems"], found["problems"], line):
        click.echo(row)
    click.echo(", ".join(f"{found[state]} {state}" for state in stem_commands.STATES))


@stem.command("show")
@click.argument("name", metavar="STEM")
@json_option
@plainly
def stem_show(name: str, as_json: bool) -> None:
    """Show all that is known of STEM: its id, or a value such as José."""
    from audio_assets.commands import stem_commands

    shown = stem_commands.show_stem(name)
    print_json(shown) if as_json else print_table(shown)


@stem.command("generate")
@click.argument("what", nargs=-1, type=click.Choice(["names", "developers", "scripts", "all"]))
@_values
@_retry
@json_option
@plainly
def stem_generate(what: Sequence[str], retry: bool, as_json: bool, **values: Sequence[str]) -> None:
    """Speak the stems of the data sets that are named, or of the values, in one run; without either, of all data sets.

    Those that are there, whole and of today stay. `audio-assets plan` tells before what it is, and what it costs.
    """
    from audio_assets.commands import stem_commands

    _report(stem_commands.generate(what, values, retry=retry, is_quiet=as_json), as_json)


@stem.command("invalidate")
@click.argument("pattern")
@json_option
@plainly
def stem_invalidate(pattern: str, as_json: bool) -> None:
    """Take away the stems whose id is or fits PATTERN (`stem.name.*`): the next run makes them again."""
    from audio_assets.commands import stem_commands

    done = stem_commands.invalidate(pattern)
    if as_json:
        print_json(done)
        return
    bought = f"; {done['n_bought']} were bought and come from the store again" if done["n_bought"] else ""
    click.echo(f"{done['n_invalidated']} stems are taken away; the next run makes them again{bought}")


@click.group()
def message() -> None:
    """Messages: stems joined to the sample, as a template says."""


@message.command("make")
@click.option("--all", "is_all", is_flag=True, help="Every message that files and commands ask for.")
@click.option("--template", help="simple, double_anchor, announcement, or one of your own.")
@click.option("--name", help="Whose name: José, or stem.name.jose.")
@click.option("--developer", help="Which developer.")
@click.option("--script", help="Which script.")
@click.option("--id", "message_id", help="What to call it; template and values where it is not given.")
@_copy
@_retry
@json_option
@plainly
def message_make(
    as_json: bool, is_all: bool, is_copied: bool, retry: bool, message_id: str | None, **values: str | None
) -> None:
    """Make one message; a name that no data set has is spoken too. Or --all that are asked for."""
    from audio_assets.commands import stem_commands

    asked = {**values, "id": message_id}
    if is_all:
        if is_copied or any(asked.values()):
            raise ValueError("--all makes every message that is asked for; leave out what says one")
        _report(stem_commands.make_all(retry=retry, is_quiet=as_json), as_json)
        return
    if not values["template"]:
        raise ValueError("say which --template, such as simple, or --all for every message that is asked for")
    made = stem_commands.make_message(asked, is_copied=is_copied, retry=retry, is_quiet=as_json)
    print_json(made) if as_json else print_table(made)


@message.command("bulk")
@_template
@_values
@_copy
@_retry
@json_option
@plainly
def message_bulk(template: str, is_copied: bool, retry: bool, as_json: bool, **values: Sequence[str]) -> None:
    """Make every combination of names, developers and scripts in one run; all of the data sets where none is named."""
    from audio_assets.commands import stem_commands

    done = stem_commands.bulk(template, values, is_copied=is_copied, retry=retry, is_quiet=as_json)
    _report(done, as_json)


@message.command("list")
@json_option
@plainly
def message_list(as_json: bool) -> None:
    """List every message that is asked for, and the templates."""
    from audio_assets.commands import stem_commands

    found = stem_commands.list_messages()
    if as_json:
        print_json(found)
        return

    def line(one: Mapping[str, Any]) -> str:
        return f"{one['state']:8} {one['message']:48} {one.get('path', '')}"

    for row in stem_commands.list_text(found["messages"], found["problems"], line):
        click.echo(row)
    click.echo(f"{len(found['messages'])} messages; templates: {', '.join(found['templates'])}")


@message.command("show")
@click.argument("name", metavar="MESSAGE")
@json_option
@plainly
def message_show(name: str, as_json: bool) -> None:
    """Show where each stem stands in MESSAGE, to the sample."""
    from audio_assets.commands import stem_commands

    record = stem_commands.read_merge(name)
    if as_json:
        print_json(record)
        return
    click.echo(f"{record['n_samples']} samples at {record['sample_rate_hz']} Hz, {record['encoding']}")
    for one in record["parts"]:
        cut = f"{one['trimmed_start']} and {one['trimmed_end']} samples of silence cut off"
        click.echo(f"{one['start']:9} to {one['end']:9}  {one['stem']:32} after {one['gap_before']} zeros; {cut}")


def _report(done: Any, as_json: bool) -> None:
    print_json(done.as_json()) if as_json else click.echo(done.as_text())
    finish(has_failed=done.has_failures)

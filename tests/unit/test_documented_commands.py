"""Every command that README and docs show is one that there is, with options that it has."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from audio_assets.cli import main

ROOT = Path(__file__).resolve().parents[2]
GROUPS = ("stem", "message", "rotation", "bucket", "queue")
_SHOWN = re.compile(r"`((?:[A-Z_]+=\S+ )*audio-assets [^`]+)`")


def shown(name: str) -> list[str]:
    """The commands in backticks."""
    text = " ".join((ROOT / name).read_text().split())
    return sorted({found for found in _SHOWN.findall(text) if "..." not in found})


def parse(words: list[str]) -> None:
    """Read a command line as it would be, and run nothing.

    Raises:
        click.UsageError: there is no such command, argument or option.
    """
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"there is no command {name}")
        command, context = found, click.Context(found, parent=context)
    if words != ["--help"] and not (isinstance(command, click.Group) and not words):
        command.make_context(command.name, list(words), resilient_parsing=False)


@pytest.mark.parametrize("text", shown("docs/seed-routes.md"))
def test_every_command_of_the_seeds_tables_can_be_pasted(text: str) -> None:
    words = [word for word in shlex.split(text) if not re.match(r"[A-Z_]+=", word)]
    parse(words[1:])


def commands(group: click.Group) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from (f"{name} {below}" for below in commands(command))
        else:
            yield name


def test_the_table_of_commands_has_every_one_of_the_groups() -> None:
    table = (ROOT / "README.md").read_text().partition("## The command")[2].partition("All take `--help`")[0]
    there = [f"audio-assets {name}" for name in commands(main) if name.split()[0] in GROUPS]
    assert len(there) > 20
    assert [name for name in there if name not in table] == []

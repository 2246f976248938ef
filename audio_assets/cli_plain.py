"""What all commands share: a user's mistake is one sentence, `--json` prints one object, exit codes."""

import os
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import click
import orjson

FAILED, STALE = 1, 3


class UserError(click.ClickException):
    """One sentence for the user; exit code 2."""

    exit_code = 2


def plainly(command: Callable[..., Any]) -> Callable[..., Any]:
    """Say a user's mistake in one sentence: every error of ours that reaches a command is written to be read.

    With AUDIO_ASSETS_DEBUG set the whole trace is shown, for what is our mistake.
    """

    @wraps(command)
    def wrapped(*args: object, **kwargs: object) -> object:
        try:
            return command(*args, **kwargs)
        except BrokenPipeError:  # `| head` has read enough: click ends quietly
            raise
        except (ValueError, RuntimeError, OSError) as error:
            if os.environ.get("AUDIO_ASSETS_DEBUG"):
                raise
            raise UserError(" ".join(str(error).split())) from error

    return wrapped


def print_json(value: object) -> None:
    """One JSON object, indented."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


def print_table(rows: Mapping[str, Any]) -> None:
    """A line for each value."""
    width = max((len(name) for name in rows), default=0)
    click.echo("\n".join(f"{name:{width}}  {value}" for name, value in rows.items() if value not in (None, "", [])))


def finish(*, has_failed: bool) -> None:
    """Leave with the exit code of a command that did its work."""
    sys.exit(FAILED if has_failed else 0)

"""What all commands share: a user's mistake is one sentence, `--json` prints one object, exit codes."""

import errno
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any

import click
import orjson

FAILED, STALE = 1, 3
_KILLED = 130
_REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)
_ONLY_LOOKS = (
    *("plan", "align", "voices", "providers", "models list", "take list", "budget show", "dev", "serve"),
    *("explain", "reproduce", "provenance"),
)
"""Commands that change nothing, of the groups whose changes alone are of interest."""


class Number(click.FloatRange):
    """A number within bounds, as every option of a float takes it: nan and inf are told from that."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        found = super().convert(value, param, ctx)
        return found if math.isfinite(found) else self.fail(f"{value} is no number to work with.", param, ctx)


class UserError(click.ClickException):
    """One sentence for the user; exit code 2."""

    exit_code = 2


def plainly(command: Callable[..., Any]) -> Callable[..., Any]:
    """Say a user's mistake in one sentence: every error of ours that reaches a command is written to be read.

    Ctrl-C is said in one, too. With AUDIO_ASSETS_DEBUG set the whole trace is shown, for what is our mistake.
    """

    @wraps(command)
    def wrapped(*args: object, **kwargs: object) -> object:
        with _logged():
            try:
                return command(*args, **kwargs)
            except BrokenPipeError:  # `| head` has read enough: click ends quietly
                raise
            except KeyboardInterrupt as stop:
                click.echo(f"\n{stop or 'stopped'}", err=True)
                sys.exit(_KILLED)
            except (ValueError, RuntimeError, OSError) as error:
                if os.environ.get("AUDIO_ASSETS_DEBUG"):
                    raise
                from audio_assets.domain.rendering import plain_words

                said = _of_a_read_only_root(error) or plain_words(error)
                raise UserError(" ".join(said.split())) from error

    return wrapped


def _of_a_read_only_root(error: Exception) -> str:
    """What to do about a data root that nobody may write into, "" where that is not the matter."""
    if not isinstance(error, OSError) or error.errno not in _REFUSED or not isinstance(error.filename, str):
        return ""
    from audio_assets.settings import current

    with suppress(ValueError):  # of settings that can not be read
        root = current().root
        if Path(error.filename).is_relative_to(root) and not os.access(root, os.W_OK):
            what = f"the data root {root} can not be written ({error.strerror})"
            to_do = "give yourself the right to write there, or name another one with AUDIO_ASSETS_DATA"
            return f"{what}: {to_do}; plan, explain and verify also do without"
    return ""


@contextmanager
def _logged() -> Iterator[None]:
    """Within: a command, which is written to the audit log with its exit code, unless it only looks."""
    context = click.get_current_context(silent=True)
    name = _name_of(context)
    started, code = time.monotonic(), 0
    try:
        yield
    except BaseException as error:
        code = _exit_code(error)
        raise
    finally:
        if context is not None and name and name not in _ONLY_LOOKS:
            _write_down(name, context.params, code, time.monotonic() - started)


def _name_of(context: click.Context | None) -> str:
    """`rotation next`, without the program's own name."""
    names: list[str] = []
    while context is not None and context.parent is not None:
        names.insert(0, str(context.info_name))
        context = context.parent
    return " ".join(names)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, click.exceptions.Exit | click.ClickException):
        return error.exit_code
    return _KILLED if isinstance(error, KeyboardInterrupt) else FAILED


def _write_down(name: str, params: Mapping[str, Any], code: int, seconds: float) -> None:
    """Append the line; with settings that can not be read there is no place for it."""
    from audio_assets.settings import current
    from resources.audit_log import AuditLog

    try:
        settings = current()
    except ValueError:
        return
    if not settings.root.is_dir():
        return
    said = {key: value for key, value in params.items() if value not in (None, False, "", ())}
    log = AuditLog(settings.logs, days=settings.log_days)
    log.append("command", command=name, arguments=said, exit_code=code, seconds=round(seconds, 3))


def print_json(value: object) -> None:
    """One JSON object, indented."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")


yes_option = click.option("--yes", "is_sure", is_flag=True, help="Do it without asking.")


def ask_first(question: str, *, is_sure: bool) -> None:
    """Ask on the terminal before something is taken away for good.

    Raises:
        ValueError: the answer is no, or nobody is there to answer.
    """
    if is_sure:
        return
    try:
        is_sure = click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
    if not is_sure:
        raise ValueError("nothing is done; --yes does it without asking")


def print_table(rows: Mapping[str, Any]) -> None:
    """A line for each value."""
    width = max((len(name) for name in rows), default=0)
    click.echo("\n".join(f"{name:{width}}  {value}" for name, value in rows.items() if value not in (None, "", [])))


def finish(*, has_failed: bool) -> None:
    """Leave with the exit code of a command that did its work."""
    sys.exit(FAILED if has_failed else 0)

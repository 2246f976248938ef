"""The commands of live messages; the others, and what they all share, are in `cli` and `cli_plain`."""

from collections.abc import Sequence
from typing import Any

import click

from audio_assets.commands.cli_plain import (
    Number,
    ask_first,
    finish,
    json_option,
    plainly,
    print_json,
    print_table,
    yes_option,
)
from audio_assets.domain.live_message import MESSAGE_TYPES, QUEUES, Queue


@click.group()
def queue() -> None:
    """Messages of a live stream: spoken as they arrive, played one by one."""


@queue.command("add")
@click.argument("sent_by")
@click.argument("text")
@click.option("--bits", "bits_amount", type=int, help="How many bits came with it.")
@click.option("--type", "message_type", type=click.Choice(MESSAGE_TYPES), help="bits where --bits is given.")
@click.option("--id", "message_id", default="", help="The sender's own id; one that came before is not taken again.")
@json_option
@plainly
def queue_add(as_json: bool, **message: Any) -> None:
    """Add a message of SENT_BY that says TEXT."""
    from audio_assets.commands import queue_commands

    given = {name: value for name, value in message.items() if value not in (None, "")}
    _show(queue_commands.add({"sent_by": "", "text": "", **given}), as_json)


@queue.command("stats")
@json_option
@plainly
def queue_stats(as_json: bool) -> None:
    """Show what each queue holds, which one is active, what plays, and what is wrong with the settings."""
    from audio_assets.commands import queue_commands

    found = queue_commands.stats()
    _show(found if as_json else queue_commands.stats_text(found), as_json)


@queue.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["PENDING", "READY", "PLAYING", "PLAYED", "DELETED", "FAILED"], case_sensitive=False),
    help="Only messages in this state; may be given several times.",
)
@click.option("--queue", "of", type=click.Choice(QUEUES), help="Only messages of this queue.")
@click.option("--newest", type=click.IntRange(1), default=50, show_default=True, help="How many.")
@json_option
@plainly
def queue_list(states: Sequence[Any], of: Queue | None, newest: int, as_json: bool) -> None:
    """List messages in the order of their arrival."""
    from audio_assets.commands import queue_commands

    found = queue_commands.listed(states, of, newest)
    if as_json:
        print_json(found)
        return
    for one in found:
        said = one["reason"] or one["spoken"] or one["text"]
        click.echo(f"{one['id']:6} {one['queue']:8} {one['state']:8} {one['sent_by'][:20]:20} {said[:90]!r}")


@queue.command("play-next")
@json_option
@plainly
def queue_play_next(as_json: bool) -> None:
    """Put the next ready message of the active queue on air. Exit code 1 while none is ready."""
    from audio_assets.commands import queue_commands

    played = queue_commands.play_next()
    if as_json:
        print_json(played)
    elif played["id"] is None:
        click.echo(played["said"])
    else:
        print_table(played)
    finish(has_failed=played["id"] is None)


@queue.command("mark-played")
@click.argument("number", metavar="ID", type=int)
@json_option
@plainly
def queue_mark_played(number: int, as_json: bool) -> None:
    """End message ID: it is played."""
    from audio_assets.commands import queue_commands

    _show(queue_commands.mark_played(number), as_json)


@queue.group("autoplay")
def autoplay() -> None:
    """Play what is ready by itself, or not."""


@autoplay.command("start")
@click.option("--cooldown", "cooldown_s", type=Number(0, 3600), help="Seconds of silence between messages.")
@json_option
@plainly
def autoplay_start(cooldown_s: float | None, as_json: bool) -> None:
    """Play the active queue by itself."""
    from audio_assets.commands import queue_commands

    _show(queue_commands.autoplay(is_on=True, cooldown_s=cooldown_s), as_json)


@autoplay.command("stop")
@json_option
@plainly
def autoplay_stop(as_json: bool) -> None:
    """Play nothing by itself; what plays is played to its end."""
    from audio_assets.commands import queue_commands

    _show(queue_commands.autoplay(is_on=False, cooldown_s=None), as_json)


@queue.command("clear")
@yes_option
@json_option
@plainly
def queue_clear(is_sure: bool, as_json: bool) -> None:
    """Delete all that waits in the active queue, spoken or not; it asks first. The other queue stays as it is."""
    from audio_assets.commands import queue_commands

    active, n_waiting = queue_commands.waiting()
    if n_waiting:
        ask_first(f"Delete {n_waiting} messages that wait in {active}?", is_sure=is_sure)
    _show(queue_commands.clear(), as_json)


@queue.command("switch")
@click.argument("name", metavar="mentions|bits", type=click.Choice(QUEUES))
@json_option
@plainly
def queue_switch(name: Queue, as_json: bool) -> None:
    """Make a queue the active one."""
    from audio_assets.commands import queue_commands

    _show(queue_commands.switch(name), as_json)


@queue.command("requeue")
@click.argument("numbers", metavar="[ID]...", nargs=-1, type=int)
@click.option("--failed", "all_failed", is_flag=True, help="All that failed.")
@json_option
@plainly
def queue_requeue(numbers: Sequence[int], all_failed: bool, as_json: bool) -> None:
    """Speak messages with today's settings and play them again, at their old place."""
    from audio_assets.commands import queue_commands

    _show(queue_commands.requeue(numbers, all_failed=all_failed), as_json)


@queue.command("config")
@json_option
@plainly
def queue_config(as_json: bool) -> None:
    """Show the settings in use, and check them."""
    from audio_assets.commands import queue_commands

    shown = queue_commands.config()
    _show(shown if as_json else queue_commands.config_text(shown), as_json)


@queue.command("serve")
@click.option("--no-http", is_flag=True, help="Render and play only; take no messages over HTTP.")
@click.option("--quiet", "is_quiet", is_flag=True, help="Do not say where messages go; faults are told.")
@plainly
def queue_serve(no_http: bool, is_quiet: bool) -> None:
    """Take messages over HTTP, render and play them in one process whose model is loaded; Ctrl-C ends it.

    On another address than this machine's own it needs a token in AUDIO_ASSETS_LIVE_TOKEN, as every sender then does.
    """
    from audio_assets.commands import live_server

    live_server.run(has_http=not no_http, is_quiet=is_quiet)


def _show(found: dict[str, Any], as_json: bool) -> None:
    print_json(found) if as_json else print_table(found)

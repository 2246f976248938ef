"""The command of the provenance database; what all commands share is in `cli_plain`."""

from collections.abc import Sequence

import click

from audio_assets.commands.cli_plain import Number, json_option, plainly, print_json


@click.command()
@click.argument("view", required=False, default="")
@click.argument("arguments", nargs=-1)
@click.option("--sql", help="A SELECT of your own, instead of a view.")
@click.option("--rebuild", is_flag=True, help="Make the database anew instead of reading what changed.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@click.option("--limit", default=40, show_default=True, type=click.IntRange(1), help="Rows that a table shows.")
@click.option(
    "--timeout",
    "within_s",
    default=60.0,
    show_default=True,
    type=Number(0, min_open=True),
    help="Seconds that a question may take.",
)
@json_option
@plainly
def provenance(
    view: str,
    arguments: Sequence[str],
    sql: str | None,
    rebuild: bool,
    as_csv: bool,
    limit: int,
    within_s: float,
    as_json: bool,
) -> None:
    """Bring the provenance database up to date, and print VIEW (`cost_by_song`, `touched_by voice af_heart` ...).

    Without VIEW its tables and views are listed. It is DuckDB, with Parquet beside it, for tools of your own.
    """
    from audio_assets.commands import provenance_commands as commands

    if sql is not None and not sql.strip():
        raise ValueError('there is no question after --sql; write a SELECT, like --sql "select * from cost_by_song"')
    if sql and view:
        raise ValueError("name a view or ask with --sql, not both")
    if as_csv and as_json:
        raise ValueError("--csv or --json, not both")
    done = commands.refresh(rebuild=rebuild)
    if not sql and not view:
        print_json(done.as_json()) if as_json else click.echo(commands.overview(done))
        return
    n_rows = None if as_csv or as_json else limit
    found = commands.answer(done, view, arguments, sql or "", n_rows=n_rows, within_s=within_s)
    remark = commands.remark(done, found, view, arguments)
    if done.rebuilt and not rebuild:
        click.echo(f"{done.file} was made anew: {done.rebuilt}", err=True)
    if remark:
        click.echo(remark, err=as_json or as_csv)
    if as_json:
        print_json({"columns": found.columns, "rows": found.as_json()})
    elif as_csv or not remark:
        click.echo(commands.as_csv(found) if as_csv else commands.as_text(found), nl=not as_csv)

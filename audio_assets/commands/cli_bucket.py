"""The commands of the bucket; what all commands share is in `cli_plain`."""

from pathlib import Path

import click

from audio_assets.commands.cli_plain import finish, json_option, plainly, print_json, print_table

_prefix = click.option("--prefix", default="", help="Only keys that begin so: stems/, stems/name/, messages/ ...")
_deep = click.option("--deep", is_flag=True, help="Download and hash what is there, whatever its metadata says.")


@click.group()
def bucket() -> None:
    """Stems and messages in a bucket: a folder, S3 or GCS, as AUDIO_ASSETS_BUCKET names it."""


@bucket.command("audit")
@_prefix
@_deep
@json_option
@plainly
def bucket_audit(prefix: str, deep: bool, as_json: bool) -> None:
    """Hold index, files and bucket against each other; without a bucket, index and files. Exit code 1 on a finding."""
    from audio_assets.commands import bucket_commands

    shown = bucket_commands.audit(prefix, is_deep=deep)
    print_json(shown) if as_json else click.echo(bucket_commands.audit_text(shown))
    finish(has_failed=bool(shown["findings"]))


@bucket.command("list")
@_prefix
@click.option("--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="How many at most.")
@click.option("--after", default="", help="Go on after this key.")
@json_option
@plainly
def bucket_list(prefix: str, limit: int, after: str, as_json: bool) -> None:
    """List what is in the bucket, page by page."""
    from audio_assets.commands import bucket_commands

    shown = bucket_commands.list_page(prefix, limit, after)
    if as_json:
        print_json(shown)
        return
    for one in shown["objects"]:
        click.echo(f"{one['size']:12}  {one['key']}")
    if shown["next"]:
        click.echo(f"there is more: --after {shown['next']}", err=True)


@bucket.command("check")
@click.argument("name", metavar="ID")
@_deep
@json_option
@plainly
def bucket_check(name: str, deep: bool, as_json: bool) -> None:
    """Say how stem or message ID stands, here and in the bucket. Exit code 1 on a finding."""
    from audio_assets.commands import bucket_commands

    shown = bucket_commands.check(name, is_deep=deep)
    if as_json:
        print_json(shown)
    else:
        print_table({key: shown[key] for key in ("key", "sha256", "size", "contract_signature", "bucket")})
        for one in shown["findings"]:
            click.echo(f"{one['problem'].replace('_', ' ')}: {one['detail']}; {one['remedy']}")
        if not shown["findings"]:
            click.echo(
                "the same here and in the bucket" if shown["bucket"] else "as the index says; there is no bucket"
            )
    finish(has_failed=bool(shown["findings"]))


@bucket.command("upload")
@click.argument("name", metavar="[ID]", default="")
@_prefix
@_deep
@click.option("--dry-run", is_flag=True, help="Only say what would be uploaded.")
@json_option
@plainly
def bucket_upload(name: str, prefix: str, deep: bool, dry_run: bool, as_json: bool) -> None:
    """Upload what differs of all stems and messages, or of ID, and read it back."""
    from audio_assets.commands import bucket_commands

    if name and prefix:
        raise ValueError("name an ID or a --prefix, not both")
    shown = bucket_commands.upload(name, prefix, is_dry=dry_run, is_deep=deep)
    print_json(shown) if as_json else click.echo(bucket_commands.upload_text(shown))
    finish(has_failed=bool(shown["failed"]))


@bucket.command("resolve")
@click.argument("name", metavar="ID")
@click.option("--into", type=click.Path(path_type=Path), help="Put it into this file; without it, where it belongs.")
@json_option
@plainly
def bucket_resolve(name: str, into: Path | None, as_json: bool) -> None:
    """Print a path with the whole file of stem or message ID: the one here, or a verified download."""
    from audio_assets.commands import bucket_commands

    found = bucket_commands.resolve(name, into)
    print_json(found) if as_json else click.echo(found["path"])

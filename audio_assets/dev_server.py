"""`audio-assets dev`: the Dagster UI with daemon and the artifact server, started together, ended together."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click

from audio_assets.instance import prepare_home
from audio_assets.settings import current

_WORKSPACE = Path(__file__).resolve().parent.parent / "workspace.yaml"
_STOP_WITHIN_S = 10.0


def run() -> int:
    """Run both until one ends or Ctrl-C; each is a process group of its own, so that no daemon is left behind."""
    settings = current()
    settings.inbox.mkdir(parents=True, exist_ok=True)
    prepare_home(settings)
    url = f"http://{settings.server_host}:{settings.dagster_port}"
    click.echo(
        f"Dagster UI        {url}\nartifacts         {settings.artifact_url}\ndrop scripts into {settings.inbox}"
    )
    dagster = [sys.executable, "-m", "dagster", "dev", "--workspace", str(_WORKSPACE)]
    commands = [
        [*dagster, "--host", settings.server_host, "--port", str(settings.dagster_port)],
        [sys.executable, "-c", "from audio_assets.cli import main; main()", "serve"],
    ]
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore:Parameter"}  # Dagster's of its own beta parameters, at every start
    children = [
        subprocess.Popen(command, env=quiet, start_new_session=True)  # noqa: S603 - our own
        for command in commands
    ]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    finally:
        for child in children:
            _stop(child)
    return next(child.returncode for child in children if child.returncode is not None) or 1


def _stop(child: "subprocess.Popen[bytes]") -> None:
    for stop in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(child.pid, stop)
            child.wait(_STOP_WITHIN_S)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def serve_artifacts() -> None:
    """Serve the artifacts of the data root, read-only."""
    import uvicorn

    from audio_assets.commands import open_studio
    from audio_assets.site import build_site

    settings = current()
    uvicorn.run(
        build_site(open_studio().store), host=settings.server_host, port=settings.server_port, log_level="warning"
    )

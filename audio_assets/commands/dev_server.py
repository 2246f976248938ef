"""`audio-assets dev`: Dagster's UI and daemon, the artifact server, live messages; started and ended together."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import click
import httpx

from audio_assets.instance import open_instance
from audio_assets.settings import current

_WORKSPACE = Path(__file__).resolve().parents[2] / "workspace.yaml"
_STOP_WITHIN_S = 5.0


def run() -> int:
    """Run all until one ends or Ctrl-C; each is a process group of its own, so that no daemon is left behind."""
    settings = current()
    for inbox in (settings.dialogue_inbox, settings.song_inbox, settings.live_inbox):
        inbox.mkdir(parents=True, exist_ok=True)
    with open_instance(settings):  # its tables are there before three processes want them; killed runs are told
        pass
    url = f"http://{settings.server_host}:{settings.dagster_port}"
    click.echo(
        f"Dagster UI        {url}\nartifacts         {settings.artifact_url}\n"
        f"drop scripts into {settings.dialogue_inbox}\ndrop songs into   {settings.song_inbox}\n"
        f"live messages to  http://{settings.live_host}:{settings.live_port}/api/messages"
    )
    dagster = [sys.executable, "-m", "dagster", "dev", "--log-level", "warning", "--workspace", str(_WORKSPACE)]
    ours = [sys.executable, "-c", "from audio_assets.cli import main; main()"]
    commands = [
        [*dagster, "--host", settings.server_host, "--port", str(settings.dagster_port)],
        [*ours, "serve"],
        [*ours, "queue", "serve", "--quiet"],
    ]
    # Dagster warns of its own beta parameters at every start; and no `gql.py` of somebody's folder is to be its module
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONSAFEPATH": "1"}
    children = [
        subprocess.Popen(command, env=quiet, start_new_session=True)  # noqa: S603 - our own
        for command in commands
    ]
    threading.Thread(target=_dismiss_pop_up, args=(url,), daemon=True).start()
    stopping = threading.Event()
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, lambda *_: stopping.set())  # asking twice changes nothing: all are being ended
    while not stopping.wait(0.5) and all(child.poll() is None for child in children):
        pass
    ended = [child.returncode for child in children if child.returncode is not None]
    for child in children:
        _stop(child)
    return 0 if stopping.is_set() else ended[0] or 1


def _dismiss_pop_up(url: str) -> None:
    """Tell Dagster, once it answers, that its invitation to the community has been seen: it covers the graph."""
    for _ in range(120):
        time.sleep(1)
        try:
            httpx.post(f"{url}/graphql", json={"query": "mutation { setNuxSeen }"}, timeout=2.0)
        except httpx.HTTPError:
            continue
        return


def _stop(child: "subprocess.Popen[bytes]") -> None:
    """End a child's whole group; one that was started in the background may ignore the first signal."""
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
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

    from audio_assets.commands.opening import open_studio
    from audio_assets.site.app import build_site

    settings = current()
    uvicorn.run(
        build_site(open_studio().store), host=settings.server_host, port=settings.server_port, log_level="warning"
    )

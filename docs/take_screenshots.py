"""`make screenshots`: the pictures of Dagster's UI in the docs, from a studio of its own with one voice changed.

It speaks the example scene into a temporary data root, opens the UI on it, slows a voice down, lets the sensor find out
what follows, backfills, and looks at it all in headless Chromium.
"""

import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

DOCS = Path(__file__).resolve().parent
REPOSITORY = DOCS.parent
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
UI, PORTS = "http://127.0.0.1:3480", {"DAGSTER_PORT": "3480", "SERVER_PORT": "3481", "LIVE_PORT": "3482"}
DEBUG_PORT = 9480
CAST = '[characters.tomas]\nvoice = "am_michael"\nspeed = 0.95'
COMMAND = [sys.executable, "-W", "ignore", "-c", "from audio_assets.cli import main; main()"]
_SHOW_TABLES = (
    "[...document.querySelectorAll('button')].filter(b => /show table/i.test(b.innerText)).forEach(b => b.click());"
    "setTimeout(() => [...document.querySelectorAll('th')]"
    ".find(cell => cell.innerText.trim() === 'asset')?.scrollIntoView(), 1500)"
)


def main() -> None:
    """Furnish, change, look."""
    browser = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit(f"no Chromium here: install one of {', '.join(CHROMIUM)}")
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        root = Path(folder)
        ports = {f"AUDIO_ASSETS_{name}": port for name, port in PORTS.items()}
        env = {**os.environ, "AUDIO_ASSETS_DATA": folder, **ports}
        for name in ("cast.toml", "lexicon.toml"):
            shutil.copy(REPOSITORY / "data" / name, root)
        (root / "backfill.toml").write_text('[policy]\nvoice_line = "ask"\n')
        scene = str(REPOSITORY / "data" / "examples" / "lighthouse")
        subprocess.run([*COMMAND, "ingest", scene], env=env, check=True)
        with _dagster(env), _looking(browser) as page:
            page.take("asset-graph", f"{UI}/asset-groups", wait_s=15)
            (root / "cast.toml").write_text((root / "cast.toml").read_text().replace(CAST, CAST.replace("0.95", "0.9")))
            _wait_for_plan()
            page.take("stale-plan", f"{UI}/assets/stale_plan", script=_SHOW_TABLES)
            page.take("failed-check", f"{UI}/assets/voice_line?view=checks&checkDetail=up_to_date")
            page.take("line-lineage", f"{UI}/assets/dialogue_mix?view=lineage&lineageScope=upstream&lineageDepth=6")
            subprocess.run([*COMMAND, "backfill", "--url", UI], env=env, check=True)
            page.take("backfill-run", f"{UI}/runs/{_last_run()}")


def _graphql(query: str) -> Any:
    answer = httpx.post(f"{UI}/graphql", json={"query": query}, timeout=20.0)
    return answer.json()["data"]


def _last_run() -> str:
    runs = 'runsOrError(filter: {pipelineName: "backfill"}, limit: 1) { ... on Runs { results { runId } } }'
    found = _graphql(f"{{ {runs} }}")
    return str(found["runsOrError"]["results"][0]["runId"])


def _wait_for_plan() -> None:
    """Until the sensor has left a plan in which something is stale."""
    query = (
        '{ assetOrError(assetKey: {path: ["stale_plan"]}) { ... on Asset { assetMaterializations(limit: 1) '
        "{ metadataEntries { label ... on IntMetadataEntry { intValue } } } } } }"
    )
    for _ in range(60):
        time.sleep(3)
        events = _graphql(query)["assetOrError"].get("assetMaterializations") or []
        counts = {entry["label"]: entry.get("intValue") for event in events for entry in event["metadataEntries"]}
        if counts.get("stale"):
            return
    raise SystemExit("the sensor has left no plan within three minutes")


@contextmanager
def _dagster(env: dict[str, str]) -> Iterator[None]:
    """Within: `audio-assets dev` answers."""
    running = subprocess.Popen([*COMMAND, "dev"], env=env, start_new_session=True)
    try:
        for _ in range(120):
            time.sleep(1)
            try:
                if _graphql("{ version }"):
                    break
            except (httpx.HTTPError, ValueError):
                continue
        yield
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        running.wait(30)


class Page:
    """A page of the browser, over its debugging protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def take(self, name: str, url: str, *, wait_s: float = 10.0, script: str = "") -> None:
        """Write `<name>.png`; `script` is run once the page is there."""
        self._ask("Page.navigate", url=url)
        time.sleep(wait_s)
        if script:
            self._ask("Runtime.evaluate", expression=script)
            time.sleep(3)
        picture = self._ask("Page.captureScreenshot", format="png")["result"]["data"]
        (DOCS / f"{name}.png").write_bytes(base64.b64decode(picture))
        print(f"docs/{name}.png")

    def _ask(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == number:
                return answer


@contextmanager
def _looking(browser: str) -> Iterator[Page]:
    """Within: a page in headless Chromium."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1500,1000", "--no-first-run"]
        places = [f"--user-data-dir={folder}", f"--remote-debugging-port={DEBUG_PORT}", "about:blank"]
        running = subprocess.Popen([browser, *flags, *places], stderr=subprocess.DEVNULL)
        try:
            for _ in range(60):
                time.sleep(0.5)
                try:
                    pages = httpx.get(f"http://127.0.0.1:{DEBUG_PORT}/json").json()
                    break
                except httpx.HTTPError:
                    continue
            else:
                raise SystemExit(f"{browser} does not answer")
            address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
            with connect(address, max_size=None) as socket:
                yield Page(socket)
        finally:
            running.kill()
            running.wait()


if __name__ == "__main__":
    main()

"""No key, and no signature of an address, in any file below the data root, event, log at DEBUG, error or output.

A key is planted for every provider. Each then asks a vendor that repeats whatever it is sent (`tests/servers/blab.py`),
in every way that it can fail, and its own strict server, which serves; lines and takes go through Dagster's jobs.
"""

import base64
import logging
import os
import sqlite3
import traceback
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from audio_assets import launch
from audio_assets.domain.budget import Order
from audio_assets.domain.shot import Shot
from audio_assets.domain.speech import SpeechRequest
from audio_assets.instance import open_instance
from audio_assets.launch import FILM
from audio_assets.settings import current
from audio_assets.stages.takes import SceneTake
from resources.alignment import Aligner
from resources.http_client import client_of
from resources.lip_sync import LipSyncProvider
from resources.music import MusicAsk, MusicProvider
from resources.ordered import Remote
from resources.paid_jobs import Patience, pay_once
from resources.pausing import Timing
from resources.remote import RemoteProvider
from resources.speech import SpeechProvider
from resources.video import VideoProvider
from tests.concert import Concert
from tests.house import House
from tests.servers import cartesia, comfyui, fal, openai_videos, openrouter, replicate, runway, sync_so
from tests.servers.blab import MODES, SIGNATURE, Blab
from tests.servers.orders import Orders
from tests.servers.serving import serving
from tests.servers.video_jobs import PICTURE, clip
from tests.trouble import put_board

MODELS = {"runway": "gen4.5", "litellm": "veo", "vllm_omni_video": "default", "sglang": "default"}
"""What is asked for where the first model of the table begins with a picture, or the table names none."""
WORDS = {"replicate": ("succeeded", "failed"), "runway": ("SUCCEEDED", "FAILED"), "openrouter": ("completed", "failed"),
         **dict.fromkeys(("vllm_omni_video", "sglang", "litellm"), ("completed", "failed")),
         }  # fmt: skip
VOICES = {"cartesia": cartesia.VOICE, "comfyui_speech": "bf_emma"}
LOGGERS = (
    "",
    "httpx",
    "httpcore",
    "dagster",
    "sqlalchemy",
    "sqlalchemy.engine",
    "audio_assets",
    "resources",
    "asyncio",
)
PATIENCE = Patience(first_s=0.001, deadline_s=1.0, n_fetches=2)


def planted(name: str) -> str:
    """The key of a provider."""
    return f"planted+{name}/9f8e7d6c5b4a/{name[::-1]}"


def variable(name: str) -> str:
    return f"PLANTED_{name.upper()}"


def forms(secret: str) -> set[str]:
    """How a secret may be written: as it is, quoted, and in base64 wherever it stands in what is encoded."""
    found = {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
    for n_before in range(3):
        encoded = base64.b64encode(b"x" * n_before + secret.encode()).decode()
        found.add(encoded[(0, 2, 3)[n_before] : -4])  # but for what depends on the neighbours
    return found


@dataclass
class Ears:
    """Everything that is said anywhere."""

    root: Path
    secrets: dict[str, str]
    heard: list[str] = field(default_factory=list)

    def hear(self, error: BaseException) -> None:
        """An error, with all that stands behind it."""
        self.heard.append("".join(traceback.format_exception(error)))

    def texts(self) -> Iterator[tuple[str, bytes]]:
        """Where, and what."""
        yield "a log or error", "\n".join(self.heard).encode()
        for path in sorted(self.root.rglob("*")):
            yield f"name of {path}", str(path).encode()
            if path.is_file():
                yield str(path), path.read_bytes()
                if path.suffix == ".db" or path.read_bytes()[:6] == b"SQLite":
                    yield f"rows of {path}", b"\n".join(_cells(path))

    def leaks(self) -> list[str]:
        """Where which secret was found."""
        wanted = {name: [form.encode() for form in forms(secret)] for name, secret in self.secrets.items()}
        return [
            f"{name} in {where}: ...{data[max(0, data.index(form) - 150) : data.index(form) + 20]!r}"
            for where, data in self.texts()
            for name, its_forms in wanted.items()
            for form in its_forms
            if form in data and not (name == "a signature" and _is_answer(where))
        ]


def _is_answer(where: str) -> bool:
    """What a vendor answered at once is kept as it came, until the artifact is made of it; but for our keys."""
    return "/answers/" in where or where.endswith("/out.bin")


def _cells(path: Path) -> Iterator[bytes]:
    """Every value of a database, unpacked where it is packed."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database, suppress(sqlite3.DatabaseError):
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name of its own
                for cell in row:
                    data = cell if isinstance(cell, bytes) else str(cell).encode()
                    yield data
                    with suppress(zlib.error):
                        yield zlib.decompress(data)


class _Listening(logging.Handler):
    def __init__(self, ears: Ears) -> None:
        super().__init__(logging.DEBUG)
        self.ears = ears
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.ears.heard.append(self.format(record))
        self.ears.heard.append(repr({**record.__dict__, "msg": "", "message": ""}))


@pytest.fixture
def house(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A studio in which every provider has a key, and waits for nothing."""
    for name in remotes(house):
        monkeypatch.setenv(variable(name), planted(name))
    monkeypatch.setattr("resources.http_client.TIMING", Timing(sleep=lambda _s: None, vary=lambda: 0.5))
    yield house
    client_of.cache_clear()


@pytest.fixture
def ears(house: House, root: Path) -> Iterator[Ears]:
    """Listens to every logger at DEBUG."""
    secrets = {name: planted(name) for name in remotes(house)} | {"a signature": SIGNATURE}
    ears = Ears(root.parent, secrets)
    handler = _Listening(ears)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.DEBUG)
    loggers[0].addHandler(handler)
    yield ears
    loggers[0].removeHandler(handler)
    for one, level in zip(loggers, before, strict=True):
        one.setLevel(level)


def remotes(house: House) -> list[str]:
    """Every provider elsewhere."""
    return [name for name, one in house.studio().providers.all.items() if isinstance(one, RemoteProvider)]


def set_up(house: House, urls: Mapping[str, str]) -> None:
    """`providers.toml` and prices for the vendors at these addresses."""
    tables = [f'[providers.{name}]\nurl = "{url}"\nkey_variable = "{variable(name)}"' for name, url in urls.items()]
    house.write("providers.toml", "\n".join(tables))
    price = '[[prices]]\nprovider = "{}"\nmodel = "{}"\nusd_per_request = 0.1\nvalid_from = 2020-01-01'
    models = [(name, model) for name in urls for model in {"*", model_of(house, name)}]
    house.write("price_card.toml", "\n".join(price.format(*one) for one in models))


def model_of(house: House, name: str) -> str:
    provider = house.studio().providers.all[name]
    if name in MODELS or not isinstance(provider, VideoProvider | MusicProvider):
        return MODELS.get(name, "*")
    return next(iter(provider.models()), "default")


def order_of(house: House, name: str, folder: Path) -> tuple[Remote | None, Mapping[str, Any], dict[str, Path]]:
    """Where something is ordered from a provider, what is sent, and the files that go along."""
    provider: Any = house.studio().providers.all[name]
    files = {"video": clip(), "audio": b"RIFF a voice", "reference_image": PICTURE}
    paths = {kind: folder / f"{kind} of it" for kind in files}
    for kind, data in files.items():
        paths[kind].write_bytes(data)
    kept, model = folder / "answers", model_of(house, name)
    if isinstance(provider, SpeechProvider):
        voice = VOICES.get(name) or next(iter(provider.voices()), "default")
        line = SpeechRequest("A lamp by the sea.", "en", ((voice, 1.0),))
        return provider.remote(kept), provider.request(line), {}
    if isinstance(provider, Aligner):
        return provider.remote(kept), provider.request("A lamp by the sea.", "en"), {"audio": paths["audio"]}
    if isinstance(provider, VideoProvider):
        shot = Shot("a lamp by the sea", "blur", 1280, 720, Fraction(24), 96, 4, 3)
        return provider.remote(model, kept), provider.request(model, shot, ()), {}
    if isinstance(provider, MusicProvider):
        return provider.remote(model, kept), provider.request(model, MusicAsk("a calm sea", 30.0)), {}
    assert isinstance(provider, LipSyncProvider)
    return provider.remote(kept), provider.request(2.0), {kind: paths[kind] for kind in ("video", "audio")}


def buy(house: House, name: str, folder: Path, key: str) -> None:
    """Probe a provider, then order from it."""
    ledger, provider = house.studio().ledger, house.studio().providers.all[name]
    assert isinstance(provider, RemoteProvider)
    failures: list[Exception] = []
    try:
        provider.probe()
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not tell
        failures.append(error)
    try:
        remote, request, files = order_of(house, name, folder)
        assert remote is not None
        wanted = Order(key, "scene_take", "night", "s003", name, remote.model, "0.10", request)
        slept_s: list[float] = []
        timing = Timing(sleep=slept_s.append, clock=lambda: sum(slept_s))
        pay_once(ledger, remote.vendor, wanted, folder / "out.bin", files=files, patience=PATIENCE, timing=timing)
    except Exception as error:  # noqa: BLE001
        failures.append(error)
    if failures:
        raise ExceptionGroup(name, failures)


def test_what_is_searched_for_is_found(ears: Ears, root: Path) -> None:
    """In a file, a name, a packed cell, a log's text and values, an error behind an error; and as base64."""
    key = planted("cartesia")
    assert ears.leaks() == []
    (root / "a").write_text(f"x{base64.b64encode(f'user:{key}'.encode()).decode()}")
    (root / f"x {quote(key, safe='')}").touch()
    with closing(sqlite3.connect(root / "x.db", isolation_level=None)) as database:
        database.execute("CREATE TABLE t (x)")
        database.execute("INSERT INTO t VALUES (?)", (zlib.compress(key.encode()),))
    logging.getLogger("httpcore.http11").debug("sent", extra={"secret": key})
    logging.getLogger("dagster").debug("sent %s", key)
    error = RuntimeError("no")
    error.__cause__ = ValueError(key)
    ears.hear(error)
    found = "\n".join(ears.leaks())
    assert len(ears.leaks()) >= 4
    for where in ("/a:", "name of", "rows of", "a log or error"):
        assert where in found


EACH = int(os.environ.get("AUDIO_ASSETS_TEST_EACH", "3"))
"""Of how many providers one meets a mode; 1: each meets all of them (5 minutes)."""
MODES_OF_RUNS = ("401", "503", "failed", "done", "away")


@pytest.mark.parametrize("mode", MODES)
def test_no_provider_tells_what_its_vendor_repeats(
    house: House, ears: Ears, tmp_path: Path, mode: str, capfd: pytest.CaptureFixture[str]
) -> None:
    names = remotes(house)[MODES.index(mode) % EACH :: EACH]
    with ExitStack() as stack:
        vendors = {name: Blab(mode, *WORDS.get(name, ())) for name in names}
        set_up(house, {name: stack.enter_context(serving(vendor.app)) for name, vendor in vendors.items()})
        for name in names:
            (tmp_path / name).mkdir()
            try:
                buy(house, name, tmp_path / name, f"key-{name}")
            except ExceptionGroup as error:
                ears.hear(error)
    for name, vendor in vendors.items():
        assert set(vendor.heard) == {planted(name)}, f"{name} was to send its key, and sent {set(vendor.heard)}"
    ears.heard += capfd.readouterr()
    assert ears.leaks() == []


def strict(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, str]:
    """The strict server of a provider, and what its address ends with."""
    file = folder / f"{name}.vendor"
    key = planted(name)
    for module in (fal, replicate, runway, openrouter, openai_videos, sync_so):
        monkeypatch.setattr(module, "KEY", key)  # so that it is put back, whoever changes it next
    if name == "cartesia":
        return cartesia.Cartesia(Orders(file), key).app, ""
    if name == "sync_so":
        return sync_so.SyncSoServer(file).app(), ""
    if name.startswith("comfyui"):
        return comfyui.ComfyServer(file, is_quick=True, token=key).app(), ""
    made = {
        "fal": (fal, lambda: fal.FalServer(file), ""),
        "replicate": (replicate, lambda: replicate.ReplicateServer(file), ""),
        "runway": (runway, lambda: runway.RunwayServer(file), ""),
        "openrouter": (openrouter, lambda: openrouter.OpenRouterServer(file), "/api/v1"),
    }
    if name not in made:
        server = openai_videos.OpenAiServer(file, name.removesuffix("_video"))
        return _with_key(openai_videos, key, server.app), "/v1"
    module, make, path = made[name]
    return _with_key(module, key, make().app), path


def _with_key(module: Any, key: str, app: Any) -> Any:
    """The app, to which its module's key is another one while it answers; each runs in a thread of its own."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        module.KEY = key
        await app(scope, receive, send)

    return answer


OF_STRICT = ("cartesia", "sync_so", "fal", "replicate", "runway", "openrouter", "vllm_omni_video", "sglang", "litellm",
             "comfyui", "comfyui_speech")  # fmt: skip


@pytest.mark.parametrize("name", OF_STRICT)
def test_no_provider_keeps_what_it_sent_or_was_given(
    house: House, ears: Ears, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From orders that go well; the addresses of files are signed."""
    app, path = strict(name, tmp_path, monkeypatch)
    with serving(app) as url:
        set_up(house, {name: f"{url}{path}"})
        buy(house, name, tmp_path, f"key-{name}")
    assert (tmp_path / "out.bin").is_file()
    assert [entry.state for entry in house.studio().ledger.entries()] == ["settled"]
    assert ears.leaks() == []
    assert not [where for where, said in ears.texts() if b"?signed=" in said or b"Signature=" in said]


@pytest.mark.parametrize("turn", [None, *range(1 if EACH > 1 else len(MODES_OF_RUNS))])
def test_no_run_of_dagster_tells(
    house: House,
    ears: Ears,
    root: Path,
    turn: int | None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Lines and takes through the jobs: events, Dagster's databases and logs, failures, sidecars, the ledger.

    Every vendor serves, or each fails in another way: all ways are met by takes, some by lines; the next turn moves on.
    """
    speakers, cameras = ["cartesia", "comfyui_speech"], ["fal", "replicate", "runway", "openrouter", "litellm"]
    monkeypatch.delenv("DAGSTER_HOME")
    with ExitStack() as stack:
        urls = {}
        for number, name in enumerate((*speakers, *cameras)):
            if turn is None:
                app, path = strict(name, root.parent, monkeypatch)
            else:
                mode = MODES_OF_RUNS[(number + turn) % len(MODES_OF_RUNS)]
                app, path = Blab(mode, *WORDS.get(name, ())).app, ""
            urls[name] = f"{stack.enter_context(serving(app))}{path}"
        set_up(house, urls)
        deadline_s = 60 if turn is None else 0.2
        waits = (f"[providers.{name}]\nfirst_look_s = 0.001\ndeadline_s = {deadline_s}\n" for name in cameras)
        text = (root / "providers.toml").read_text()
        for name, wait in zip(cameras, waits, strict=True):
            text = text.replace(f"[providers.{name}]\n", wait)
        house.write("providers.toml", text)
        house.write("cast.toml", "\n".join(
            f'[characters.{name}]\nengine = "{name}"\nvoice = "{VOICES[name]}"' for name in speakers
        ) + '\n[narrator]\nvoice = "af_heart"\n')  # fmt: skip
        house.register("== sea ==\n" + "\n".join(f"{name}: The boat of {name} is late." for name in speakers))
        concert = Concert(root)
        for name in cameras:
            concert.drop(f"song_{name}", "", duration_s=1.0)
        concert.register()
        for name in cameras:
            put_board(house.studio().store, f"song_{name}", name, model_of(house, name), n_scenes=1)
        with open_instance(current()) as instance:
            lines = house.run(instance)
            launch.sync(instance, house.studio())
            wanted = {"scene_take": SceneTake(house.studio()).partitions()}
            takes = launch.execute(instance, house.defs.resolve_job_def(FILM.job), wanted)
            for result in (lines, takes):
                ears.heard += [f"{entry!r} {entry.user_message}" for entry in instance.all_logs(result.run_id)]
    studio = house.studio()
    kept = [*studio.store.refs("voice_line").all(), *studio.store.refs("scene_take").all()]
    entries = studio.ledger.entries()
    if turn is None:
        assert (lines.success, takes.success) == (True, True), [
            failure.reason for key in wanted["scene_take"] if (failure := studio.store.failure("take", f"t01@{key}"))
        ]
        assert len(kept) == len(speakers) + len(cameras)
    else:
        assert (lines.success, takes.success) == (False, False)
    assert len(entries) >= len(cameras)
    assert any(path.suffix == ".db" for path in (root / "dagster").rglob("*"))
    ears.heard += capfd.readouterr()
    assert ears.leaks() == []


def test_the_environment_holds_the_keys(house: House) -> None:
    assert all(os.environ[variable(name)] == planted(name) for name in remotes(house))
    assert len(remotes(house)) >= len(OF_STRICT)

"""Every setting of a process, from the environment, in one typed object (`AUDIO_ASSETS_DATA=/srv/studio` and so on)."""

import os
from functools import cached_property, lru_cache
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

_REPOSITORY = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """The environment's `AUDIO_ASSETS_*` variables; unset ones have the defaults below."""

    model_config = SettingsConfigDict(env_prefix="AUDIO_ASSETS_", frozen=True)

    data: Path = Field(
        default=_REPOSITORY / "data", description="data root: inbox, cast.toml, artifacts, Dagster's own state"
    )
    store: str = Field(
        default="", description="where artifacts live: a folder or an s3:// or gs:// URL; empty: the data root"
    )
    bucket: str = Field(
        default="",
        description="where stems and messages go: a folder or an s3:// or gs:// URL; empty: nowhere",
    )
    cache: Path = Field(
        default=Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "audio-assets",
        description="model files, fetched once and shared by every data root",
    )
    workers: int = Field(default=0, ge=0, description="processes that run local engines; 0: one per core")
    requests: int = Field(default=4, ge=1, le=64, description="requests to remote providers at once")
    ledger: str = Field(
        default="", description="database of budgets and costs, as an SQLAlchemy URL; empty: a file in the data root"
    )
    language: str = Field(default="en", description="language of a script that does not name one")
    scene_slots: int = Field(default=96, ge=1, le=999, description="scenes that a song may have, at most")
    workflows: Path = Field(
        default=_REPOSITORY / "workflows", description="shipped prompt templates, price card and remix styles"
    )
    keep_days: int = Field(
        default=30, ge=0, description="days that `gc` keeps earlier versions after they were rendered"
    )
    log_days: int = Field(default=30, ge=1, description="days that the audit log is kept")
    rotation_seed: str = Field(default="1", max_length=200, description="orders the rotations of names and developers")
    pairs_per_tick: int = Field(default=5, ge=1, le=1000, description="messages that each tick of `next_pairs` makes")
    pairs_template: str = Field(default="simple", description="template of the messages of pairs")
    voice_menu_choices: bool = Field(default=False, description="speak Ren'Py's menu choices too")
    server_host: str = Field(default="127.0.0.1", description="address that the artifact server listens on")
    server_port: int = Field(default=3001, description="port of the artifact server")
    server_url: str = Field(
        default="", description="the artifact server as a browser reaches it; empty: from host and port"
    )
    live_host: str = Field(default="127.0.0.1", description="address that `queue serve` takes live messages on")
    live_port: int = Field(default=8008, description="port of `queue serve`")
    dagster_port: int = Field(default=3000, description="port of the Dagster UI under `audio-assets dev`")

    @cached_property
    def root(self) -> Path:
        """The data root, absolute."""
        return self.data.expanduser().resolve()

    @property
    def dialogue_inbox(self) -> Path:
        """Where scripts are dropped."""
        return self.root / "inbox" / "dialogue"

    @property
    def song_inbox(self) -> Path:
        """Where songs are dropped."""
        return self.root / "inbox" / "songs"

    @property
    def live_inbox(self) -> Path:
        """Where files of live messages grow."""
        return self.root / "inbox" / "live"

    @property
    def scratch(self) -> Path:
        """Files in the making; nothing here outlives its run but after a crash."""
        return self.root / "scratch"

    @property
    def logs(self) -> Path:
        """The folder of the audit log."""
        return self.root / "logs"

    def render_lock(self, job: str) -> Path:
        """Held while a run of `job` renders into this data root."""
        return self.root / f".{job}"

    @property
    def store_url(self) -> str:
        """The artifact store's folder or URL."""
        return self.store or str(self.root)

    @property
    def dagster_home(self) -> Path:
        """Dagster's own instance folder, unless the environment names another."""
        return Path(os.environ.get("DAGSTER_HOME") or self.root / "dagster")

    @property
    def own_runs(self) -> Path:
        """A lock for each run that a command executes in its own process."""
        return self.root / ".own_runs"

    @property
    def n_workers(self) -> int:
        """Processes for local engines, at least 1."""
        return self.workers or len(os.sched_getaffinity(0))

    @property
    def ledger_url(self) -> str:
        """The database of budgets and costs."""
        return self.ledger or f"sqlite:///{self.root / 'ledger.db'}"

    @property
    def artifact_url(self) -> str:
        """The artifact server's base URL without a slash at its end."""
        return (self.server_url or f"http://{self.server_host}:{self.server_port}").rstrip("/")


@lru_cache(maxsize=1)
def current() -> Settings:
    """The settings of this process; read once.

    Raises:
        ValueError: a variable has a value that can not be used; the message names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = [f"AUDIO_ASSETS_{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()]
        raise ValueError("; ".join(faults)) from error

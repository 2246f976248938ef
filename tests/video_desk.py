"""Ordering clips in tests, as a run does: a ledger, a provider, and a vendor that is made anew for every call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from audio_assets.domain.budget import Order
from audio_assets.domain.shot import Shot
from resources.ledger import Ledger
from resources.ledger_rows import Entry
from resources.paid_jobs import Patience, Receipt, call_off, pay_once
from resources.paid_vendor import PaidVendor
from resources.pausing import Timing
from resources.vendors.video_vendor import TableVideo
from resources.video_files import probe_video

TABLE = str(Path(__file__).resolve().parents[1] / "workflows" / "video_models.toml")
PATIENCE = Patience(first_s=1, deadline_s=60)
SHOT = Shot("a lamp by the sea", "blur", 1280, 720, Fraction(24), 150, 8, 3)


@dataclass
class Desk:
    """`pay` orders a shot, or goes on with its order, through a fresh vendor, as the next process would."""

    provider: TableVideo
    model: str
    folder: Path
    slept_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(f"sqlite:///{self.folder / 'ledger.db'}")
        self.target = self.folder / "take.mp4"

    @property
    def vendor(self) -> PaidVendor:
        remote = self.provider.remote(self.model, self.folder)
        assert remote is not None
        assert (remote.provider, remote.model) == (self.provider.name, self.model)
        return remote.vendor

    def order(self, shot: Shot = SHOT, files: Mapping[str, Path] | None = None, parent_job: str = "") -> Order:
        if parent_job:
            request = self.provider.remix_request(self.model, shot, tuple(files or {}), parent_job)
        else:
            request = self.provider.request(self.model, shot, tuple(files or {}))
        key = f"key-{shot.seed}-{shot.revision}"
        return Order(key, "scene_take", "night", "s003", self.provider.name, self.model, "0.80", request)

    def pay(
        self, shot: Shot = SHOT, *, files: Mapping[str, Path] | None = None, parent_job: str = "",
        vendor: PaidVendor | None = None, patience: Patience = PATIENCE,
    ) -> Receipt:  # fmt: skip
        self.slept_s.clear()
        timing = Timing(sleep=self.slept_s.append, clock=lambda: sum(self.slept_s), vary=lambda: 0.5)
        return pay_once(
            self.ledger, vendor or self.vendor, self.order(shot, files, parent_job), self.target, files=files or {},
            verify=_check, patience=patience, timing=timing,
        )  # fmt: skip

    def call_off(self) -> Entry:
        return call_off(self.ledger, self.vendor, self.entry.id)

    @property
    def entry(self) -> Entry:
        return self.ledger.entries()[-1]

    def picture(self, content: bytes) -> dict[str, Path]:
        path = self.folder / "Ana's face.png"
        path.write_bytes(content)
        return {"reference_image": path}


def _check(path: Path) -> None:
    probe_video(path)

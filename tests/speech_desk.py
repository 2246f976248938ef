"""How tests order lines of speech: through the ledger, as a run does."""

from dataclasses import dataclass, field
from pathlib import Path

from audio_assets.domain.budget import Order
from audio_assets.domain.speech import Speech, SpeechRequest
from resources.ledger import Ledger
from resources.ledger_rows import Entry
from resources.paid_jobs import Timing, pay_once
from resources.speech import SpeechProvider


@dataclass
class SpeechDesk:
    """A ledger, the answers that were paid for, and time that passes only where it is slept."""

    folder: Path
    slept_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(f"sqlite:///{self.folder / 'ledger.db'}")
        self.target = self.folder / "line.answer"
        self.kept = self.folder / "answers"

    def order(
        self, provider: SpeechProvider, request: SpeechRequest, *, key: str = "line-1", usd: float = 0.02
    ) -> Speech:
        """The line, ordered or picked up; what came is at `target` until it is read."""
        remote = provider.remote(self.kept)
        assert remote is not None
        order = Order(key, "voice_line", "play", "", remote.provider, remote.model, usd, provider.request(request))

        def verify(answer: Path) -> None:
            provider.hear(answer, request)

        timing = Timing(sleep=self.slept_s.append, clock=lambda: sum(self.slept_s), vary=lambda: 0.5)
        pay_once(self.ledger, remote.vendor, order, self.target, verify=verify, patience=remote.patience, timing=timing)
        return provider.hear(self.target, request)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(self.ledger.entries())

    @property
    def entry(self) -> Entry:
        return self.entries[-1]

    @property
    def files(self) -> set[str]:
        """What lies about: the artifact that was made, and nothing half-made."""
        return {path.name for path in self.folder.iterdir() if path.name == self.target.name or path.suffix == ".part"}

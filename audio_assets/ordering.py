"""How a stage orders from a provider elsewhere: the order as the ledger keeps it, its price, and the call.

The one place that joins a recipe, the price card and the ledger; what happens then is `resources/ordered.py`.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from audio_assets.domain.action import Action
from audio_assets.domain.budget import Order
from audio_assets.domain.price_card import PriceError
from audio_assets.domain.provider_catalogue import Capability
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.studio import Studio
from resources.ledger_rows import Entry
from resources.ordered import Remote, ordered
from resources.paid_jobs import Verify
from resources.paid_vendor import PaidVendor
from resources.pool import Call

_CAPABILITY: Mapping[str, Capability] = {
    "voice_line": "speech",
    "stem": "speech",
    "message_audio": "speech",
    "alignment": "alignment",
    "music_remix": "music",
    "scene_take": "video",
    "lipsynced_take": "lip_sync",
}
"""What is ordered for an asset."""


def order(
    studio: Studio,
    remote: Remote,
    action: Action,
    project: str,
    request: Mapping[str, Any],
    *,
    scene: str = "",
    cap_usd: float | None = None,
    seconds: float = 0.0,
    n_characters: int = 0,
) -> Order:
    """The order of an action, priced by today's card.

    Raises:
        NoPrice: no price, no run. Unavailable: the model is retired.
    """
    price = studio.price(remote.provider, remote.model)
    try:
        estimate = price.cost_usd(seconds=seconds, n_characters=n_characters)
    except PriceError as error:
        raise PermanentError(f"nothing is ordered: {error}") from error
    return Order(
        action.key, action.asset, project, scene, remote.provider, remote.model, estimate, request, cap_usd
    )  # fmt: skip


def call(
    studio: Studio,
    remote: Remote,
    wanted: Order,
    files: Mapping[str, Path],
    scratch: Path,
    make: Callable[[Path], Rendered],
    verify: Verify,
) -> Call:
    """The call that orders; it waits in its provider's lane."""
    return Call(ordered, (studio.ledger, remote, wanted, files, scratch, make, verify), remote.lane)


def vendor_of(studio: Studio, entry: Entry) -> PaidVendor:
    """Who an entry of the ledger was ordered from.

    Raises:
        PermanentError: that provider is not set up here any more, or can not be asked as things stand.
    """
    capability = _CAPABILITY[entry.asset]
    provider = studio.providers.find(capability, entry.provider)
    is_by_model = capability in ("video", "music")
    kept = studio.kept_answers
    remote: Remote | None = provider.remote(entry.model, kept) if is_by_model else provider.remote(kept)
    if remote is None:
        raise PermanentError(f"{entry.provider} works on this machine: there is no order that could be stopped")
    return remote.vendor


def has_jobs(studio: Studio, entry: Entry) -> bool:
    """Whether the provider of an entry makes jobs that can be gone on with; of one that is set up no more: maybe."""
    return bool(getattr(studio.providers.all.get(entry.provider), "has_jobs", True))


def estimate_usd(
    studio: Studio, remote: Callable[[], Remote | None], *, seconds: float = 0.0, n_characters: int = 0
) -> float:
    """What one order costs, for plans; 0 where nothing is ordered, or can be."""
    with suppress(PermanentError, PriceError):
        found = remote()
        if found is not None:
            price = studio.price(found.provider, found.model)
            return price.cost_usd(seconds=seconds, n_characters=n_characters)
    return 0.0

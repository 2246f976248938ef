"""An artifact that is ordered from a provider elsewhere: the order goes through the ledger, its file becomes files.

The one way for every capability: `pay_once` orders, or goes on with what is ordered; `make` turns the file that came
into the artifact. Runs in a thread of the run's own process, for it waits more than it works.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audio_assets.domain.budget import Order
from audio_assets.domain.rendering import Rendered
from resources.ledger import Ledger
from resources.paid_jobs import Patience, Verify, pay_once
from resources.paid_vendor import PaidVendor
from resources.pool import Lane
from resources.request_ids import noted

PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a provider's work is ordered; `provider` and `model` are what price card and ledger call it."""

    vendor: PaidVendor
    provider: str
    model: str
    lane: Lane
    patience: Patience = PATIENCE


def ordered(
    ledger: Ledger,
    remote: Remote,
    order: Order,
    files: Mapping[str, Path],
    scratch: Path,
    make: Callable[[Path], Rendered],
    verify: Verify,
) -> Rendered:
    """Order, or go on with the order, and make the artifact of what came; the same order is paid once.

    `files` go with the request (`reference_image`, `parent`, `audio`, `video`); `scratch` is where the file is put.

    Raises:
        BudgetExceeded: a cap is in the way; nothing was sent. `pay_once` says what else.
    """
    with noted() as ids:
        receipt = pay_once(ledger, remote.vendor, order, scratch, files=files, verify=verify, patience=remote.patience)
    try:
        rendered = make(scratch)
        if scratch not in rendered.files.values():
            scratch.unlink(missing_ok=True)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    facts: dict[str, Any] = {"job_id": receipt.job_id, "cost_is_estimate": receipt.is_estimate}
    facts |= {"request_ids": ids} if ids else {}
    facts |= remote.vendor.facts(receipt.job_id)
    return replace(rendered, cost_usd=receipt.cost_usd, facts={**rendered.facts, **facts})

"""A take that is ordered and paid: the driver of paid jobs, and the take's files around the clip that it brings."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from audio_assets.domain.budget import Order
from audio_assets.domain.rendering import Rendered
from audio_assets.domain.shot import Clip, Shot
from resources.engines.take_artifacts import generated_take
from resources.ledger import Ledger
from resources.paid_jobs import pay_once
from resources.paid_vendor import PaidVendor
from resources.video_files import probe_video


def paid_take(
    ledger: Ledger, vendor: PaidVendor, order: Order, shot: Shot, record: Mapping[str, Any], scratch: Path
) -> Rendered:
    """Order the take, or go on with its order; the same order is paid once.

    Raises:
        BudgetExceeded: a cap is in the way; nothing was sent. `pay_once` says what else.
    """
    receipt = pay_once(ledger, vendor, order, scratch, verify=_is_video)

    def brought(_shot: Shot, _image: Path | None, target: Path) -> Clip:
        info = probe_video(target)
        return Clip(info.n_frames, info.width, info.height)

    asked = {**record, "job_id": receipt.job_id, "cost_is_estimate": receipt.is_estimate}
    return replace(generated_take(brought, shot, None, asked, scratch), cost_usd=receipt.cost_usd)


def _is_video(path: Path) -> None:
    probe_video(path)

"""The stored record of a cost report, `cost_report.1`, to and from bytes.

Tables `song`, `scene`, `provider`, `day` and a `total`; a line has `name`, `n_orders` and `estimated_usd`, `spent_usd`,
`held_usd`: dollars with six decimals, exact to a micro-dollar.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from audio_assets.domain.budget import micro_usd, usd
from audio_assets.domain.cost_report import CostLine, CostReport
from audio_assets.domain.schemas.records import RecordError, read_record

SCHEMA = "cost_report.1"
CURRENCY = "USD"


def to_bytes(report: CostReport) -> bytes:
    """Return the bytes of a report, the same for the same one; `from_bytes` reads them back."""
    record: dict[str, Any] = {"schema": SCHEMA, "currency": CURRENCY, "total": _line_record(report.total)}
    record |= {heading: [_line_record(line) for line in lines] for heading, lines in report.tables}
    return orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def from_bytes(data: bytes) -> CostReport:
    """Return the report behind the bytes.

    Raises:
        RecordError: they are none, or of another version.
    """
    record = read_record(data, SCHEMA)
    try:
        songs, scenes, providers, days = (
            tuple(_line(line) for line in record[heading]) for heading in ("song", "scene", "provider", "day")
        )
        return CostReport(songs, scenes, providers, days, total=_line(record["total"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"not a {SCHEMA} record: {error}") from error


def _line_record(line: CostLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "n_orders": line.n_orders,
        "estimated_usd": usd(line.estimated_micro),
        "spent_usd": usd(line.spent_micro),
        "held_usd": usd(line.held_micro),
    }


def _line(record: Mapping[str, Any]) -> CostLine:
    return CostLine(
        name=str(record["name"]),
        n_orders=int(record["n_orders"]),
        estimated_micro=_micro(record["estimated_usd"]),
        spent_micro=_micro(record["spent_usd"]),
        held_micro=_micro(record["held_usd"]),
    )


def _micro(amount: float) -> int:
    # repr of a float is its shortest text, so six decimals come back as they went; large sums stay exact below 2**53
    return micro_usd(amount)

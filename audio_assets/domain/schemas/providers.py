"""The stored record of the catalogue of providers, `providers.1`, to bytes, and what they answered from bytes.

`on` is the day that prices and dates were held against, `at` the time; each of `providers` has its terms, prices,
address, what ends and who uses it. `answer` is null where a provider was not asked.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from audio_assets.domain.provider_catalogue import Answer, Catalogue, Listed
from audio_assets.domain.schemas.records import RecordError, read_record

SCHEMA = "providers.1"
CURRENCY = "USD"


def record(listed: Catalogue, *, at: str = "") -> dict[str, Any]:
    """The catalogue as plain values."""
    return {
        "schema": SCHEMA,
        "on": listed.on.isoformat(),
        "at": at,
        "currency": CURRENCY,
        "retired": list(listed.retired),
        "retiring": list(listed.retiring),
        "unusable": list(listed.unusable),
        "providers": [row_record(row) for row in listed.rows],
    }


def row_record(row: Listed) -> dict[str, Any]:
    """One provider as plain values."""
    provider, about = row.provider, row.provider.about
    return {
        "name": row.name,
        "capability": about.capability,
        "summary": about.summary,
        "offer": about.offer,
        "licence": about.licence,
        "terms_url": about.terms_url,
        "needs": about.needs,
        "models": list(about.models),
        "unusable_models": list(about.mistakes),
        "model": provider.model,
        "where": row.where,
        "is_ordered": provider.is_ordered,
        "key_variable": provider.key_variable,
        "is_key_needed": provider.is_key_needed,
        "is_key_set": provider.is_key_set,
        "prices": [
            {
                "model": price.model,
                "usd": price.usd,
                "unit": price.unit,
                "valid_from": price.valid_from.isoformat(),
                "valid_until": price.valid_until.isoformat() if price.valid_until else None,
                "retired_on": price.retired_on.isoformat() if price.retired_on else None,
                "note": price.note,
            }
            for price in row.prices
        ],
        "ended": list(row.ended),
        "ending": list(row.ending),
        "default_for": list(row.default_for),
        "stands_in_for": list(row.stands_in_for),
        "problem": row.problem,
        "answer": {"is_there": provider.answer.is_there, "text": provider.answer.text} if provider.answer else None,
        "state": row.state,
    }


def to_bytes(listed: Catalogue, *, at: str) -> bytes:
    """The record's bytes."""
    return orjson.dumps(record(listed, at=at), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def answers_from_bytes(data: bytes) -> Mapping[str, Answer]:
    """What each provider answered that was asked, by name.

    Raises:
        RecordError: the bytes are no such record, or one of another version.
    """
    found = read_record(data, SCHEMA)
    try:
        asked = [(row["name"], row["answer"]) for row in found["providers"] if row["answer"] is not None]
        return {str(name): Answer(bool(answer["is_there"]), str(answer["text"])) for name, answer in asked}
    except (KeyError, TypeError) as error:
        raise RecordError(f"not a {SCHEMA} record: {error}") from error

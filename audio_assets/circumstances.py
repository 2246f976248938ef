"""What decides, besides its action, whether something can be ordered today.

An action says what is wanted, and the same action would fail again; but a key can be set, a price be written, a cap be
raised, a hold be released, a job be attached. A failure is kept with the mark of the circumstances that it rests on,
and what it stopped is tried once more as soon as they are others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from audio_assets.domain.action import sha256_hex
from audio_assets.domain.budget import Order, estimate_micro, refusal
from audio_assets.domain.rendering import plain_words
from audio_assets.studio import Studio
from resources.ordered import Remote
from resources.pool import Call
from resources.remote import RemoteProvider

_SHOWN = 12
_PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class Circumstances:
    """`obstacle` is in the way before anything is sent, in one sentence: no key, no price, a cap; "" for nothing.

    `mark` is another one whenever a provider's settings, its key, the price, the request or the ledger's entry are;
    "" where there is an obstacle, and of what is made on this machine.
    """

    obstacle: str = ""
    mark: str = ""


def today(studio: Studio, remote: Callable[[], Remote | None], call: Callable[[], Call]) -> Circumstances:
    """The circumstances of an order as things stand; `call` builds the call that would order it. Nothing is sent."""
    try:
        found = remote()
        parts = () if found is None else call().arguments
        order = next((part for part in parts if isinstance(part, Order)), None)
        if found is None or order is None:
            return Circumstances()
        ((_, binding),) = studio.ledger.affordable([order]).rest or ((order, ()),)
        if binding:
            return Circumstances(refusal(order.name, estimate_micro(order), binding))
        return Circumstances(mark=_mark(studio, found, order))
    except (ValueError, RuntimeError, OSError) as error:  # it can not even be ordered
        return Circumstances(plain_words(error))


def _mark(studio: Studio, remote: Remote, order: Order) -> str:
    entry = studio.ledger.latest(order.action_key)
    known = {
        "provider": [remote.provider, remote.model, *_settings(studio, remote)],
        "order": [order.request, str(order.estimate_usd)],
        "entry": None if entry is None else [entry.id, entry.state, entry.job_id, entry.may_pay_again],
    }
    return sha256_hex(orjson.dumps(known, option=orjson.OPT_SORT_KEYS, default=str))[:_SHOWN]


def _settings(studio: Studio, remote: Remote) -> list[Any]:
    """How the provider is set up here, and which key it is given."""
    provider = studio.providers.all.get(remote.provider)
    if not isinstance(provider, RemoteProvider):
        return []
    values = {name: getattr(provider, name) for name in type(provider).model_fields}
    key = provider.service().key
    return [{name: value for name, value in values.items() if isinstance(value, _PLAIN)}, key.mark if key else ""]

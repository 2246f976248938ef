"""What is known of every provider, as the catalogue shows it: what it does, its terms, what it takes to use it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Capability = Literal["speech", "alignment", "music", "video", "lip_sync"]
Offer = Literal["open", "freemium", "paid"]

CAPABILITIES: tuple[Capability, ...] = ("speech", "alignment", "music", "video", "lip_sync")


@dataclass(frozen=True, slots=True)
class About:
    """A provider in the catalogue.

    `summary` says in one sentence what it does; `licence` the terms of what it makes; `terms_url` where they stand.
    `offer`: `open` runs on machines of one's own, `freemium` has a free allowance, `paid` has none. `models` are those
    that settings may name, empty where any name is passed on. `needs` is what it takes beside a key.
    """

    capability: Capability
    summary: str
    licence: str
    offer: Offer
    terms_url: str = ""
    models: Sequence[str] = ()
    needs: str = ""

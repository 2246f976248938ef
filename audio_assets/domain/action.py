"""An action: all that decides the bytes of one artifact, and the key that names it.

The key is the sha256 of canonical JSON over every field, so a field that is added can not be forgotten. Inputs enter by
content, never by name or time: an input that is rendered again to the same bytes changes no key (early cutoff).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

Json = Any  # what orjson can write: None, bool, int, float, str, list, dict


def canonical(value: Json) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def sha256_hex(data: bytes) -> str:
    """Sha256 of `data`, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Action:
    """What is to be rendered.

    `asset` and `code_version` name our code, `provider` the engine with its model hashes, `params` every setting that
    can change the bytes, `inputs` the content sha256 of each input object by name.
    """

    asset: str
    code_version: str
    provider: Mapping[str, Json]
    params: Mapping[str, Json]
    inputs: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """The action key: 64 hex digits."""
        return sha256_hex(canonical(self.as_record()))

    def as_record(self) -> dict[str, Json]:
        """The five fields, as a sidecar holds them."""
        return {
            "asset": self.asset,
            "code_version": self.code_version,
            "provider": dict(self.provider),
            "params": dict(self.params),
            "inputs": dict(self.inputs),
        }

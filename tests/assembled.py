"""The resources and definitions of a test's studio, made once: 50 to 90 ms, which a test would pay ten times over."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import dagster as dg
from dagster._config.pythonic_config import resource

from audio_assets.definitions import build_defs, build_resources
from audio_assets.settings import Settings, current

_dagster: Any = resource  # what it does inside has no types
_infer = _dagster.infer_schema_from_config_class


@lru_cache(maxsize=128)
def _schema_of(kind: Any, omitted: frozenset[str]) -> Any:
    return _infer(kind, fields_to_omit=set(omitted))


def _inferred(kind: Any, fields_to_omit: set[str], **more: Any) -> Any:
    """The schema of a resource's class, which Dagster infers for every object anew: most of what 35 of them cost."""
    return _infer(kind, fields_to_omit=fields_to_omit, **more) if more else _schema_of(kind, frozenset(fields_to_omit))


_dagster.infer_schema_from_config_class = _inferred


class _Same:
    """Parts that are the same only if they are the very same objects."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.parts = dict(parts)
        self._ids = tuple((name, id(part)) for name, part in parts.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._ids == other._ids

    def __hash__(self) -> int:
        return hash(self._ids)


@lru_cache(maxsize=8)
def _resources(settings: Settings, overrides: _Same) -> dict[str, Any]:
    return build_resources(settings, overrides.parts)


@lru_cache(maxsize=4)
def _definitions(_settings: Settings, overrides: _Same) -> dg.Definitions:
    return build_defs(overrides.parts)


def resources(overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """As `build_resources` gives them for the settings of now."""
    return _resources(current(), _Same(overrides or {}))


def definitions(overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """As `build_defs` gives them for the settings of now."""
    return _definitions(current(), _Same(overrides or {}))

"""A root of the graph: what people write about a partition, as a version. Nothing is rendered, versions are recorded.

Sources make Dagster's own staleness exact: the version of a partition changes when, and only when, something does that
what is made of this very partition depends on. Nothing here knows of Dagster.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from audio_assets.studio import Studio

Shown = Mapping[str, str | int | float]
"""Metadata: a few plain values."""


class Source(ABC):
    """One source asset.

    `derived_from` are the assets in the graph from which its partitions are worked out, and `written_in` those that
    observe the files of settings that it reads; `members_of` is the asset of songs that says which scenes there are,
    where its partitions are scenes.
    """

    asset: ClassVar[str]
    code_version: ClassVar[str] = "1"
    derived_from: ClassVar[tuple[str, ...]] = ()
    written_in: ClassVar[tuple[str, ...]] = ()
    members_of: ClassVar[str] = ""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    @abstractmethod
    def partitions(self) -> Sequence[str]:
        """Every partition that there is today."""

    @abstractmethod
    def version(self, partition: str) -> str:
        """Today's version: 64 hex digits. What can not be resolved has a version of its own, that of its error."""

    @abstractmethod
    def metadata(self, partition: str) -> Shown:
        """What the UI shows of it."""

"""What the commands of lineage do, apart from printing: each opens the studio on the settings' data root."""

from pathlib import Path

from audio_assets.commands import open_studio
from audio_assets.domain.lineage import Lineage, as_text
from audio_assets.explaining import Explainer


def explain(target: str, html: Path | None = None) -> Lineage:
    """The tree under an artifact; with `html` its page is written there.

    Raises:
        ValueError: nothing here is what was asked for, or the page can not be written.
    """
    studio = open_studio()
    return Explainer(studio.store, studio).explain(target)


def explain_text(found: Lineage, *, is_all: bool) -> str:
    """The tree for people."""
    return as_text(found, is_all=is_all)

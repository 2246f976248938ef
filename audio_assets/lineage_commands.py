"""What the commands of lineage do, apart from printing: each opens the studio on the settings' data root."""

from pathlib import Path

from audio_assets.commands import open_studio
from audio_assets.domain.lineage import Lineage, as_text
from audio_assets.explain_page import explain_page
from audio_assets.explaining import Explainer
from resources.published import replace_file


def explain(target: str, html: Path | None = None) -> Lineage:
    """The tree under an artifact; with `html` its page is written there.

    Raises:
        ValueError: nothing here is what was asked for, or the page can not be written.
    """
    studio = open_studio()
    found = Explainer(studio.store, studio).explain(target)
    if html is not None:
        if not html.parent.is_dir():
            raise ValueError(f"{html.parent} is no folder; make it, or name another file after --html")
        replace_file(html, explain_page(found).encode())
    return found


def explain_text(found: Lineage, *, is_all: bool) -> str:
    """The tree for people."""
    return as_text(found, is_all=is_all)

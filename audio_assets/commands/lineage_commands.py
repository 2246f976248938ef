"""What the commands of lineage do, apart from printing: each opens the studio on the settings' data root."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from audio_assets.commands.opening import open_what_is_there
from audio_assets.domain.lineage import Lineage, as_text
from audio_assets.domain.toml_tables import nearest
from audio_assets.launch import PIPELINES, recipes
from audio_assets.lineage import reproducing, verifying
from audio_assets.lineage.collecting import delete_leftovers, find_leftovers
from audio_assets.lineage.explain_page import explain_page
from audio_assets.lineage.explaining import KINDS, Explainer, Found
from audio_assets.lineage.reproducing import Reproduction
from audio_assets.lineage.verifying import Progress, Verified
from audio_assets.studio import Studio
from resources import render_lock
from resources.published import replace_file


def _check_free(html: Path) -> None:
    """Refuse to write over anything but a page.

    Raises:
        ValueError: something else is there.
    """
    if html.is_dir() or (html.exists() and not html.read_bytes()[:15].lower().startswith(b"<!doctype html")):
        raise ValueError(f"{html} is there and no page of this kind; name another file after --html")


def explain(target: str, html: Path | None = None) -> Lineage:
    """The tree under an artifact; with `html` its page is written there.

    Raises:
        ValueError: nothing here is what was asked for, or the page can not be written.
    """
    studio = open_what_is_there()
    found = Explainer(studio.store, studio).explain(target)
    if html is not None:
        if not html.parent.is_dir():
            raise ValueError(f"{html.parent} is no folder; make it, or name another file after --html")
        _check_free(html)
        replace_file(html, explain_page(found).encode())
    return found


def verify(assets: Sequence[str], *, is_dry: bool, repair: bool, paid: bool) -> Verified:
    """Look at everything in the store, and take damaged objects out of the cache unless `is_dry`.

    Raises:
        ValueError: there is no such asset.
    """
    studio = open_what_is_there()
    unknown = sorted(set(assets) - {kind.asset for kind in KINDS})
    if unknown:
        near = nearest(unknown[0], [kind.asset for kind in KINDS])
        raise ValueError(f"there is no asset {unknown[0]}" + (f"; {near}" if near else ""))
    chosen = [kind(studio) for kind in KINDS if not assets or kind.asset in assets]
    with _bar("verifying") as progress:
        found = verifying.verify(studio, chosen, progress=progress)
    return found if is_dry else verifying.mend(chosen, found, copies=repair, paid=paid)


def collect(*, is_dry: bool, keep_days: int | None = None) -> dict[str, int]:
    """Delete what nothing of today needs, but what is not older than `keep_days` (None: as the settings say).

    How much that is comes back.

    Raises:
        RuntimeError: something is rendering into the data root.
    """
    studio = open_what_is_there()
    days = studio.settings.keep_days if keep_days is None else keep_days
    with render_lock.alone(studio.settings.render_lock(pipeline.job) for pipeline in PIPELINES) as is_alone:
        if not is_alone:
            raise RuntimeError("something is rendering; wait for its end, then collect")
        leftovers = find_leftovers(studio, recipes(studio), keep_days=days)
        if not is_dry:
            delete_leftovers(studio, leftovers)
    return {"records": len(leftovers.records), "objects": len(leftovers.objects), "bytes": leftovers.n_bytes,
            "keep_days": days}  # fmt: skip


def reproduce(targets: Sequence[str], *, into: Path | None, is_deep: bool, with_previews: bool) -> Reproduction:
    """Render artifacts again from their recorded inputs, each with all that it is made of where `is_deep`.

    The made files stay in `into`; without it nothing stays.

    Raises:
        ValueError: nothing here is what was asked for, or `into` can not be used.
    """
    studio = open_what_is_there()
    explainer = Explainer(studio.store, studio)
    folders = [found.folder for found in map(explainer.find, targets)]
    if into is not None:
        _make_folder(into)
    if is_deep:
        trees = [list(explainer.lineage(Found(folder)).nodes) for folder in folders]
        folders = [folder for tree in trees for folder in reversed(tree)]
    done = Reproduction()
    with tempfile.TemporaryDirectory(prefix="reproduce-", dir=_scratch(studio)) as scratch, _bar("rendering") as tell:
        steps = reproducing.reproduce(
            studio, explainer, folders, scratch=Path(scratch), into=into, with_previews=with_previews
        )
        for number, step in enumerate(steps, 1):
            done.steps.append(step)
            tell(number, len(dict.fromkeys(folders)))
    order = {folder: number for number, folder in enumerate(dict.fromkeys(folders))}
    done.steps.sort(key=lambda step: order[step.object])
    return done


def _make_folder(into: Path) -> None:
    """Make the folder for what is rendered, before anything is.

    Raises:
        ValueError: it can not be made, or not be written into.
    """
    if into.exists() and not into.is_dir():
        raise ValueError(f"{into} is no folder; name another one after --into")
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{into} can not be made ({error.strerror}); name another folder after --into") from error
    if not os.access(into, os.W_OK | os.X_OK):
        raise ValueError(f"{into} can not be written into; name another folder after --into, or get the right to")


def _scratch(studio: Studio) -> Path:
    studio.settings.scratch.mkdir(parents=True, exist_ok=True)
    return studio.settings.scratch


@contextmanager
def _bar(what: str) -> Iterator[Progress]:
    """A progress bar on stderr."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def explain_text(found: Lineage, *, is_all: bool) -> str:
    """The tree for people."""
    return as_text(found, is_all=is_all)

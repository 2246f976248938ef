"""What the providers of clips have in common: their models stand in a table, and so does how each is asked.

A vendor's protocol is its own module; which models there are, what they sell and how a request is written is
`workflows/video_models.toml` (`domain/video_models.py`).
"""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from audio_assets.domain.provider_catalogue import About, Offer
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.shot import Shot
from audio_assets.domain.video_models import EVERY_MODEL, VideoModel, VideoModels, filled, parse_video_models
from resources.ordered import Remote
from resources.paid_jobs import Patience
from resources.pool import Lane
from resources.remote import RemoteProvider
from resources.vendors.clip_vendor import ClipVendor
from resources.video import VideoCapabilities, VideoProvider

FILE = "video_models.toml"
"""The table's name in the folder of workflows, and in the data root."""


class TableVideo(RemoteProvider, VideoProvider):
    """Orders clips from a vendor whose models stand in a table.

    `first_look_s` and `deadline_s`: when a job is first looked at, and how long a run waits for it.

    `tables` are the files with the rows, each over those before it; one that is not there has no rows.
    """

    summary: ClassVar[str]
    offer: ClassVar[Offer]
    terms_url: ClassVar[str] = ""
    needs: ClassVar[str] = ""

    tables: list[str] = []
    first_look_s: float = 5.0
    deadline_s: float = 3600.0

    @property
    def family(self) -> str:
        """Whose rows of the table it reads, after those under its own name."""
        return self.kind

    @property
    def is_remote(self) -> bool:
        """It films elsewhere."""
        return True

    @abstractmethod
    def vendor(self, model: str) -> ClipVendor:
        """The vendor's protocol.

        Raises:
            Unavailable: it can not be asked as things stand.
        """

    def problem(self) -> str:
        """See `RemoteProvider.problem`; also a mistake in the table."""
        try:
            self._table()
        except PermanentError as error:
            return str(error)
        return super().problem()

    def about(self) -> About:
        """See `VideoProvider.about`."""
        try:
            models = self.models()
        except PermanentError:  # `problem` says it
            models = ()
        licence = "by model: the terms of the vendor and of the model's maker"
        return About("video", self.summary, licence, self.offer, self.terms_url, models, self.needs)

    def models(self) -> tuple[str, ...]:
        """The models that the table names.

        Raises:
            PermanentError: the table can not be read.
        """
        rows = (*self._table().of(self.name), *self._table().of(self.family))
        return tuple(dict.fromkeys(row.model for row in rows if row.model != EVERY_MODEL))

    def row(self, model: str) -> VideoModel:
        """What the table says of a model.

        Raises:
            ValueError: it says nothing of it; one sentence.
        """
        found = self._table().find(self.name, model) or self._table().find(self.family, model)
        if found is None or not model:
            known = self.models()
            raise ValueError(
                f'{self.name} has no model "{model}": use {" or ".join(known)}, or add it to {FILE}'
                if known
                else f"{self.name} has no models: add one to {FILE}"
            )
        return found

    def check_model(self, model: str) -> None:
        """See `VideoProvider.check_model`; a row for every model lets any name pass."""
        self.row(model)

    def capabilities(self, model: str) -> VideoCapabilities:
        """See `VideoProvider.capabilities`."""
        row = self.row(model)
        return VideoCapabilities(
            sizes=tuple((size.width, size.height) for size in row.sizes),
            clip_seconds=row.clip_seconds,
            takes_reference_image=row.takes_reference_image,
            takes_seed=row.takes_seed,
            can_remix=row.can_remix,
            has_native_lip_sync=row.has_native_lip_sync,
        )

    def identity(self, model: str) -> Mapping[str, str]:
        """See `VideoProvider.identity`."""
        row = self.row(model)
        return {"engine": self.family, "model": model, "row": row.sha256, "licence": row.licence}

    def request(self, model: str, shot: Shot, files: Collection[str]) -> Mapping[str, Any]:
        """See `VideoProvider.request`."""
        return self.remix_request(model, shot, files, "")

    def remix_request(self, model: str, shot: Shot, files: Collection[str], parent_job: str) -> Mapping[str, Any]:
        """See `VideoProvider.remix_request`."""
        row = self.row(model)
        try:
            asked = filled(row, shot, files=files, parent_job=parent_job)
        except ValueError as error:
            raise PermanentError(f"{self.name} {model} {error}") from error
        return {"endpoint": self.endpoint(asked.endpoint, model), "model": model, "input": dict(asked.inputs)}

    def endpoint(self, named: str, model: str) -> str:
        """Where a model is asked; a row for every model may name each by itself."""
        return model if named == EVERY_MODEL else named

    def told(self, path: str) -> dict[str, Any]:
        """What the vendor says there, {} where that is no object."""
        found = self.client().get(path).json()
        return found if isinstance(found, dict) else {}

    def remote(self, model: str, kept: Path) -> Remote | None:
        """See `VideoProvider.remote`."""
        self.check_model(model)
        patience = Patience(first_s=self.first_look_s, deadline_s=self.deadline_s)
        return Remote(self.vendor(model), self.name, model, Lane(self.name, self.at_once), patience)

    def _table(self) -> VideoModels:
        """The rows of the tables.

        Raises:
            PermanentError: one of them can not be read; the message says where.
        """
        try:
            return _read(tuple((path, *_stamp(Path(path))) for path in self.tables))
        except OSError as error:
            raise PermanentError(f"{error.filename} can not be read ({error.strerror})") from error
        except ValueError as error:
            raise PermanentError(str(error)) from error


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does; (0, 0) where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=8)
def _read(files: tuple[tuple[str, int, int], ...]) -> VideoModels:
    rows = VideoModels()
    for path, when_ns, _size in files:
        if when_ns:
            rows = parse_video_models(Path(path).read_bytes(), path, base=rows)
    return rows

"""What the index of the artifact server is asked for and what it shows, as plain values; `index` finds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlencode

from audio_assets.domain.film_settings import DELIVERIES
from audio_assets.domain.scene_key import SEPARATOR, song_of
from audio_assets.site.catalog import FILM_STAGES, MUSIC_STAGES, SONG_STAGES, Said

# The stages in the order of the graph; an asset that is not named here follows in order of its name.
DIALOGUE_STAGES = ("voice_line", "alignment", "lipsync", "dialogue_mix")
MESSAGE_STAGES = ("stem", "stem_index", "message", "message_audio")
STAGES = (*DIALOGUE_STAGES, *MUSIC_STAGES, *FILM_STAGES, *MESSAGE_STAGES)

_MANY_ASSETS = 6  # more than a line has: a row names only those of a song or scene that need a look
# What a row of many leaves out while it is as it should be.
_UNNAMED = (
    *SONG_STAGES[:-1], "take_quality", "take_review", "vocal_segment", "scene_alignment", "lipsynced_take", "timeline",
    "cost_report",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Query:
    """What the index is asked for. Every field is text from outside."""

    text: str = ""
    asset: str = ""
    script: str = ""
    state: str = ""
    page: int = 1

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> "Query":
        """Read the URL's parameters; what makes no sense counts as not given."""
        number = parameters.get("page", "1")
        return cls(
            parameters.get("q", "").strip()[:200],
            parameters.get("asset", "")[:100],
            parameters.get("script", "")[:100],
            parameters.get("state", "") if parameters.get("state") == "failed" else "",
            max(1, int(number)) if number.isascii() and number.isdigit() and len(number) < 7 else 1,
        )

    def url(self, **changes: str | int) -> str:
        """Return the address of this query with some of it changed; a changed filter starts at the first page."""
        changed = replace(self, **{"page": 1, **changes})  # type: ignore[arg-type]
        parameters = {
            "q": changed.text, "asset": changed.asset, "script": changed.script, "state": changed.state,
            "page": str(changed.page) if changed.page > 1 else "",
        }  # fmt: skip
        given = urlencode({name: value for name, value in parameters.items() if value})
        return f"/?{given}" if given else "/"


@dataclass
class Entry:
    """One partition: when each of its assets was last pointed somewhere, and which failed."""

    partition: str
    rendered: dict[str, datetime] = field(default_factory=dict)
    failed: dict[str, datetime] = field(default_factory=dict)

    @property
    def newest(self) -> datetime:
        """When anything last happened to it."""
        return max([*self.rendered.values(), *self.failed.values()])

    @property
    def script(self) -> str:
        """The script that its key begins with, or its song."""
        return song_of(self.partition) if self.is_of_song else self.partition.partition(".")[0]

    @property
    def is_of_song(self) -> bool:
        """Whether it is a scene of a song, or a format of its film."""
        return SEPARATOR in self.partition

    @property
    def is_scene(self) -> bool:
        """Whether it is a scene of a song."""
        return self.is_of_song and self.partition.partition(SEPARATOR)[0] not in DELIVERIES


@dataclass(frozen=True, slots=True)
class Row:
    """One partition on the page. `sound` is the path of what it plays, `failed_checks` by asset.

    A song may stand for `n_scenes` of its own; `retired` are those of its assets that nothing registered asks for.
    `wanted` is the asset that was asked for, "" for any.
    """

    partition: str
    said: Said
    assets: tuple[str, ...]
    failed: tuple[str, ...]
    failed_checks: Mapping[str, tuple[str, ...]]
    newest: datetime
    sound: str
    n_scenes: int = 0
    retired: tuple[str, ...] = ()
    wanted: str = ""

    @property
    def main_asset(self) -> str:
        """The asset whose page the row opens."""
        there = (*self.assets, *self.failed)
        return self.wanted if self.wanted in there else (*there, "storyboard")[0]

    @property
    def hidden(self) -> tuple[str, ...]:
        """The assets of a song or scene that need no mention: most of those that are as they should be."""
        if not self.n_scenes and len(self.assets) < _MANY_ASSETS:
            return ()
        return tuple(a for a in self.assets if a in _UNNAMED and a not in self.failed_checks and a != self.wanted)


@dataclass(frozen=True, slots=True)
class ScriptRow:
    """One script: how many lines it has in all its languages, and how many of them have a voice."""

    name: str
    langs: tuple[str, ...]
    n_lines: int
    n_voiced: int


@dataclass(frozen=True, slots=True)
class SongRow:
    """One song: how much of it is rendered, and what its storyboard says. `failed` are stages that failed.

    `duration` and `bpm` are texts; of its `n_scenes` scenes `n_prompts` have a prompt and `n_selected` a take in the
    film. `sound` is the song's own file, `film` the asset to open for its film, "" while there is none.
    """

    song: str
    title: str
    artist: str
    sound: str
    duration: str
    bpm: str
    n_stages: int
    n_scenes: int
    n_prompts: int
    n_selected: int
    film: str
    failed: tuple[str, ...]
    asset: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What the index shows."""

    query: Query
    rows: tuple[Row, ...]
    n_found: int
    n_pages: int
    rendered: Mapping[str, int]
    failed: Mapping[str, int]
    scripts: tuple[ScriptRow, ...]
    songs: tuple[SongRow, ...]

    @property
    def groups(self) -> list[tuple[str, list[str]]]:
        """The assets that there are, by pipeline."""
        named = {"dialogue": DIALOGUE_STAGES, "music": MUSIC_STAGES, "film": FILM_STAGES, "messages": MESSAGE_STAGES}
        groups = [(name, [asset for asset in self.rendered if asset in stages]) for name, stages in named.items()]
        groups.append(("other", [asset for asset in self.rendered if asset not in STAGES]))
        return [(name, assets) for name, assets in groups if assets]

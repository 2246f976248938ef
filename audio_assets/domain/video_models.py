"""Video models as data: what each is called, what it sells, and how a request to it is written.

Vendors have hundreds of models, each with inputs of its own. The shipped table is `workflows/video_models.toml`; a
studio's own table of the same shape adds rows, and replaces those of the same provider and model.

    [[models]]
    provider = "fal"
    model = "fal-ai/wan/v2.7"          # as settings name it; "*" for every model that has no row of its own
    licence = "fal.ai terms; the clip is yours"
    terms_url = "https://fal.ai/terms"
    clip_seconds = [5, 10]             # the lengths it sells; left out: any
    sizes = ["1280x720", "720x1280"]   # left out: any; { size = "3840x2160", resolution = "4k" } has words of its own
    fps = 16                           # left out: the film's
    longest_prompt = 5000              # characters; longest_negative likewise
    has_native_lip_sync = false
    [models.text]                      # from words; used with a reference image too where there is no [models.image]
    endpoint = "fal-ai/wan/v2.7/text-to-video"   # left out: the model's name
    [models.text.inputs]
    prompt = "$prompt"
    duration = "${seconds}s"
    [models.image]                     # from words and a reference image
    [models.remix]                     # from words and a take ($parent), or the job that made it ($parent_job)

A text that is one placeholder becomes its value, of its own type; within other text it becomes that value's text. An
input with a placeholder that has no value for a shot is left out. `$image` and `$parent` stay as they are: what stands
for the file is put there when it is sent. Here nothing is read or sent.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from audio_assets.domain import toml_values as value
from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.shot import Shot
from audio_assets.domain.toml_tables import TomlError, check_keys, nearest, parse_toml, table

Mode = Literal["text", "image", "remix"]
MODES: tuple[Mode, ...] = ("text", "image", "remix")
EVERY_MODEL = "*"
IMAGE, PARENT = "$image", "$parent"
"""What stands for a file in a request until it is sent."""

PLACEHOLDERS = (
    "prompt", "negative", "seed", "seconds", "seconds_text", "width", "height", "aspect_ratio", "resolution",
    "n_frames", "fps", "image", "parent", "parent_job",
)  # fmt: skip

_KEYS = (
    "provider", "model", "licence", "terms_url", "clip_seconds", "sizes", "fps", "longest_prompt", "longest_negative",
    "has_native_lip_sync", *MODES,
)  # fmt: skip
_PLACE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_SIZE = re.compile(r"([1-9]\d{1,4})x([1-9]\d{1,4})")
_MOST = 1_000_000
_LONGEST_CLIP_S = 600
_LARGEST = 2**53  # beyond it JSON's readers disagree
_FILES = {"image": IMAGE, "parent": PARENT}


class VideoModelError(ValueError):
    """A mistake in a table of video models; one sentence names the file, the row and what to do."""


@dataclass(frozen=True, slots=True)
class SoldSize:
    """A size in pixels, and the words that the vendor has for it ("16:9", "720p")."""

    width: int
    height: int
    aspect_ratio: str
    resolution: str


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask a model: where, and with which inputs."""

    endpoint: str
    inputs: Mapping[str, Any]

    @property
    def names(self) -> frozenset[str]:
        """The placeholders in it."""
        return frozenset(_names([self.endpoint, *self.inputs.values()]))


@dataclass(frozen=True, slots=True)
class VideoModel:
    """A row. `clip_seconds` and `sizes` are what it sells, empty for anything; `fps` and limits are 0 for none.

    `sha256` is of all that stands in the row.
    """

    provider: str
    model: str
    licence: str
    ways: Mapping[Mode, Way]
    terms_url: str = ""
    clip_seconds: tuple[int, ...] = ()
    sizes: tuple[SoldSize, ...] = ()
    fps: int = 0
    longest_prompt: int = 0
    longest_negative: int = 0
    has_native_lip_sync: bool = False
    sha256: str = ""

    @property
    def takes_seed(self) -> bool:
        """Whether it makes of another seed another clip."""
        return any("seed" in way.names for way in self.ways.values())

    @property
    def takes_reference_image(self) -> bool:
        """Whether it can begin with a picture."""
        return any("image" in way.names for way in self.ways.values())

    @property
    def needs_reference_image(self) -> bool:
        """Whether it can not begin without a picture."""
        return "text" not in self.ways

    @property
    def can_remix(self) -> bool:
        """Whether it can begin with a take."""
        return "remix" in self.ways


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to a model: where to, and its inputs as JSON values."""

    endpoint: str
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VideoModels:
    """The rows, in the order in which they are written; no two of one provider and model."""

    rows: tuple[VideoModel, ...] = ()

    def of(self, provider: str) -> tuple[VideoModel, ...]:
        """A provider's rows."""
        return tuple(row for row in self.rows if row.provider == provider)

    def find(self, provider: str, model: str) -> VideoModel | None:
        """The row of a model, else the provider's row for every model."""
        rows = {row.model: row for row in self.of(provider)}
        return rows.get(model) or rows.get(EVERY_MODEL)


def parse_video_models(data: bytes, path: str, *, base: VideoModels | None = None) -> VideoModels:
    """Read a table; with a `base` its rows come first, but for those that are written anew here.

    Raises:
        VideoModelError: a TOML mistake, a missing or wrong value, an unknown placeholder, a row that stands twice.
    """
    try:
        own = _rows(parse_toml(data, path), path)
    except TomlError as error:
        raise VideoModelError(str(error)) from error
    named = {(row.provider, row.model) for row in own}
    kept = [row for row in (base.rows if base else ()) if (row.provider, row.model) not in named]
    return VideoModels((*kept, *own))


def filled(row: VideoModel, shot: Shot, *, files: Collection[str] = (), parent_job: str = "") -> Asked:
    """What to ask a model for a shot. `files` are the names of those at hand (`reference_image`, `parent`),
    `parent_job` is the vendor's name for the job that made the parent, "" where it is not known.

    Raises:
        ValueError: it can not be asked for this; one sentence says why and what to do.
    """  # noqa: D205
    way = row.ways[_mode(row, files, parent_job)]
    values = _values(row, shot) | {name: mark for name, mark in _FILES.items() if _file_of(name) in files}
    if parent_job:
        values["parent_job"] = parent_job
    inputs = {name: given for name, part in way.inputs.items() if (given := _put(part, values)) is not _NOTHING}
    endpoint = _put(way.endpoint, {name: quote(str(given), safe="") for name, given in values.items()})
    return Asked(str(endpoint), inputs)


# --- Filling -------------------------------------------------------------------------------------------------------

_NOTHING = object()


def _mode(row: VideoModel, files: Collection[str], parent_job: str) -> Mode:
    if "parent" in files:
        if "remix" not in row.ways:
            raise ValueError("can not remix a take: order a new take with another directive instead")
        if "parent_job" in row.ways["remix"].names and not parent_job:
            raise ValueError("remixes only its own clips, and this one's job is not known: remix a take that it made")
        return "remix"
    if "reference_image" in files and "image" in row.ways:
        return "image"
    if row.needs_reference_image:
        raise ValueError(
            "begins with a picture, and the scene has none: give its character a reference_image, or choose another "
            "video_model"
        )
    return "text"


def _values(row: VideoModel, shot: Shot) -> dict[str, Any]:
    """The value of every placeholder that has one for the shot; files apart."""
    if not shot.prompt.strip():
        raise ValueError("has nothing to film: the prompt is empty, write one for the scene")
    for name, text, longest in (
        ("prompt", shot.prompt, row.longest_prompt), ("negative prompt", shot.negative, row.longest_negative)
    ):  # fmt: skip
        if longest and _length(text) > longest:
            raise ValueError(
                f"takes a {name} of at most {longest:,} characters, and this one has {_length(text):,}: shorten it, or "
                "choose another video_model"
            )
    size = _sold(row.sizes, shot.width, shot.height)
    fps = row.fps or round(shot.frame_rate)
    if row.clip_seconds and shot.clip_seconds not in row.clip_seconds:
        offered = " or ".join(map(str, row.clip_seconds))
        raise ValueError(f"sells clips of {offered} s, and one of {shot.clip_seconds} s was asked for")
    seconds = shot.clip_seconds if row.clip_seconds else math.ceil(shot.duration_s)
    length = seconds if row.clip_seconds else shot.n_frames / shot.frame_rate
    found: dict[str, Any] = {
        "prompt": shot.prompt,
        "seed": shot.seed,
        "seconds": seconds,
        "seconds_text": str(seconds),
        "width": size.width,
        "height": size.height,
        "aspect_ratio": size.aspect_ratio,
        "resolution": size.resolution,
        "n_frames": math.ceil(length * fps),
        "fps": fps,
    }
    return found | ({"negative": shot.negative} if shot.negative else {})


def _length(text: str) -> int:
    """Characters as most vendors count them, in UTF-16: a picture character is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _sold(sizes: Sequence[SoldSize], width: int, height: int) -> SoldSize:
    if not sizes:
        return _size(width, height)
    found = next((size for size in sizes if (size.width, size.height) == (width, height)), None)
    if found is None:
        offered = " or ".join(f"{size.width}x{size.height}" for size in sizes)
        raise ValueError(f"sells {offered}, and {width}x{height} was asked for")
    return found


def _put(part: Any, values: Mapping[str, Any]) -> Any:
    """A value of the table with its placeholders filled, `_NOTHING` where one has no value."""
    if isinstance(part, list):
        items = [_put(item, values) for item in part]
        return _NOTHING if any(item is _NOTHING for item in items) else items
    if isinstance(part, dict):
        pairs = {name: _put(item, values) for name, item in part.items()}
        return _NOTHING if any(item is _NOTHING for item in pairs.values()) else pairs
    if not isinstance(part, str):
        return part
    names = list(_names(part))
    if any(name not in values for name in names):
        return _NOTHING
    whole = _PLACE.fullmatch(part)
    if whole:
        return values[whole[1] or whole[2]]
    return _PLACE.sub(lambda place: str(values[place[1] or place[2]]), part)


def _names(part: Any) -> Iterator[str]:
    """The placeholders in a value of the table."""
    if isinstance(part, str):
        yield from (place[1] or place[2] for place in _PLACE.finditer(part))
    elif isinstance(part, Mapping):
        for item in part.values():
            yield from _names(item)
    elif isinstance(part, list):
        for item in part:
            yield from _names(item)


def _file_of(name: str) -> str:
    return {"image": "reference_image"}.get(name, name)


def _size(width: int, height: int) -> SoldSize:
    shape = math.gcd(width, height)
    return SoldSize(width, height, f"{width // shape}:{height // shape}", f"{min(width, height)}p")


# --- Reading -------------------------------------------------------------------------------------------------------


def _rows(root: Mapping[str, Any], path: str) -> list[VideoModel]:
    check_keys(root, ("models",), "", path)
    given = root.get("models", [])
    if not isinstance(given, list):
        raise TomlError(path, "models", "is no list of tables", "write each model as [[models]] with its keys below")
    rows: dict[tuple[str, str], VideoModel] = {}
    for n, part in enumerate(given, start=1):
        row = _row(table(part, f"models {n}", path), f"models {n}", path)
        if (row.provider, row.model) in rows:
            raise TomlError(path, f"models {n}", f"is a second row of {row.provider} {row.model}", "keep one of them")
        rows[row.provider, row.model] = row
    return list(rows.values())


def _row(row: Mapping[str, Any], key: str, path: str) -> VideoModel:
    check_keys(row, _KEYS, key, path)
    model = _needed(row, "model", key, path)
    ways = {mode: _way(row[mode], mode, model, f"{key}.{mode}", path) for mode in MODES if mode in row}
    if not {"text", "image"} & set(ways):
        raise TomlError(path, key, "has neither text nor image", "say how it is asked, in [models.text]")
    return VideoModel(
        provider=_needed(row, "provider", key, path),
        model=model,
        licence=_needed(row, "licence", key, path),
        ways=ways,
        terms_url=value.text(row, "terms_url", key, path) or "",
        clip_seconds=_clip_seconds(row.get("clip_seconds", []), key, path),
        sizes=_sizes(row.get("sizes", []), key, path),
        fps=_whole(row, "fps", 120, key, path),
        longest_prompt=_whole(row, "longest_prompt", _MOST, key, path),
        longest_negative=_whole(row, "longest_negative", _MOST, key, path),
        has_native_lip_sync=value.flag(row, "has_native_lip_sync", key, path) or False,
        sha256=sha256_hex(canonical(dict(row))),
    )


def _way(part: object, mode: Mode, model: str, key: str, path: str) -> Way:
    values = table(part, key, path)
    check_keys(values, ("endpoint", "inputs"), key, path)
    inputs = table(values.get("inputs", {}), f"{key}.inputs", path)
    _check_json(inputs, f"{key}.inputs", path)
    way = Way(value.text(values, "endpoint", key, path) or model, inputs)
    for name in sorted(way.names):
        if name not in PLACEHOLDERS:
            slip = nearest(name, PLACEHOLDERS) or f"known are {', '.join(f'${one}' for one in PLACEHOLDERS)}"
            raise TomlError(path, key, f"${name} is no placeholder", slip)
    if "prompt" not in way.names:
        raise TomlError(path, key, "does not say where the prompt goes", 'add its input, such as prompt = "$prompt"')
    if mode == "image" and "image" not in way.names:
        raise TomlError(path, key, "does not say where the picture goes", 'add its input, such as image_url = "$image"')
    if mode == "remix" and not {"parent", "parent_job"} & way.names:
        raise TomlError(path, key, "does not say where the take goes", 'add its input, such as video_url = "$parent"')
    if mode != "remix" and {"parent", "parent_job"} & way.names:
        raise TomlError(path, key, "names the take of a remix", "move it to [models.remix]")
    return way


def _check_json(part: Any, key: str, path: str) -> None:
    if isinstance(part, dict | list):
        for item in part.values() if isinstance(part, dict) else part:
            _check_json(item, key, path)
    elif not isinstance(part, str | bool | int | float) or not (isinstance(part, str) or abs(part) < _LARGEST):
        raise TomlError(path, key, f"holds {value.shown(part)}, which can not be sent", "write it as text, in quotes")


def _clip_seconds(given: object, key: str, path: str) -> tuple[int, ...]:
    if not isinstance(given, list) or not all(_is_whole(item) and 1 <= item <= _LONGEST_CLIP_S for item in given):
        what = f"is {value.shown(given)}, no list of seconds"
        raise value.mistake(path, key, "clip_seconds", what, "write whole seconds, such as [4, 6, 8]")
    return tuple(sorted(set(given)))


def _sizes(given: object, key: str, path: str) -> tuple[SoldSize, ...]:
    if not isinstance(given, list):
        what = f"is {value.shown(given)}, no list"
        raise value.mistake(path, key, "sizes", what, 'write it as ["1280x720", "720x1280"]')
    return tuple(_sold_size(item, key, path) for item in given)


def _sold_size(given: object, key: str, path: str) -> SoldSize:
    words = given if isinstance(given, dict) else {"size": given}
    check_keys(words, ("size", "aspect_ratio", "resolution"), f"{key}.sizes", path)
    written = words.get("size")
    found = _SIZE.fullmatch(written) if isinstance(written, str) else None
    if not found:
        what = f"holds {value.shown(written)}, no size"
        raise value.mistake(path, key, "sizes", what, 'write width and height in pixels, such as "1280x720"')
    plain = _size(int(found[1]), int(found[2]))
    aspect_ratio, resolution = (value.text(words, word, key, path) for word in ("aspect_ratio", "resolution"))
    return SoldSize(plain.width, plain.height, aspect_ratio or plain.aspect_ratio, resolution or plain.resolution)


def _whole(row: Mapping[str, Any], name: str, most: int, key: str, path: str) -> int:
    given = value.number(row, name, 1, most, key, path)
    if given is not None and given != int(given):
        raise value.mistake(path, key, name, f"is {given}", "write a whole number")
    return int(given or 0)


def _is_whole(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


def _needed(row: Mapping[str, Any], name: str, key: str, path: str) -> str:
    found = value.text(row, name, key, path)
    if not found:
        raise TomlError(path, key, f"{name} is missing", f'add {name} = "..."')
    return found

"""The bindings of a ComfyUI workflow: a TOML file beside it that says where what we know goes, and what comes out.

    capability = "speech"              # speech, music, video or lip_sync
    about = "..."                      # one sentence for people
    licence = "..."                    # the terms of what it makes; goes into every sidecar
    needs = "..."                      # models and custom nodes that the server must have
    optional = ["reference_image"]     # files it can do without: their node and the links to it are taken out then
    sizes = ["1280x704"]               # video: the pictures it makes, left out for any even size
    clip_seconds = [5]                 # video: the lengths it makes, left out for exactly the frames of the shot
    shortest_s = 5                     # music: the lengths it makes
    longest_s = 240

    [inputs]                           # what we know = "node.input", or a list of such
    text = "3.text"
    seed = ["3.seed", "5.noise_seed"]

    [files]                            # the same for files, which are uploaded first
    reference_image = "7.image"

    [output]                           # the node whose file is taken, and of which kind: audio, video or image
    node = "9"
    kind = "audio"

    [frames]                           # video: how it counts, where that is not the film's way
    rate = 16                          # frames a second
    step = 4                           # counts are step * n + rest
    rest = 1
    most = 121

    [voices.emma]                      # speech: the voices a cast may name, each with what it sets
    "3.speaker" = "bf_emma"

What is not known of an order, or not bound, keeps the workflow's own value. A node's id is all before the first dot.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from audio_assets.domain import toml_values as value
from audio_assets.domain.toml_tables import TomlError, check_keys, parse_toml, table

Capability = Literal["speech", "music", "video", "lip_sync"]
Kind = Literal["audio", "video", "image"]

CAPABILITIES: tuple[Capability, ...] = ("speech", "music", "video", "lip_sync")
KINDS: tuple[Kind, ...] = ("audio", "video", "image")
INPUTS: Mapping[Capability, tuple[str, ...]] = {
    "speech": ("text", "voice", "speed", "seed"),
    "music": ("prompt", "negative", "lyrics", "seconds", "bpm", "key", "seed", "denoise"),
    "video": ("prompt", "negative", "seed", "seconds", "n_frames", "width", "height", "fps"),
    "lip_sync": ("seconds",),
}
"""What an order of each capability can tell. `denoise` is how much of a source track is made anew, 0 to 1."""
FILES: Mapping[Capability, tuple[str, ...]] = {
    "speech": (),
    "music": ("source",),
    "video": ("reference_image", "parent"),
    "lip_sync": ("video", "audio"),
}
"""The files that go with an order of each capability."""

_NEEDED: Mapping[Capability, tuple[str, ...]] = {
    "speech": ("text",), "music": ("prompt",), "video": ("prompt",), "lip_sync": ("video", "audio"),
}  # fmt: skip
_KEYS = (
    "capability", "about", "licence", "needs", "optional", "sizes", "clip_seconds", "shortest_s", "longest_s",
    "inputs", "files", "output", "frames", "voices",
)  # fmt: skip
_OF_PROSE = ("about", "needs", "licence", "voices")
_SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")
_MOST_FRAMES = 100_000


@dataclass(frozen=True, slots=True)
class Place:
    """An input of a node, written `node.input`."""

    node: str
    input: str

    def __str__(self) -> str:
        return f"{self.node}.{self.input}"


@dataclass(frozen=True, slots=True)
class Frames:
    """How a workflow counts frames: `rate` a second (None: the film's), `step` * n + `rest` of them, up to `most`."""

    rate: Fraction | None = None
    step: int = 1
    rest: int = 0
    most: int = _MOST_FRAMES

    def fitting(self, seconds: Fraction, frame_rate: Fraction) -> int:
        """The least count that it can make and that lasts as long, in a film of `frame_rate`.

        Raises:
            ValueError: that is more than it makes; what a sentence about the workflow goes on with.
        """
        rate = self.rate or frame_rate
        needed = max(math.ceil(seconds * rate), 1)
        count = needed + (self.rest - needed) % self.step
        if count > self.most:
            raise ValueError(f"makes clips of up to {float(self.most / rate):.2f} s, not of {float(seconds):.2f} s")
        return count


@dataclass(frozen=True)
class Bindings:
    """What a bindings file says; see the module. `content` is all of it that decides what is made, but the voices."""

    capability: Capability
    about: str
    licence: str
    needs: str
    inputs: Mapping[str, tuple[Place, ...]]
    files: Mapping[str, tuple[Place, ...]]
    optional: tuple[str, ...]
    output: str
    kind: Kind
    voices: Mapping[str, Mapping[Place, Any]] = field(default_factory=dict)
    sizes: tuple[tuple[int, int], ...] = ()
    clip_seconds: tuple[int, ...] = ()
    frames: Frames = Frames()
    shortest_s: float = 1.0
    longest_s: float = 600.0
    content: Mapping[str, Any] = field(default_factory=dict)

    def fitting_length(self, n_frames: int, frame_rate: Fraction) -> tuple[float, int]:
        """The seconds and the frames to ask for, for a scene of `n_frames` at `frame_rate`: no shorter than it.

        Raises:
            ValueError: it makes none that long; what a sentence about the workflow goes on with.
        """
        needed = n_frames / frame_rate
        sold = next((Fraction(one) for one in self.clip_seconds if one >= needed), None)
        if self.clip_seconds and sold is None:
            raise ValueError(f"makes clips of up to {self.clip_seconds[-1]} s, not of {float(needed):.2f} s")
        return float(sold or needed), self.frames.fitting(sold or needed, frame_rate)

    def fitting_size(self, width: int, height: int) -> tuple[int, int]:
        """The size to ask for: this one where it can be made, else that of the nearest shape, then area."""
        if not self.sizes or (width, height) in self.sizes:
            return width, height
        return min(self.sizes, key=lambda size: (
            round(abs(math.log(size[0] * height / (size[1] * width))), 6), abs(size[0] * size[1] - width * height)
        ))  # fmt: skip


def parse_bindings(data: bytes, path: str) -> Bindings:
    """Read a bindings file.

    Raises:
        TomlError: the first mistake, in one sentence with the file and the key.
    """
    root = parse_toml(data, path)
    check_keys(root, _KEYS, "", path)
    capability = value.one_of(root, "capability", CAPABILITIES, "", path)
    if capability is None:
        raise TomlError(path, "capability", "is not set", f"write one of {', '.join(CAPABILITIES)}")
    inputs = _bound(root, "inputs", INPUTS[capability], path)
    files = _bound(root, "files", FILES[capability], path)
    for name in _NEEDED[capability]:
        if name not in inputs and name not in files:
            where = "inputs" if name in INPUTS[capability] else "files"
            said = f"{name} is not bound, and a workflow for {capability} needs it"
            raise TomlError(path, where, said, f'add {name} = "node.input"')
    node, kind = _output(root, capability, path)
    voices = _voices(root, inputs, path)
    if capability != "speech" and voices:
        raise TomlError(path, "voices", "are for speech", "leave the table out")
    bindings = Bindings(
        capability=capability,
        about=value.text(root, "about", "", path) or "",
        licence=_licence(root, path),
        needs=value.text(root, "needs", "", path) or "",
        inputs=inputs,
        files=files,
        optional=_optional(root, files, path),
        output=node,
        kind=kind,
        voices=voices,
        sizes=_sizes(root, path),
        clip_seconds=_clip_seconds(root, path),
        frames=_frames(root, path),
        shortest_s=value.number(root, "shortest_s", 0, 3600, "", path) or 1.0,
        longest_s=value.number(root, "longest_s", 1, 3600, "", path) or 600.0,
        content={key: item for key, item in root.items() if key not in _OF_PROSE},
    )
    if capability == "video":
        _check_video(bindings, path)
    return bindings


def _licence(root: Mapping[str, Any], path: str) -> str:
    licence = value.text(root, "licence", "", path)
    if not licence:
        raise TomlError(path, "licence", "is not set", "say under which terms what the models make may be used")
    return licence


def _bound(root: Mapping[str, Any], key: str, known: tuple[str, ...], path: str) -> dict[str, tuple[Place, ...]]:
    entries = table(root.get(key, {}), key, path)
    if entries and not known:
        raise TomlError(path, key, "has entries, and nothing goes there for this capability", "leave the table out")
    check_keys(entries, known, key, path)
    return {name: _places(entries[name], name, key, path) for name in entries}


def _places(found: object, name: str, key: str, path: str) -> tuple[Place, ...]:
    written = found if isinstance(found, list) else [found]
    if not written:
        raise value.mistake(path, key, name, "is an empty list", 'write it as "node.input", such as "3.text"')
    return tuple(_place(entry, name, key, path) for entry in written)


def _place(found: object, name: str, key: str, path: str) -> Place:
    node, dot, at = found.partition(".") if isinstance(found, str) else ("", "", "")
    if not (node and dot and at):
        raise value.mistake(path, key, name, f"is {value.shown(found)}", 'write it as "node.input", such as "3.text"')
    return Place(node, at)


def _output(root: Mapping[str, Any], capability: Capability, path: str) -> tuple[str, Kind]:
    entries = table(root.get("output", {}), "output", path)
    check_keys(entries, ("node", "kind"), "output", path)
    node = value.text(entries, "node", "output", path)
    wanted: Kind = "audio" if capability in ("speech", "music") else "video"
    if not node:
        raise TomlError(path, "output", "names no node", 'write node = "9", the id of the node that saves the file')
    kind = value.one_of(entries, "kind", KINDS, "output", path) or wanted
    if kind != wanted:
        what = f"kind is {kind}, and a workflow for {capability} has to bring {wanted}"
        remedy = (
            "end it with CreateVideo and SaveVideo" if kind == "image" else f"bind the node that saves the {wanted}"
        )
        raise TomlError(path, "output", what, remedy)
    return node, kind


def _optional(root: Mapping[str, Any], files: Mapping[str, Any], path: str) -> tuple[str, ...]:
    optional = value.texts(root, "optional", "", path) or ()
    for name in optional:
        if name not in files:
            raise TomlError(
                path, "optional", f"names {name!r}, which is not under [files]", "bind it there, or leave it out"
            )
    return optional


def _voices(root: Mapping[str, Any], inputs: Mapping[str, tuple[Place, ...]], path: str) -> dict[str, dict[Place, Any]]:
    """Voice -> what it sets; a plain value is for the input that `voice` is bound to."""
    voices: dict[str, dict[Place, Any]] = {}
    for name, entry in table(root.get("voices", {}), "voices", path).items():
        if isinstance(entry, dict):
            voices[name] = {_place(at, name, "voices", path): _plain(item, at, f"voices.{name}", path)
                            for at, item in entry.items()}  # fmt: skip
        elif "voice" in inputs:
            voices[name] = dict.fromkeys(inputs["voice"], _plain(entry, name, "voices", path))
        else:
            raise TomlError(path, "voices", f"{name} is a value, and no input is bound to voice",
                            f'bind voice, or write [voices.{name}] with "node.input" = value')  # fmt: skip
    if "voice" in inputs and not voices:
        raise TomlError(path, "inputs", "voice is bound, and there are no [voices]", "list the voices it knows")
    return voices


def _plain(found: object, name: str, key: str, path: str) -> str | int | float | bool:
    if not isinstance(found, str | int | float | bool):
        raise value.mistake(path, key, name, f"is {value.shown(found)}", "write text, a number, true or false")
    return found


def _sizes(root: Mapping[str, Any], path: str) -> tuple[tuple[int, int], ...]:
    sizes = []
    for text in value.texts(root, "sizes", "", path) or ():
        match = _SIZE.fullmatch(text)
        if not match:
            raise TomlError(path, "sizes", f"has {value.shown(text)}", 'write sizes as "1280x704"')
        sizes.append((int(match[1]), int(match[2])))
    return tuple(sizes)


def _clip_seconds(root: Mapping[str, Any], path: str) -> tuple[int, ...]:
    found = root.get("clip_seconds", [])
    if not isinstance(found, list) or not all(type(item) is int and 1 <= item <= 600 for item in found):
        raise TomlError(path, "clip_seconds", f"is {value.shown(found)}", "write whole seconds, such as [5, 10]")
    return tuple(sorted(found))


def _frames(root: Mapping[str, Any], path: str) -> Frames:
    entries = table(root.get("frames", {}), "frames", path)
    check_keys(entries, ("rate", "step", "rest", "most"), "frames", path)
    rate = value.number(entries, "rate", 1, 240, "frames", path)
    whole = {name: _whole(entries, name, least, most, path)
             for name, least, most in (("step", 1, 1000), ("rest", 0, 1000), ("most", 1, _MOST_FRAMES))}  # fmt: skip
    return Frames(
        None if rate is None else Fraction(rate).limit_denominator(1001),
        whole["step"] or 1, whole["rest"] or 0, whole["most"] or _MOST_FRAMES,
    )  # fmt: skip


def _whole(entries: Mapping[str, Any], name: str, least: int, most: int, path: str) -> int | None:
    found = value.number(entries, name, least, most, "frames", path)
    if found is not None and not found.is_integer():
        raise value.mistake(path, "frames", name, f"is {found}", "write a whole number")
    return None if found is None else int(found)


def _check_video(bindings: Bindings, path: str) -> None:
    """A clip has a size and a length, whether they can be asked for or not."""
    has = bindings.inputs.keys()
    if ("width" in has) != ("height" in has):
        raise TomlError(path, "inputs", "width and height go together", "bind both, or neither and name the one size")
    if "width" not in has and len(bindings.sizes) != 1:
        raise TomlError(
            path, "sizes", "is not one size, and width and height are not bound", 'write sizes = ["1280x704"]'
        )
    if not {"n_frames", "seconds"} & has and len(bindings.clip_seconds) != 1:
        raise TomlError(path, "clip_seconds", "is not one length, and neither n_frames nor seconds is bound",
                        "write clip_seconds = [5]")  # fmt: skip

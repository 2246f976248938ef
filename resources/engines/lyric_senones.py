"""Which states of pocketsphinx's model a sound has between its neighbours.

The model knows 137,053 triphones that share 5,000 states. Which are whose stands in its file `mdef`, read here as
arrays; how well a state fits an instant is `acoustic_model.py`'s matter. The format is described in the file itself
(its first kilobyte) and in pocketsphinx `src/bin_mdef.h`.
"""

import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from resources.engines import acoustic_model

Place = Literal["inside", "begin", "end", "single"]
"""Where in its word a sound stands."""

_PLACES: tuple[Place, ...] = ("inside", "begin", "end", "single")
_PHONE = np.dtype([("sequence", "<i4"), ("matrix", "<i4"), ("place", "u1"), ("sounds", "u1", 3)])
_N_NAMES = 10


@dataclass(frozen=True, slots=True)
class _Triphones:
    keys: NDArray[np.int64]  # sorted: sound, left, right and place as one number
    sequences: NDArray[np.int64]
    states: NDArray[np.uint16]  # (n_sequences, 3)


def states(sound: str, left: str, right: str, place: Place) -> tuple[int, ...]:
    """Return the three states of `sound` between `left` and `right` (ARPAbet); its plain ones where it has no others.

    Contexts that were not seen in training at `place` are taken from another place in the word.
    """
    known = _triphones()
    own, before, after = (acoustic_model.SOUNDS.index(name) for name in (sound, left, right))
    for number in dict.fromkeys((_PLACES.index(place), *range(len(_PLACES)))):
        key = _key(own, before, after, number)
        at = int(np.searchsorted(known.keys, key))
        if at < len(known.keys) and known.keys[at] == key:
            return tuple(int(state) for state in known.states[known.sequences[at]])
    first = own * acoustic_model.N_STATES
    return tuple(range(first, first + acoustic_model.N_STATES))


def _key(sound: int, left: int, right: int, place: int) -> int:
    return ((sound * 64 + left) * 64 + right) * 4 + place


@lru_cache(maxsize=1)
def _triphones() -> _Triphones:
    path = Path(pocketsphinx.get_model_path("en-us")) / "en-us" / "mdef"
    content = path.read_bytes()
    _, n_remarks = struct.unpack_from("<2i", content, 4)
    counts = struct.unpack_from(f"<{_N_NAMES}i", content, 12 + n_remarks)
    n_sounds, n_phones, n_states, n_nodes = counts[0], counts[1], counts[2], counts[8]
    at = first = 12 + n_remarks + 4 * _N_NAMES
    names = []
    for _ in range(n_sounds):
        end = content.index(b"\0", at)
        names.append(content[at:end].decode())
        at = end + 1
    if content[:4] != b"BMDF" or tuple(names) != acoustic_model.SOUNDS or n_states != acoustic_model.N_STATES:
        raise acoustic_model.AcousticModelError(f"{path} is not that of en-us-ptm: install pocketsphinx 5 anew")
    at = first + -(-(at - first) // 4) * 4 + 8 * n_nodes
    phones = np.frombuffer(content, _PHONE, n_phones, at)[n_sounds:]
    at += _PHONE.itemsize * n_phones
    (n_numbers,) = struct.unpack_from("<i", content, at)
    sequences = np.frombuffer(content, "<u2", n_numbers, at + 4).reshape(-1, n_states)
    sounds = phones["sounds"].astype(np.int64)
    keys = ((sounds[:, 0] * 64 + sounds[:, 1]) * 64 + sounds[:, 2]) * 4 + phones["place"]
    order = np.argsort(keys, kind="stable")
    return _Triphones(keys[order], phones["sequence"].astype(np.int64)[order], sequences)

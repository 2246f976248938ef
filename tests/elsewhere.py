"""A speech provider elsewhere that is small but real: it answers tones, for money, and counts what it was asked.

Its folder is its whole world: without the file `key` it can not be asked, with `down` it does not answer, with `lost`
it does the work and the answer is lost; every order that it did is a line of `orders.log`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.rendering import TransientError, Unavailable
from audio_assets.domain.speech import Speech, SpeechRequest
from resources.answered_vendor import AnsweredVendor
from resources.http_errors import NotSent, as_order
from resources.ordered import Remote
from resources.pool import Lane
from resources.speech import SpeechProvider
from tests.fakes import RATE_HZ, speak_tones
from tests.house import House

PRICES = """
[[prices]]
provider = "cloud"
model = "tones"
usd_per_1000_characters = 1.0
valid_from = 2026-01-01
"""


@dataclass
class CloudVendor(AnsweredVendor):
    folder: Path

    def answer(self, request: Mapping[str, Any], files: Mapping[str, Path], key: str, target: Path) -> None:
        with as_order():
            if (self.folder / "down").exists():
                raise NotSent("the cloud was not reached")
        with (self.folder / "orders.log").open("a") as log:
            log.write(f"{request['text']}\n")
        if (self.folder / "lost").exists():
            raise TransientError("the answer was lost")
        target.write_bytes(orjson.dumps(request))


class CloudSpeech(SpeechProvider):
    folder: str

    @property
    def name(self) -> str:
        return "cloud"

    @property
    def has_timing(self) -> bool:
        return True

    def about(self) -> About:
        return About("speech", "tones", "CC0-1.0", "paid")

    def voices(self) -> Collection[str]:
        return ("lena",)

    def identity(self, request: SpeechRequest) -> Mapping[str, str]:
        return {"engine": "cloud", "model": "tones", "licence": "CC0-1.0"}

    def remote(self, kept: Path) -> Remote | None:
        if not (Path(self.folder) / "key").exists():
            raise Unavailable("cloud needs a key: set CLOUD_KEY in the environment")
        return Remote(CloudVendor(kept, Path(self.folder)), "cloud", "tones", Lane("cloud", 3))

    def request(self, request: SpeechRequest) -> Mapping[str, Any]:
        return {"text": request.text, "lang": request.lang, "speed": request.speed}

    def hear(self, answer: Path, request: SpeechRequest) -> Speech:
        said = orjson.loads(answer.read_bytes())
        assert said["text"] == request.text
        found = speak_tones(request, folder=Path(self.folder), model="cloud", tells_times=True)
        return Speech(found.pcm.astype(np.int16), RATE_HZ, found.timeline)


def cloud_of(house: House, folder: Path) -> Path:
    """The provider, with a key and on the price card, in a folder of its own below `folder`, for a house."""
    found = folder / "cloud"
    found.mkdir()
    (found / "key").touch()
    house.overrides["cloud"] = CloudSpeech(folder=str(found))
    house.write("price_card.toml", PRICES)
    return found


def orders(folder: Path) -> list[str]:
    """The texts of every order that was done."""
    log = folder / "orders.log"
    return log.read_text().splitlines() if log.exists() else []

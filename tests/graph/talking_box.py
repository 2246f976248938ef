"""A provider elsewhere that is small but real: a box that says how many voices it has, and counts who asked.

It takes the key that it was built with and no other; `refuses`, `hangs` and `echoes` are what a server can do to
somebody who asks.
"""

import asyncio
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from audio_assets.books.providerbook import Provider
from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.speech import SpeechRequest
from audio_assets.settings import Settings
from audio_assets.shipped_providers import shipped_providers
from resources.http_client import Service
from resources.remote import RemoteProvider
from resources.speech import SpeechProvider

KEY = "box-key-1234567"
_HANGS_S = 1.5


class TalkingBox(RemoteProvider, SpeechProvider):
    """See the module.

    Settings: `model` is who speaks.
    """

    kind: ClassVar[str] = "box"

    key_variable: str = "BOX_KEY"
    model: str = "say-1"
    formats: list[str] = ["wav"]

    @property
    def has_timing(self) -> bool:
        return True

    def about(self) -> About:
        return About("speech", "speaks from a box", "CC0", "paid", "https://box.example/terms", ("say-1", "say-2"))

    def voices(self) -> Collection[str]:
        return frozenset({"anna"})

    def identity(self, request: SpeechRequest) -> Mapping[str, str]:
        return {"engine": "box"}

    def service(self) -> Service:
        return Service(self.name, self.url.rstrip("/"), self.key(), n_tries=1)

    def probe(self) -> str:
        return f"{self.client().get('/health').json()['voices']} voices"


@dataclass
class Box:
    """The server."""

    said: str = "3"
    refuses: bool = False
    hangs: bool = False
    n_asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def app(self) -> Starlette:
        async def health(request: Request) -> Response:
            with self._lock:
                self.n_asked += 1
            if self.hangs:
                await asyncio.sleep(_HANGS_S)
            key = request.headers.get("authorization", "")
            if self.refuses or key != f"Bearer {KEY}":
                return JSONResponse({"detail": f"the key {key} is not known"}, 401)
            return JSONResponse({"voices": self.said})

        return Starlette(routes=[Route("/health", health)])


def engines_here(settings: Settings) -> dict[str, Provider]:
    """The engines of this machine that are shipped: the providers of a studio that asks nobody."""
    shipped = shipped_providers(settings)
    return {name: one for name, one in shipped.items() if not isinstance(one, RemoteProvider)}

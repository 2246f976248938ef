"""What every provider on another machine has in common, whatever it can do: where it is, its key, how to ask it.

Its fields are its settings: `[providers.<name>]` of `providers.toml` may set each of them, and name a second server of
the same kind (`kind = "openai_speech"`).
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import dagster as dg

from audio_assets.domain.rendering import Unavailable
from resources.http_client import HttpClient, Service, address_problem, client_of
from resources.http_guard import would_be_read_on_the_way
from resources.secrets import Key


class RemoteProvider(dg.ConfigurableResource, ABC):  # type: ignore[type-arg]  # the resource is the value
    """A provider that is asked over HTTP.

    `url` is where it answers, `key_variable` the environment variable with its key; `at_once` and `per_second` (0: any)
    bound how it is asked.

    `called` is its name in settings.
    """

    kind: ClassVar[str]
    """The name of the kind in `providers.toml`, and of the provider itself where it has no other."""

    has_jobs: ClassVar[bool] = True
    """Whether its orders are jobs that can be gone on with by their ids; False where it answers an order at once."""

    called: str = ""
    url: str = ""
    key_variable: str = ""
    at_once: int = 4
    per_second: float = 0.0

    @property
    def name(self) -> str:
        """How settings name it."""
        return self.called or self.kind

    @property
    def own_model(self) -> str:
        """The model that is ordered where a request names none, as price card and ledger call it; "" where all do."""
        return str(getattr(self, "model", ""))

    @abstractmethod
    def service(self) -> Service:
        """Where it is and how it may be asked."""

    def client(self) -> HttpClient:
        """The client to ask it with.

        Raises:
            Unavailable: it can not be asked as things stand.
        """
        problem = self.problem()
        if problem:
            raise Unavailable(problem)
        return client_of(self.service())

    def lack(self) -> str:
        """What it was not given yet (an address, a key), in one sentence; "" where it has all."""
        service = self.service()
        if not service.url:
            return f"{self.name} has no address: set url under [providers.{self.name}] in providers.toml"
        if service.key is not None and not service.key.is_optional and not service.key.is_set:
            return f"{self.name} needs a key: set {service.key.variable} in the environment"
        return ""

    def problem(self) -> str:
        """Why it can not be asked as things stand, in one sentence; "" where it can. Mistakes before what it lacks."""
        service = self.service()
        told = (service.url and address_problem(self.name, service.url)) or self.lack()
        if told:
            return told
        if service.key is None or not service.key.is_set:
            return ""
        if would_be_read_on_the_way(service.url):
            return (
                f"{self.name} would be sent its key over plain http, for all on the way to read: write https:// in url "
                f"under [providers.{self.name}] in providers.toml"
            )
        return service.key.problem()

    def key(self, *, header: str = "Authorization", form: str = "Bearer {}", is_optional: bool = False) -> Key:
        """Its key, from the environment."""
        return Key(self.key_variable, header, form, is_optional)

    @abstractmethod
    def probe(self) -> str:
        """Ask it something that costs nothing; what it answered, in a few words ("version 0.33.0, 2 in the queue").

        Raises:
            Unavailable, HttpProblem: it does not answer, or refuses the key.
        """

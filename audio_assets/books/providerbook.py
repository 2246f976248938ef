"""Today's providers: those that are shipped, as `providers.toml` sets them up, and further servers that it names."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import dagster as dg
from pydantic import ValidationError

from audio_assets.domain.provider_catalogue import Capability, instead_of
from audio_assets.domain.provider_settings import (
    ProviderSettings,
    ProviderSettingsError,
    parse_provider_settings,
)
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.toml_tables import TomlError, check_keys, nearest
from audio_assets.domain.toml_values import shown
from resources.alignment import Aligner
from resources.lip_sync import LipSyncProvider
from resources.music import MusicProvider
from resources.remote import RemoteProvider
from resources.speech import SpeechProvider
from resources.video import VideoProvider

FILE = "providers.toml"
Provider = SpeechProvider | Aligner | MusicProvider | VideoProvider | LipSyncProvider
Named = TypeVar("Named", str, tuple[str, str])
Wanted = TypeVar("Wanted", SpeechProvider, Aligner, MusicProvider, VideoProvider, LipSyncProvider)

_CLASSES: Mapping[Capability, type[dg.ConfigurableResource[Any]]] = {
    "speech": SpeechProvider, "alignment": Aligner, "music": MusicProvider, "video": VideoProvider,
    "lip_sync": LipSyncProvider,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a setting may be in TOML, and how people call that."""

    types: tuple[type, ...]
    words: str


_KINDS: Mapping[Any, _Kind] = {
    int: _Kind((int,), "a whole number, without quotes"), float: _Kind((int, float), "a number, without quotes"),
    bool: _Kind((bool,), "true or false, without quotes"), str: _Kind((str,), "text, in quotes"),
}  # fmt: skip
_NOT_SET_BY_PEOPLE = ("called", "cache", "tables", "template_folders")


class ProviderBook:
    """A snapshot, as `Dialogue` is. `shipped` are the resources by name.

    A mistake in `providers.toml` is `problem`; then every provider that would be asked says so, and the file counts as
    not there.
    """

    shown_as: ClassVar[Mapping[Capability, str]] = {
        "speech": "speech engine", "alignment": "aligner", "music": "music provider", "video": "video provider",
        "lip_sync": "lip-sync provider",
    }  # fmt: skip

    def __init__(self, root: Path, shipped: Mapping[str, Provider]) -> None:
        self._path = root / FILE
        self._shipped = shipped
        self._of: dict[Capability, dict[str, Any]] = {}
        self.problem = ""

    @cached_property
    def settings(self) -> ProviderSettings:
        """`providers.toml`; every default where there is none, or where it can not be read (`problem`)."""
        try:
            return parse_provider_settings(self._path.read_bytes(), str(self._path))
        except FileNotFoundError:
            pass
        except OSError as error:
            self.problem = f"{self._path} can not be read ({error.strerror}); check that it is a file you may read"
        except ProviderSettingsError as error:
            self.problem = str(error)
        return ProviderSettings(str(self._path))

    @cached_property
    def all(self) -> Mapping[str, Provider]:
        """Every provider by its name, the shipped ones first."""
        found = dict(self._shipped)
        for name, values in self.settings.tables.items():
            try:
                found[name] = self._set_up(name, values)
            except ProviderSettingsError as error:
                self.problem = self.problem or str(error)
        return found

    def of(self, capability: Capability) -> Mapping[str, Any]:
        """The providers that have a capability, by name."""
        if capability not in self._of:  # 30 providers: without this a sixth of a plan
            self._of[capability] = {n: one for n, one in self.all.items() if isinstance(one, _CLASSES[capability])}
        return self._of[capability]

    def use(self, capability: Capability) -> str:
        """Who serves a capability where no character, song or remix names somebody."""
        return self.settings.use(capability).partition(":")[0]

    def model(self, capability: Capability) -> str:
        """The model that is named with who serves (`video = "fal:MODEL"`); "" where none is."""
        return self.settings.use(capability).partition(":")[2]

    def fallback(self, capability: Capability) -> str:
        """Who stands in, "" for nobody."""
        return self.settings.fallbacks.get(capability, "")

    def idle_fallbacks(self) -> tuple[str, ...]:
        """A sentence for each fallback that is who serves anyway: it stands in for others alone, never for itself."""
        named = {capability: self.settings.uses.get(capability, "").partition(":")[0] for capability in _CLASSES}
        return tuple(
            f"{FILE}: [fallback] {capability} is {name}, who serves by [use] as well, and nobody stands in for "
            "himself: name another, or leave it out"
            for capability, name in named.items()
            if name and self.fallback(capability).partition(":")[0].strip() == name
        )

    def find(self, capability: Capability, name: str) -> Any:
        """The provider of a name.

        Raises:
            PermanentError: there is none of that name, or `providers.toml` can not be read.
        """
        there = self.of(capability)
        if self.problem:
            raise PermanentError(self.problem)
        if name not in there:
            known = {one: can for can in _CLASSES for one in self.of(can)}
            raise PermanentError(
                f"there is no {self.shown_as[capability]} '{name}'; {instead_of(name, capability, known)}"
            )
        return there[name]

    def alike(
        self, capability: Capability, identity: Mapping[str, Any], ask: Callable[[Any, str], Mapping[str, Any]]
    ) -> list[tuple[str, str]]:
        """The (name, model) of each provider that has this identity, else of those of the same engine and model today.

        `ask(provider, model)` is its identity; the model is "" where a provider has no models.
        """
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        for name, one in self.of(capability).items():
            for model in one.models() if hasattr(one, "models") else ("",):
                with suppress(ValueError, RuntimeError, OSError):  # one that is not set up says nothing of itself
                    found[name, model] = ask(one, model)
        same = [key for key, said in found.items() if dict(said) == dict(identity)]
        for fields in (("engine", "model"), ("engine",)):
            same = same or [key for key, said in found.items() if all(said.get(f) == identity.get(f) for f in fields)]
        return same

    def _set_up(self, name: str, values: Mapping[str, Any]) -> Provider:
        """A shipped provider with settings of the file, or another server of its kind."""
        path, key = self.settings.path, f"providers.{name}"
        remotes = [one for one in self._shipped.values() if isinstance(one, RemoteProvider)]
        kinds = {one.kind: one for one in sorted(remotes, key=lambda one: one.name == one.kind)}  # the plain one counts
        kind = values.get("kind", "")
        base = kinds.get(kind) if kind else self._shipped.get(name)
        if base is None:
            raise ProviderSettingsError(
                f"{path}: [{key}] kind is {kind!r}; write one of {', '.join(sorted(kinds))}"
                if kind
                else f"{path}: [{key}] is no provider that comes along; {_slip(name, self._shipped)}say what it is "
                f"with kind, one of {', '.join(sorted(kinds))}"
            )
        given = {one: said for one, said in values.items() if one != "kind"}
        try:
            check_keys(given, sorted(settable(base)), key, path)
            _check_kinds(base, given, key, path)
            kept = {one: getattr(base, one) for one in type(base).model_fields}
            named = {"called": name} if isinstance(base, RemoteProvider) else {}
            made: Provider = type(base)(**{**kept, **given, **named})
        except TomlError as error:
            raise ProviderSettingsError(str(error)) from error
        except ValidationError as error:
            fault = error.errors()[0]
            raise ProviderSettingsError(
                f"{path}: [{key}] {'.'.join(map(str, fault['loc']))} is {fault['input']!r}; {fault['msg']}"
            ) from error
        return made


def _slip(name: str, known: Collection[str]) -> str:
    meant = nearest(name, known)
    return f"{meant} Else " if meant else ""


def _check_kinds(provider: Provider, given: Mapping[str, Any], key: str, path: str) -> None:
    """Refuse what would be taken for something else: a number in quotes, a 1 for true.

    Raises:
        TomlError: a value is of another kind than its setting.
    """
    for name, said in given.items():
        wanted = _KINDS.get(type(provider).model_fields[name].annotation)
        if wanted and (not isinstance(said, wanted.types) or isinstance(said, bool) != (wanted.types == (bool,))):
            raise TomlError(path, key, f"{name} is {shown(said)}", f"write {wanted.words}")


def settable(provider: Provider) -> tuple[str, ...]:
    """The settings that `[providers.<name>]` may have: its fields."""
    return tuple(name for name in type(provider).model_fields if name not in _NOT_SET_BY_PEOPLE)


def named_first(alike: Sequence[Named], named: Callable[[], Sequence[Named]]) -> Named:
    """Of several that are alike the one that is named today, else the first; of one alone nobody is asked."""
    if len(alike) == 1:
        return alike[0]
    return next((one for one in named() if one in alike), alike[0])

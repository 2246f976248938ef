"""Stage `providers`: every provider with its terms, price, end, key and answer, as one asset without partitions.

What is looked up where: settings of providers in the studio's provider book, prices on the price card, what is in use
in the cast, the songs, the remixes and `providers.toml`. The rows themselves are `domain/provider_catalogue.py`.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg

from audio_assets.books.providerbook import FILE, Provider
from audio_assets.domain.cast import CastError
from audio_assets.domain.provider_catalogue import CAPABILITIES, Answer, Catalogue, Use, catalogue, markdown
from audio_assets.domain.provider_catalogue import Provider as Facts
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.schemas import providers as schema
from audio_assets.domain.schemas.records import RecordError
from audio_assets.stage import EVERY_DAY
from audio_assets.studio import Studio, StudioResource
from resources import models
from resources.music import MusicProvider
from resources.probing import probe_all
from resources.remote import RemoteProvider
from resources.speech import KokoroSpeech
from resources.video import VideoProvider

GROUP, OWNER = "providers", "team:production"
JSON, MARKDOWN = "catalogue/providers.json", "catalogue/providers.md"


def take_stock(studio: Studio, answers: Mapping[str, Answer], *, today: date | None = None) -> Catalogue:
    """The catalogue of today; `answers` are those of the providers that were asked.

    Raises:
        PermanentError: the price card can not be read.
    """
    listed = [facts(name, one, answers.get(name)) for name, one in studio.providers.all.items()]
    found = catalogue(listed, uses(studio), studio.songs.prices, today or datetime.now(UTC).date())
    mistake = studio.providers.problem
    return replace(found, unusable=(mistake, *found.unusable)) if mistake else found


def ask(studio: Studio, *names: str) -> dict[str, Answer]:
    """Ask providers whether they are there, without names all of them; those without address or key are not asked."""
    wanted = {
        name: one
        for name, one in studio.providers.all.items()
        if isinstance(one, RemoteProvider) and (not names or name in names) and not one.problem()
    }
    return probe_all(wanted)


def facts(name: str, provider: Provider, answer: Answer | None = None) -> Facts:
    """What there is to say of a provider."""
    about, model = provider.about(), _own_model(provider)
    if not about.models:
        about = replace(about, models=_models(provider))
    if not isinstance(provider, RemoteProvider):
        return Facts(name, about, model=model, problem=_local_problem(provider))
    service = provider.service()
    key, problem = service.key, provider.problem()
    return Facts(
        name=name,
        about=about,
        is_ordered=True,
        model=model,
        key_variable=key.variable if key else "",
        is_key_needed=key is not None and not key.is_optional,
        is_key_set=key is not None and key.is_set,
        url=service.url,
        problem=problem,
        is_mistaken=problem not in ("", provider.lack()),
        answer=answer,
    )


def uses(studio: Studio) -> list[Use]:
    """Who wants to work with which provider, and with which model where that is said.

    What can not be read (a song's settings, the cast) is left out here: its own checks say so.
    """
    found = (*_by_settings(studio), *_by_cast(studio), *_by_songs(studio), *_by_remixes(studio))
    return [replace(use, mistake=_model_mistake(studio, use)) for use in found]


def _by_settings(studio: Studio) -> Iterator[Use]:
    book = studio.providers
    for capability in CAPABILITIES:
        name, model = book.use(capability), book.model(capability)
        is_said = capability in book.settings.uses
        by = f"[use] in {FILE}" if is_said else "default"
        yield Use(capability, name, model or _model_of(studio, name), by)
        stand_in = book.fallback(capability).partition(":")[0]
        if stand_in:
            yield Use(capability, stand_in, _model_of(studio, stand_in), f"[fallback] in {FILE}", is_stand_in=True)


def _by_cast(studio: Studio) -> Iterator[Use]:
    with suppress(CastError):
        for engine, key, is_stand_in in studio.dialogue.cast.engines():
            yield Use("speech", engine, _model_of(studio, engine), f"[{key}] in cast.toml", is_stand_in)


def _by_songs(studio: Studio) -> Iterator[Use]:
    songs: Iterable[str] = ()
    with suppress(RecordError):
        songs = studio.songs.records
    for song in songs:
        with suppress(PermanentError):
            settings = studio.songs.settings(song)
            yield Use("video", settings.video_provider, settings.video_model, f"song {song}")
            if settings.video_fallback:
                model = _model_of(studio, settings.video_fallback)
                yield Use("video", settings.video_fallback, model, f"song {song}", is_stand_in=True)


def _by_remixes(studio: Studio) -> Iterator[Use]:
    for remix in studio.songs.remixes:
        with suppress(PermanentError):
            request = studio.songs.remix(remix)
            if request.provider or request.model:
                name = request.provider or studio.providers.use("music")
                yield Use("music", name, request.model or _model_of(studio, name), f"remix {remix}")
            if request.fallback:
                model = _model_of(studio, request.fallback)
                yield Use("music", request.fallback, model, f"remix {remix}", is_stand_in=True)


def _model_of(studio: Studio, name: str) -> str:
    """The model that a provider works with where a request names none, "" where it does not matter."""
    provider = studio.providers.all.get(name)
    return next(iter(_models(provider)), "") or _own_model(provider)


def _model_mistake(studio: Studio, use: Use) -> str:
    """Why a provider has no such model; "" where it has, and where its own problem keeps that from being told."""
    provider = studio.providers.all.get(use.provider)
    if not use.model or not isinstance(provider, VideoProvider | MusicProvider):
        return ""
    try:
        provider.check_model(use.model)
    except ValueError as error:
        own = provider.problem() if isinstance(provider, RemoteProvider) else ""
        return "" if str(error) == own else str(error)
    return ""


def _models(provider: Provider | None) -> tuple[str, ...]:
    """The models that a film or a piece of music may name, the default first; none where they can not be told."""
    if isinstance(provider, VideoProvider | MusicProvider):
        with suppress(PermanentError):
            return provider.models()
    return ()


def _own_model(provider: Provider | None) -> str:
    """The model that is ordered where nobody names one; engines on this machine are no price card's."""
    return provider.own_model if isinstance(provider, RemoteProvider) else ""


def _local_problem(provider: Provider) -> str:
    """Why an engine on this machine can not work, "" where it can; a tool that is set up by people says it itself."""
    if isinstance(provider, KokoroSpeech) and models.installed("kokoro", Path(provider.cache)) is None:
        return str(models.missing("kokoro"))
    own = getattr(provider, "problem", None)
    return str(own()) if callable(own) else ""


# The asset and its checks


class CatalogueConfig(dg.Config):
    """`probe`: ask every provider that has an address and a key whether it is there; it costs nothing."""

    probe: bool = True


@dg.asset(
    description="Every provider with what it does, its terms, price and end, whether it has a key and answers.",
    code_version="1",
    group_name=GROUP,
    kinds={"json"},
    owners=[OWNER],
    tags={"stage": GROUP},
    freshness_policy=EVERY_DAY,
)
def provider_catalogue(config: CatalogueConfig, studio: StudioResource) -> dg.MaterializeResult[None]:
    """Look everything up, and keep it as JSON and markdown."""
    opened = studio.open()
    try:
        answers = ask(opened) if config.probe else {}
        listed = take_stock(opened, answers)
        text = markdown(listed)
        opened.store.write(JSON, schema.to_bytes(listed, at=datetime.now(UTC).isoformat(timespec="seconds")))
        opened.store.write(MARKDOWN, text.encode())
    except (ValueError, RuntimeError, OSError) as error:  # a person's mistake: one sentence, no trace
        raise dg.Failure(str(error), allow_retries=False) from None
    return dg.MaterializeResult(
        metadata={
            "catalogue": dg.MetadataValue.md(text),
            "n_providers": len(listed.rows),
            "n_in_use": sum(bool(row.uses) for row in listed.rows),
            "n_with_key_or_none_needed": sum(
                not row.provider.is_key_needed or row.provider.is_key_set for row in listed.rows
            ),
            "n_asked": len(answers),
            "n_answering": sum(answer.is_there for answer in answers.values()),
            "n_retired": len(listed.retired),
            "n_retiring": len(listed.retiring),
            "n_unusable": len(listed.unusable),
            "files": f"{JSON}, {MARKDOWN}",
        }
    )


@dg.asset_check(
    asset=provider_catalogue,
    description="Nothing that settings, cast, songs or remixes use has ended; what ends within 60 days is a warning.",
)
def none_retired(studio: StudioResource) -> dg.AssetCheckResult:
    """Hold what is in use against the dates of the price card."""
    listed = take_stock(studio.open(), {})
    return dg.AssetCheckResult(
        passed=not listed.retired and not listed.retiring,
        severity=dg.AssetCheckSeverity.ERROR if listed.retired else dg.AssetCheckSeverity.WARN,
        description="; ".join([*listed.retired, *listed.retiring]) or "nothing in use ends within 60 days",
        metadata={"retired": list(listed.retired), "retiring": list(listed.retiring)},
    )


@dg.asset_check(
    asset=provider_catalogue,
    description="Every provider in use has a price, an address and a key, and answered when it was last asked.",
)
def all_in_use_answer(studio: StudioResource) -> dg.AssetCheckResult:
    """Look at the settings of today, and at the answers in the catalogue."""
    opened = studio.open()
    listed = take_stock(opened, kept_answers(opened))
    return dg.AssetCheckResult(
        passed=not listed.unusable,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(listed.unusable) or "everything in use can be had",
        metadata={"unusable": list(listed.unusable)},
    )


def kept_answers(studio: Studio) -> Mapping[str, Answer]:
    """What providers answered when the catalogue was last written; nothing where it was not, or is damaged."""
    data = studio.store.read(JSON)
    with suppress(RecordError):
        return schema.answers_from_bytes(data) if data else {}
    return {}


CHECKS = [none_retired, all_in_use_answer]

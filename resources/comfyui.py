"""ComfyUI for every capability: what a workflow can do is in its bindings, what is asked of it is made here.

A workflow is a template (`audio_assets/domain/comfy_bindings.py`) and stands as the model: a song names it in its
settings (`video_model = "wan_video"`), speech and lip-sync in the provider's (`model = "tts_comfy"`). Its content is
part of every key, so that a changed workflow makes stale what was made with it and nothing else. How the server is
talked to is `vendors/comfyui.py`.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from audio_assets.domain.action import canonical
from audio_assets.domain.comfy_bindings import Capability
from audio_assets.domain.comfy_template import Template
from audio_assets.domain.pronounced import no_ipa, pronounced
from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.shot import Shot
from audio_assets.domain.speech import Speech, SpeechRequest
from resources import comfy_templates
from resources.http_client import Service
from resources.lip_sync import LipSyncProvider
from resources.music import MusicAsk, MusicCapabilities, MusicProvider
from resources.ordered import Remote
from resources.paid_jobs import Patience
from resources.pool import Lane
from resources.remote import RemoteProvider
from resources.song_files import SongReader
from resources.speech import SpeechProvider
from resources.vendors.comfyui import ComfyVendor
from resources.vendors.lines import spelled_notes
from resources.video import VideoCapabilities, VideoProvider

_SITE = "https://github.com/comfyanonymous/ComfyUI"
_LICENCE = "of the models that the workflow loads: see its bindings"
_ONLY_VOICE = "default"  # of a workflow that lists none


class ComfyProvider(RemoteProvider):
    """A ComfyUI server and the workflows for one capability.

    `template_folders` are searched in order; the first that has a workflow wins.

    `deadline_s` is how long a job may take, waiting in the server's queue included, until a run goes on without it (and
    the next picks it up). ComfyUI asks for no key; with `key_variable` it is sent as a bearer token, for a proxy that
    does.
    """

    capability: ClassVar[Capability]

    url: str = "http://127.0.0.1:8188"
    template_folders: list[str] = []
    deadline_s: float = 3600.0

    def service(self) -> Service:
        """See `RemoteProvider.service`."""
        return Service(
            name=self.name, url=self.url.rstrip("/"), key=self.key() if self.key_variable else None,
            at_once=self.at_once, per_second=self.per_second,
        )  # fmt: skip

    def probe(self) -> str:
        """See `RemoteProvider.probe`."""
        client = self.client()
        system = client.get("/system_stats").json().get("system", {})
        n_waiting = client.get("/prompt").json().get("exec_info", {}).get("queue_remaining", 0)
        return f"version {system.get('comfyui_version', 'unknown')}, {n_waiting} in the queue"

    def template(self, name: str) -> Template:
        """A workflow.

        Raises:
            Unavailable: there is none of that name.
            PermanentError: it can not be used; one sentence.
        """
        return comfy_templates.template(name, self.capability, self.template_folders)

    def template_names(self) -> tuple[str, ...]:
        """The workflows that settings may name."""
        return comfy_templates.names(self.capability, self.template_folders)

    def identity_of(self, name: str) -> dict[str, str]:
        """What stands for a workflow in a key."""
        return {"engine": "comfyui", **self.template(name).identity()}

    def remote_of(self, name: str) -> Remote:
        """Where a workflow's jobs are ordered."""
        vendor = ComfyVendor(self.client(), self.name, self.template(name))
        patience = Patience(first_s=0.5, factor=1.5, longest_s=10.0, deadline_s=self.deadline_s)
        return Remote(vendor, self.name, name, Lane(self.name, self.at_once), patience)

    def about(self) -> About:
        """See the capability's `about`."""
        return About(
            self.capability, f"{_MAKES[self.capability]} with workflows on a ComfyUI server of one's own", _LICENCE,
            "open", _SITE, self.template_names(), "a ComfyUI server with the models of the workflow",
            comfy_templates.mistakes(self.capability, self.template_folders),
        )  # fmt: skip

    def problem(self) -> str:
        """See `RemoteProvider.problem`; also a mistake in the workflow that its settings name."""
        told = super().problem()
        if told or not self.own_model:
            return told
        try:
            self.template(self.own_model)
        except PermanentError as error:
            return str(error)
        return ""


_MAKES: Mapping[Capability, str] = {
    "speech": "speaks lines", "music": "makes music", "video": "films shots", "lip_sync": "moves mouths",
}  # fmt: skip


def _request(template: Template, offered: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """What the ledger keeps and `ComfyVendor.submit` is given."""
    workflow = {"name": template.name, "sha256": template.sha256}
    return {"workflow": workflow, "values": template.takes(offered), **more}


class ComfySpeech(ComfyProvider, SpeechProvider):
    """Speaks lines; `model` is the workflow, the voices are those of its bindings."""

    kind: ClassVar[str] = "comfyui_speech"
    capability: ClassVar[Capability] = "speech"

    model: str = "tts_comfy"

    @property
    def has_timing(self) -> bool:
        """Workflows bring sound only."""
        return False

    def voices(self) -> Collection[str]:
        """The voices of the workflow; any name where it can not be read, so that its own fault is what is told."""
        try:
            return frozenset(self.template(self.model).bindings.voices) or {_ONLY_VOICE}
        except PermanentError:
            return _Any()

    def identity(self, request: SpeechRequest) -> Mapping[str, str]:
        """See `SpeechProvider.identity`; another voice of the workflow may change without harm."""
        voices = self.template(self.model).bindings.voices
        said = {
            f"voice {name}": canonical({str(place): item for place, item in voices.get(name, {}).items()}).decode()
            for name, _ in request.voice
        }
        return {**self.identity_of(self.model), **said}

    def remote(self, kept: Path) -> Remote | None:
        """See `SpeechProvider.remote`."""
        return self.remote_of(self.model)

    def request(self, request: SpeechRequest) -> Mapping[str, Any]:
        """See `SpeechProvider.request`."""
        template = self.template(self.model)
        if len(request.voice) != 1:
            raise PermanentError(f"{self.name} can not mix voices: give the character one voice of {self.model}")
        voice = request.voice[0][0]
        if voice not in self.voices():
            known = ", ".join(sorted(template.bindings.voices)) or _ONLY_VOICE
            raise PermanentError(f'the workflow {self.model} has no voice "{voice}": it has {known}')
        if request.speed != 1.0 and "speed" not in template.bindings.inputs:
            raise PermanentError(f"the workflow {self.model} takes no speed: set the voice's speed to 1, or bind speed")
        offered = {"text": _said(request)[0], "speed": request.speed, "seed": request.seed}
        return _request(template, offered, voice=voice)

    def hear(self, answer: Path, request: SpeechRequest) -> Speech:
        """See `SpeechProvider.hear`; any container, mixed to mono."""
        with SongReader(answer) as reader:
            rate_hz = reader.sample_rate_hz
            samples = np.concatenate([block[:, 0] for block in reader.mapped_blocks(1)])
        pcm = np.rint(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)
        if not pcm.any():
            raise ValueError(f"the workflow {self.model} brought {len(pcm) / rate_hz:.2f} s of silence")
        notes = spelled_notes(self.name, _said(request)[1])
        return Speech(pcm, rate_hz, None, notes)


def _said(request: SpeechRequest) -> tuple[str, tuple[str, ...]]:
    """The text with the lexicon's words as they are to be said, and those whose IPA a workflow can not be told."""
    return pronounced(request.text, request.pronunciations, no_ipa)


class ComfyMusic(ComfyProvider, MusicProvider):
    """Makes music; the model is the workflow."""

    kind: ClassVar[str] = "comfyui_music"
    capability: ClassVar[Capability] = "music"

    def models(self) -> tuple[str, ...]:
        """See `MusicProvider.models`."""
        return self.template_names()

    def check_model(self, model: str) -> None:
        """See `MusicProvider.check_model`; of a workflow that can not be used it says why."""
        self.template(model)

    def capabilities(self, model: str) -> MusicCapabilities:
        """See `MusicProvider.capabilities`."""
        bindings = self.template(model).bindings
        return MusicCapabilities(
            bindings.shortest_s, bindings.longest_s, takes_source="source" in bindings.files,
            takes_source_share="denoise" in bindings.inputs,
            takes_seed="seed" in bindings.inputs, takes_lyrics="lyrics" in bindings.inputs,
        )  # fmt: skip

    def identity(self, model: str) -> Mapping[str, str]:
        """See `MusicProvider.identity`."""
        return self.identity_of(model)

    def remote(self, model: str, kept: Path) -> Remote | None:
        """See `MusicProvider.remote`."""
        return self.remote_of(model)

    def request(self, model: str, ask: MusicAsk) -> Mapping[str, Any]:
        """See `MusicProvider.request`; tempo in whole beats, as models count."""
        template = self.template(model)
        template.check_files({"source"} if ask.has_source else set())
        shortest_s, longest_s = template.bindings.shortest_s, template.bindings.longest_s
        if not shortest_s <= ask.duration_s <= longest_s:
            makes = f"makes {shortest_s:g} to {longest_s:g} s of music"
            raise PermanentError(f"the workflow {model} {makes}, not {ask.duration_s:g} s")
        if ask.lyrics and "lyrics" not in template.bindings.inputs:
            raise PermanentError(f"the workflow {model} does not sing: leave the lyrics out, or bind lyrics")
        return _request(template, {
            "prompt": ask.prompt, "seconds": ask.duration_s, "seed": ask.seed, "lyrics": ask.lyrics or None,
            "bpm": None if ask.bpm is None else round(ask.bpm), "key": ask.key or None,
            "denoise": round(1.0 - ask.source_share, 4) if ask.has_source else None,
        })  # fmt: skip


class ComfyVideo(ComfyProvider, VideoProvider):
    """Films shots; the model is the workflow."""

    kind: ClassVar[str] = "comfyui"
    capability: ClassVar[Capability] = "video"

    @property
    def is_remote(self) -> bool:
        """See `VideoProvider.is_remote`."""
        return True

    def models(self) -> tuple[str, ...]:
        """See `VideoProvider.models`."""
        return self.template_names()

    def check_model(self, model: str) -> None:
        """See `VideoProvider.check_model`; of a workflow that can not be used it says why."""
        self.template(model)

    def capabilities(self, model: str) -> VideoCapabilities:
        """See `VideoProvider.capabilities`."""
        bindings = self.template(model).bindings
        return VideoCapabilities(
            sizes=bindings.sizes, clip_seconds=bindings.clip_seconds,
            takes_reference_image="reference_image" in bindings.files, takes_seed="seed" in bindings.inputs,
            can_remix="parent" in bindings.files,
        )  # fmt: skip

    def identity(self, model: str) -> Mapping[str, str]:
        """See `VideoProvider.identity`."""
        return self.identity_of(model)

    def remote(self, model: str, kept: Path) -> Remote | None:
        """See `VideoProvider.remote`."""
        return self.remote_of(model)

    def request(self, model: str, shot: Shot, files: Collection[str]) -> Mapping[str, Any]:
        """See `VideoProvider.request`; the nearest size and the next length that the workflow makes."""
        template = self.template(model)
        template.check_files(set(files))
        bindings = template.bindings
        try:
            seconds, n_frames = bindings.fitting_length(shot.n_frames, shot.frame_rate)
        except ValueError as error:
            raise PermanentError(
                f"the workflow {model} {error}: choose shorter clip_seconds, or another one"
            ) from error
        width, height = bindings.fitting_size(shot.width, shot.height)
        return _request(template, {
            "prompt": shot.prompt, "negative": shot.negative or None, "seed": shot.seed, "seconds": seconds,
            "n_frames": n_frames, "width": width, "height": height,
            "fps": float(bindings.frames.rate or shot.frame_rate),
        })  # fmt: skip


class ComfyLipSync(ComfyProvider, LipSyncProvider):
    """Moves mouths to a voice; `model` is the workflow."""

    kind: ClassVar[str] = "comfyui_lip_sync"
    capability: ClassVar[Capability] = "lip_sync"

    model: str = "lip_sync_latentsync"

    @property
    def is_driven_by(self) -> Literal["mouth", "audio"]:
        """It listens."""
        return "audio"

    def identity(self) -> Mapping[str, str]:
        """See `LipSyncProvider.identity`."""
        return self.identity_of(self.model)

    def remote(self, kept: Path) -> Remote | None:
        """See `LipSyncProvider.remote`."""
        return self.remote_of(self.model)

    def request(self, duration_s: float) -> Mapping[str, Any]:
        """See `LipSyncProvider.request`."""
        return _request(self.template(self.model), {"seconds": duration_s})


class _Any(frozenset[str]):
    """The voices of a workflow that can not be read: whatever is asked for."""

    def __contains__(self, name: object) -> bool:
        return True

"""Every provider that comes along, by its name: engines on this machine, and vendors as their own defaults say."""

from audio_assets.providerbook import Provider
from audio_assets.settings import Settings
from resources.alignment import PocketsphinxAligner
from resources.comfyui import ComfyLipSync, ComfyMusic, ComfySpeech, ComfyVideo
from resources.lip_sync import MouthWarp
from resources.music import LocalRemixer
from resources.speech import EspeakSpeech, KokoroSpeech
from resources.vendors.ace_step import AceStepMusic
from resources.vendors.elevenlabs_music import ElevenLabsMusic
from resources.video import AnimaticVideo


def shipped_providers(settings: Settings) -> dict[str, Provider]:
    """The providers; `providers.toml` sets them up further, and adds servers of the same kinds."""
    templates = [str(settings.root / "workflows" / "comfyui"), str(settings.workflows / "comfyui")]
    cache = str(settings.cache)
    found: tuple[Provider, ...] = (
        KokoroSpeech(cache=cache),
        EspeakSpeech(),
        PocketsphinxAligner(),
        AnimaticVideo(),
        MouthWarp(cache=cache),
        LocalRemixer(),
        AceStepMusic(),
        ElevenLabsMusic(),
        ComfySpeech(template_folders=templates),
        ComfyMusic(template_folders=templates),
        ComfyVideo(template_folders=templates),
        ComfyLipSync(template_folders=templates),
    )
    return {provider.name: provider for provider in found}

"""Every provider that comes along, by its name: engines on this machine, and vendors as their own defaults say."""

from audio_assets.providerbook import Provider
from audio_assets.settings import Settings
from resources.alignment import PocketsphinxAligner
from resources.comfyui import ComfyLipSync, ComfyMusic, ComfySpeech, ComfyVideo
from resources.lip_sync import MouthWarp
from resources.speech import EspeakSpeech, KokoroSpeech
from resources.vendors.latentsync import LatentSync
from resources.vendors.sync_so import SyncSo
from resources.vendors.wav2lip import Wav2Lip
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
        ComfySpeech(template_folders=templates),
        ComfyMusic(template_folders=templates),
        ComfyVideo(template_folders=templates),
        ComfyLipSync(template_folders=templates),
        SyncSo(),
        Wav2Lip(),
        LatentSync(),
    )
    return {provider.name: provider for provider in found}

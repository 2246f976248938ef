"""Every provider that comes along, by its name: engines on this machine, and vendors as their own defaults say."""

from audio_assets.books.providerbook import Provider
from audio_assets.settings import Settings
from resources.alignment import PocketsphinxAligner
from resources.comfyui import ComfyLipSync, ComfyMusic, ComfySpeech, ComfyVideo
from resources.lip_sync import MouthWarp
from resources.music import LocalRemixer
from resources.speech import EspeakSpeech, KokoroSpeech
from resources.vendors.ace_step import AceStepMusic
from resources.vendors.cartesia import CartesiaSpeech
from resources.vendors.elevenlabs import ElevenLabsAligner, ElevenLabsSpeech
from resources.vendors.elevenlabs_music import ElevenLabsMusic
from resources.vendors.fal import FalVideo
from resources.vendors.latentsync import LatentSync
from resources.vendors.openai_speech import FLAVOURS, OpenAiSpeech
from resources.vendors.openai_videos import PRESETS, OpenAiVideo
from resources.vendors.openrouter import OpenRouterVideo
from resources.vendors.replicate import ReplicateVideo
from resources.vendors.runway import RunwayVideo
from resources.vendors.sync_so import SyncSo
from resources.vendors.video_vendor import FILE
from resources.vendors.wav2lip import Wav2Lip
from resources.video import AnimaticVideo


def shipped_providers(settings: Settings) -> dict[str, Provider]:
    """The providers; `providers.toml` sets them up further, and adds servers of the same kinds."""
    templates = [str(settings.root / "workflows" / "comfyui"), str(settings.workflows / "comfyui")]
    tables = [str(settings.workflows / FILE), str(settings.root / FILE)]
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
        CartesiaSpeech(),
        ElevenLabsSpeech(),
        ElevenLabsAligner(),
        *(OpenAiSpeech(called=flavour) for flavour in FLAVOURS),
        FalVideo(tables=tables),
        ReplicateVideo(tables=tables),
        RunwayVideo(tables=tables),
        OpenRouterVideo(tables=tables),
        *(OpenAiVideo(tables=tables, **preset) for preset in PRESETS.values()),
        OpenAiVideo(tables=tables),
        SyncSo(),
        Wav2Lip(),
        LatentSync(),
    )
    return {provider.name: provider for provider in found}

"""Moonshine hears what espeak says; only where the model is installed."""

import os
from pathlib import Path

import numpy as np
import pytest

from audio_assets.domain.speech import SpeechRequest
from resources.engines import espeak, moonshine
from resources.models import ModelMissing, installed

CACHE = Path(os.environ.get("AUDIO_ASSETS_CACHE", "~/.cache/audio-assets")).expanduser()


@pytest.fixture(scope="module")
def real() -> Path:
    directory = installed("moonshine", CACHE)
    if directory is None:
        pytest.skip("the Moonshine model is not installed: `audio-assets models fetch moonshine`")
    return directory


def test_no_model_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="models fetch moonshine"):
        moonshine.transcribe(np.zeros(16_000, np.int16), 16_000, tmp_path)


def test_speech_is_heard(real: Path) -> None:
    speech = espeak.speak(SpeechRequest("The weather is very nice today.", "en", (("en-us", 1.0),), speed=0.9))
    assert "nice today" in moonshine.transcribe(speech.pcm, speech.sample_rate_hz, real).lower()


@pytest.mark.parametrize("n_samples", [0, 10, 16_000])
def test_silence_and_next_to_nothing_are_answered(real: Path, n_samples: int) -> None:
    assert isinstance(moonshine.transcribe(np.zeros(n_samples, np.int16), 16_000, real), str)

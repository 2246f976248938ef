"""Moonshine-tiny (int8) on onnxruntime: English speech to text, to check by ear what a voice has said.

For tests of quality and benchmarks only: nothing that is rendered depends on it.
"""

import functools
import json
import re
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from resources.engines.inference import Session, session
from resources.models import missing

_SAMPLE_RATE_HZ = 16_000
_N_LAYERS, _N_HEADS, _HEAD_SIZE = 6, 8, 36
_START, _END = 1, 2
_TOKENS_PER_S = 6.5
"""No English speech has more; the model's own safeguard against repeating itself."""


def transcribe(pcm: NDArray[np.int16], sample_rate_hz: int, model_dir: Path) -> str:
    """Return the English words heard in `pcm` (mono, shape (n_samples,)), punctuated as the model likes.

    It never answers with nothing: the end of the text may not be its first token (it is on many short lines).

    Raises:
        ModelMissing: the files are not in `model_dir`.
    """
    encoder, decoder = _sessions(model_dir)
    samples = soxr.resample(pcm.astype(np.float32) / 32768, sample_rate_hz, _SAMPLE_RATE_HZ).astype(np.float32)
    if len(samples) < _SAMPLE_RATE_HZ // 10:
        samples = np.pad(samples, (0, _SAMPLE_RATE_HZ // 10 - len(samples)))
    hidden = encoder.run(None, {encoder.get_inputs()[0].name: samples[None]})[0]
    n_max = 6 + int(_TOKENS_PER_S * len(samples) / _SAMPLE_RATE_HZ)
    return _decoded(_tokens(decoder, hidden, n_max), model_dir)


def _tokens(decoder: Session, hidden: NDArray[np.float32], n_max: int) -> list[int]:
    past = {
        f"past_key_values.{layer}.{side}.{part}": np.zeros((0, _N_HEADS, 1, _HEAD_SIZE), np.float32)
        for layer in range(_N_LAYERS)
        for side in ("decoder", "encoder")
        for part in ("key", "value")
    }
    tokens: list[int] = []
    last = _START
    while len(tokens) < n_max:
        asked = {
            "input_ids": np.array([[last]], np.int64),
            "encoder_hidden_states": hidden,
            "use_cache_branch": np.array([bool(tokens)]),
            **past,
        }
        logits, *present = decoder.run(None, asked)
        scores = np.asarray(logits)[0, -1]
        if not tokens:
            scores[_END] = -np.inf
        last = int(np.argmax(scores))
        if last == _END:
            break
        for name, value in zip(past, present, strict=True):
            if not tokens or ".decoder." in name:
                past[name] = np.asarray(value)
        tokens.append(last)
    return tokens


@functools.lru_cache(maxsize=1)
def _sessions(model_dir: Path) -> tuple[Session, Session]:
    paths = [model_dir / "encoder_model.onnx", model_dir / "decoder_model_merged.onnx"]
    if not all(path.is_file() for path in paths):
        raise missing("moonshine")
    encoder, decoder = (session(path, 1) for path in paths)
    return encoder, decoder


@functools.lru_cache(maxsize=1)
def _vocabulary(model_dir: Path) -> dict[int, str]:
    model = json.loads((model_dir / "tokenizer.json").read_text("utf-8"))["model"]
    return {number: token for token, number in model["vocab"].items()}


def _decoded(tokens: list[int], model_dir: Path) -> str:
    vocabulary = _vocabulary(model_dir)
    data = b""
    for number in tokens:
        token = vocabulary.get(number, "")
        byte = re.fullmatch(r"<0x([0-9A-F]{2})>", token)
        data += bytes([int(byte[1], 16)]) if byte else b"" if token.startswith("<") else token.encode()
    return data.decode(errors="replace").replace("▁", " ").strip()

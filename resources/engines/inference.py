"""onnxruntime sessions on the CPU, for every engine that has a model of that kind.

onnxruntime sends usage events unless told otherwise: that is switched off here, before any session is made.
"""

from pathlib import Path
from typing import TypeAlias

import onnxruntime

onnxruntime.disable_telemetry_events()

VERSION: str = onnxruntime.__version__
Session: TypeAlias = onnxruntime.InferenceSession


def session(model: Path | bytes, n_threads: int) -> Session:
    """A session on `n_threads` threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])

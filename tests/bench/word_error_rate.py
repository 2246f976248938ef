"""Word error rate of rendered English lines, by Moonshine: `word_error_rate.py LINES.tsv`, where each row is text, wav.

Run `audio-assets models fetch moonshine` first. Prints the misheard lines, worst first, then the rate of them all.
"""

import argparse
import csv
import os
from pathlib import Path

import numpy as np
import soundfile

from audio_assets.domain.word_errors import word_error_rate, word_errors
from resources.engines import moonshine
from resources.models import installed, missing


def measure(lines: list[tuple[str, Path]], model_dir: Path) -> float:
    """Return the word error rate of (text, wav) `lines`, and print those that were misheard."""
    heard: list[tuple[str, str]] = []
    for text, path in lines:
        pcm, sample_rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
        mono = np.rint(pcm.mean(axis=1)).astype(np.int16)
        heard.append((text, moonshine.transcribe(mono, sample_rate_hz, model_dir)))
    for text, answer in sorted(heard, key=lambda pair: -word_errors(*pair)[0]):
        n_errors, n_words = word_errors(text, answer)
        if n_errors:
            print(f"{n_errors}/{n_words}  {text!r}\n      {answer!r}")
    return word_error_rate(heard)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", type=Path, help="tab-separated: text, path of a wav file")
    parser.add_argument(
        "--cache", type=Path, default=Path(os.environ.get("AUDIO_ASSETS_CACHE", "~/.cache/audio-assets"))
    )
    chosen = parser.parse_args()
    model_dir = installed("moonshine", chosen.cache.expanduser())
    if model_dir is None:
        raise SystemExit(str(missing("moonshine")))
    with chosen.lines.open(newline="", encoding="utf-8") as rows:
        lines = [(text, chosen.lines.parent / wav) for text, wav in csv.reader(rows, delimiter="\t")]
    print(f"word error rate {measure(lines, model_dir):.4f} over {len(lines)} lines")


if __name__ == "__main__":
    main()

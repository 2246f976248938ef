"""Behaves like LatentSync's `scripts/inference.py`: 25 frames a second, its own files beside it."""

import argparse
import shutil
import sys
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import latentsync  # noqa: F401 - found where it is started
from talking import misbehave, read_pictures, read_voice, sung, write

parser = argparse.ArgumentParser()
parser.add_argument("--unet_config_path", required=True)
parser.add_argument("--inference_ckpt_path", required=True)
parser.add_argument("--video_path", required=True)
parser.add_argument("--audio_path", required=True)
parser.add_argument("--video_out_path", required=True)
parser.add_argument("--inference_steps", type=int, default=20)
parser.add_argument("--guidance_scale", type=float, default=1.0)
parser.add_argument("--seed", type=int, default=1247)


def main() -> None:
    """As the original, older releases included: only whole batches of 16 frames."""
    args = parser.parse_args()
    word = Path(args.inference_ckpt_path).read_text().strip()
    assert Path(args.unet_config_path).read_text().startswith("data:")
    assert Path("configs/unet/stage2.yaml").is_file(), "its configuration is looked for where it is started"
    misbehave(word, args.video_out_path)
    pictures, rate = read_pictures(args.video_path)
    voice = read_voice(args.audio_path)
    n_clip = round(len(pictures) / rate * 25)
    at_25 = [pictures[min(len(pictures) - 1, round(n * rate / 25))] for n in range(n_clip)]
    n = len(voice) * 25 // 16_000
    if word == "whole batches":
        n = min(n, n_clip) // 16 * 16
    shutil.rmtree("temp", ignore_errors=True)
    Path("temp").mkdir()
    print(f"steps {args.inference_steps}, guidance {args.guidance_scale}, seed {args.seed}", file=sys.stderr)
    write(args.video_out_path, sung(at_25, voice, n, Fraction(25), word), Fraction(25))


if __name__ == "__main__":
    main()

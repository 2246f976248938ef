"""Behaves like Wav2Lip's `inference.py`, from its arguments to its faults; the checkpoint says which."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from talking import misbehave, read_pictures, read_voice, sung, write  # type: ignore[import-not-found]

parser = argparse.ArgumentParser()
parser.add_argument("--checkpoint_path", required=True)
parser.add_argument("--face", required=True)
parser.add_argument("--audio", required=True)
parser.add_argument("--outfile", default="results/result_voice.mp4")
parser.add_argument("--static", type=bool, default=False)
parser.add_argument("--fps", type=float, default=25.0)
parser.add_argument("--pads", nargs="+", type=int, default=[0, 10, 0, 0])
parser.add_argument("--box", nargs="+", type=int, default=[-1, -1, -1, -1])
args = parser.parse_args()


def main() -> None:
    """As the original: one frame per step of the spectrogram, the last step at its end."""
    word = Path(args.checkpoint_path).read_text().strip()
    assert args.face.split(".")[1] not in ("jpg", "png", "jpeg"), "it takes the first dot for that of the suffix"
    misbehave(word, args.outfile)
    pictures, fps = read_pictures(args.face)
    voice = read_voice(args.audio)
    n_mels = 1 + len(voice) // 200
    n = 0
    while int(n * 80.0 / float(fps)) + 16 <= n_mels:
        n += 1
    n += 1
    Path("temp/result.avi").write_bytes(b"what it works on")
    if word == "short":
        n //= 2
    print(f"Length of mel chunks: {n}; pads {args.pads}; static {args.static}", file=sys.stderr)
    write(args.outfile, sung(pictures[:1] if args.static else pictures, voice, n, fps, word), fps)


main()

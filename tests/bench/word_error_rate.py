"""Word error rate of Kokoro's English, by Moonshine, over the English lines of a whole visual novel (`the_question`).

What was to be spoken is held against what a recogniser hears, so its own mistakes are in the figure: two
readers of that text had 1.4 and 1.7 %. The lines heard worst are printed.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from audio_assets.books.script_registration import find_files, register
from audio_assets.commands.opening import open_studio
from audio_assets.domain.artifacts import WAV, read_wav
from audio_assets.domain.word_errors import word_error_rate, word_errors
from audio_assets.render import render
from audio_assets.settings import current
from audio_assets.stages.speech import VoiceLine
from resources import pool
from resources.engines import moonshine
from tests.bench.measuring import Figure, data_root, model, shared, workers_peak_mb

CAST = """
[narrator]
voice = "af_heart"
[characters.sylvie]
voice = "af_bella"
[characters.me]
voice = "am_michael"
"""
YARDSTICK = 0.017
N_SHOWN = 5


def measure() -> Iterator[Figure]:
    """Speak, hear, compare.

    Raises:
        Skipped: the script or a model is not here.
    """
    game = shared("dialogue/the_question")
    with data_root(CAST):
        model("kokoro")
        model("moonshine")
        heard = heard_lines(spoken(game))
        workers = f"{current().n_workers} x {workers_peak_mb(current().n_workers):.0f}"
    worst = sorted(heard, key=lambda pair: -word_errors(*pair)[0])[:N_SHOWN]
    for text, answer in worst:
        n_errors, n_words = word_errors(text, answer)
        if n_errors:
            print(f"{n_errors} of {n_words} words misheard: {text!r} as {answer!r}", file=sys.stderr)
    rate = word_error_rate(heard)
    yield Figure(
        f"word error rate of Kokoro by Moonshine, {len(heard)} English lines",
        f"{100 * rate:.1f} %",
        "1.4 to 1.7 %",
        rate <= YARDSTICK,
        peak_mb=workers,
    )


def spoken(game: Path) -> list[tuple[str, bytes]]:
    """(text, wav) of every English line, through the pipeline's own stage."""
    files, _ = find_files([game], inbox=open_studio().settings.dialogue_inbox)
    register(open_studio().store, files, variables={}, default_lang="en")
    studio = open_studio()
    english = [key for key, cue in studio.dialogue.cues.items() if cue.lang == "en"]
    lines = []
    for outcome in render(VoiceLine(studio), english, run_id="bench"):
        if outcome.failure is not None or outcome.sidecar is None:
            raise RuntimeError(f"{outcome.partition} was not spoken: {outcome.failure}")
        wav = studio.store.read_file(outcome.folder, WAV, outcome.sidecar)
        lines.append((studio.dialogue.request(outcome.partition).speech.text, wav))
    return lines


def heard_lines(lines: list[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """(text, what the recogniser hears)."""
    calls = [(text, pool.Call(moonshine.transcribe, (*read_wav(wav), model("moonshine")))) for text, wav in lines]
    heard = []
    for answer in pool.run(calls, current().n_workers):
        if answer.error is not None:
            raise answer.error
        heard.append((answer.item, str(answer.result)))
    return heard

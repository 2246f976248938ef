"""Kokoro on every core, one thread each, against one session in which onnxruntime shares those cores out.

Both speak the same lines and take turns; the fastest round of each counts.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from audio_assets.domain.speech import SpeechRequest
from resources import pool
from resources.engines import kokoro
from tests.bench.measuring import Figure, data_root, model, workers_peak_mb

AIM = 1.25
N_ROUNDS = 2
LINES = (
    "Nobody has climbed up here since the lamp went out.",
    "You said the ferry would be back before dark.",
    "I did. Then the wind turned, and I stopped believing in ferries.",
    "Close the door, please. The draught is putting out my candles.",
    "There are forty steps left, and every one of them complains.",
    "Who taught you to tie a knot like that?",
    "My aunt. She kept three boats and not a single promise.",
    "Listen. Can you hear the bell under the water?",
    "That is only the buoy, turning over in its sleep.",
    "We could leave tomorrow, if you still want to.",
    "Tomorrow is a very large word for such a small boat.",
    "Give me the map, and hold the lantern a little higher.",
    "This island was not here when my father drew the coast.",
    "Perhaps your father drew it on a foggy day.",
    "He drew everything on foggy days; it saved him ink.",
    "Take the blue coat, it is the only dry thing we own.",
    "I found a letter in the pocket, and it is addressed to you.",
    "Read it to me, slowly, and leave out the weather.",
    "It begins with an apology and ends with a recipe for soup.",
    "Then it is from my brother, and he is well.",
    "Seven gulls on the roof; my mother would have turned back.",
    "Your mother turned back at three.",
    "The keeper wrote one sentence every evening for thirty years.",
    "What did he write about, all alone with the sea?",
    "Mostly about his knees, and once about a whale.",
    "I would rather have heard more about the whale.",
    "Mind the rail. It was painted this morning, or never.",
    "If the lamp fails again, ring twice and wait for me.",
    "And if you do not come?",
    "Then ring as often as you like; it is a beautiful bell.",
    "The glass is falling faster than I have ever seen.",
    "Bring the chairs inside before they learn to swim.",
    "She laughed so loudly that the fog drew back a little.",
    "Somebody has been here, and somebody has washed the cups.",
    "Thieves do not wash cups.",
    "Then we have a very lonely thief.",
    "Half of the harbour is asleep, and the other half is me.",
    "Look there, between the two rocks: a light that is not ours.",
    "Answer it. Three long, one short, and then say nothing.",
    "Good night, lighthouse. Good night, whoever you are.",
)


def measure() -> Iterator[Figure]:
    """Throughput of the processes as a ratio to the session's, and the memory of one process."""
    with data_root():
        model_dir = model("kokoro")
    n_cores = len(os.sched_getaffinity(0))
    sides: dict[str, Callable[[], float]] = {
        "processes": partial(in_processes, model_dir, n_cores),
        "session": partial(in_one_session, model_dir, n_cores),
    }
    in_processes(model_dir, n_cores, LINES[: 4 * n_cores])  # every process loads the model before the clock starts
    in_one_session(model_dir, n_cores, LINES[:1])
    rounds = [{name: timed(side) for name, side in sides.items()} for _ in range(N_ROUNDS)]
    best_s = {name: min(taken[name][0] for taken in rounds) for name in sides}
    speech_s = rounds[0]["processes"][1]
    ratio = best_s["session"] / best_s["processes"]
    yield Figure(
        f"Kokoro, {n_cores} one-thread processes against one {n_cores}-thread session",
        f"{speech_s / best_s['processes']:.1f} x real time against {speech_s / best_s['session']:.1f} x",
        f"> {AIM:g} x",
        ratio > AIM,
        f"{ratio:.2f} x",
        f"{n_cores} x {workers_peak_mb(n_cores):.0f}",
    )


def timed(side: Callable[[], float]) -> tuple[float, float]:
    """Seconds that it took, and seconds of speech that came out."""
    started = time.perf_counter()
    speech_s = side()
    return time.perf_counter() - started, speech_s


def in_processes(model_dir: Path, n_processes: int, lines: Sequence[str] = LINES) -> float:
    """Speak the lines in a pool; the seconds of speech."""
    calls = [(text, pool.Call(spoken_s, (text, model_dir, 1))) for text in lines]
    answers = list(pool.run(calls, n_processes))
    errors = [answer.error for answer in answers if answer.error is not None]
    if errors:
        raise errors[0]
    return sum(float(answer.result) for answer in answers)


def in_one_session(model_dir: Path, n_threads: int, lines: Sequence[str] = LINES) -> float:
    """Speak the lines here; the seconds of speech."""
    return sum(spoken_s(text, model_dir, n_threads) for text in lines)


def spoken_s(text: str, model_dir: Path, n_threads: int) -> float:
    """Speak one line; the seconds of speech."""
    speech = kokoro.speak(SpeechRequest(text, "en", (("af_heart", 1.0),)), model_dir, n_threads=n_threads)
    return len(speech.pcm) / speech.sample_rate_hz

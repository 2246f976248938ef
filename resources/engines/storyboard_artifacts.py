"""The files of a storyboard and of a scene's prompt; these functions run in worker processes, on local paths."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from audio_assets.domain.money_text import dollars
from audio_assets.domain.music.energy import mood
from audio_assets.domain.music.features import from_bytes
from audio_assets.domain.music.pictures import Scene as DrawnScene
from audio_assets.domain.music.pictures import storyboard_picture
from audio_assets.domain.price_card import Price
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.scene_prompt import build_scene_prompt
from audio_assets.domain.schemas import song_analysis as schema
from audio_assets.domain.schemas.records import Check
from audio_assets.domain.schemas.storyboard import to_bytes
from audio_assets.domain.song_settings import SongSettings
from audio_assets.domain.storyboard import Storyboard, StoryboardError, plan_storyboard
from resources.engines.song_artifacts import sung

STORYBOARD = "storyboard.json"
PROMPT, PROMPT_TEXT = "prompt.json", "prompt.txt"
PICTURE = "picture.png"
SLOTS_SETTING = "AUDIO_ASSETS_SCENE_SLOTS"

_LARGEST_CUT_ERROR = 0.5  # frames
_GUESSED_VOICE = "where somebody sings is a guess from the sound alone: give the lyrics, or scene types by hand"


def planner() -> dict[str, str]:
    """Who plans."""
    return {"engine": "storyboard planner"}


def prompt_builder() -> dict[str, str]:
    """Who writes prompts."""
    return {"engine": "prompt builder"}


def storyboard(
    settings: SongSettings, price: Price | None, price_problem: str, files: Mapping[str, Path], max_scenes: int
) -> Rendered:
    """`storyboard.json`, from the settings and the song's analysis.

    Raises:
        PermanentError: there are more scenes than slots; the message names the setting.
    """
    grid = schema.beat_grid_from_bytes(files["beat_grid"].read_bytes())
    energy = schema.energy_curve_from_bytes(files["energy_curve"].read_bytes())
    features = from_bytes(files["spectral_features"].read_bytes())
    voice, is_voice_known = sung(files["vocals"], files["lyric_alignment"])
    try:
        board = plan_storyboard(
            settings,
            grid,
            schema.sections_from_bytes(files["sections"].read_bytes()),
            voice,
            schema.lyrics_from_bytes(files["lyric_alignment"].read_bytes()),
            lambda start_s, end_s: mood(features, energy, start_s, end_s),
            price,
            max_scenes=max_scenes,
            slots_setting=SLOTS_SETTING,
        )
    except StoryboardError as error:
        raise PermanentError(str(error)) from error
    scenes = [
        DrawnScene(s.id, float(s.start_time), float(s.end_time), s.scene_type == "performance", s.section)
        for s in board.scenes
    ]
    n_performance = sum(scene.scene_type == "performance" for scene in board.scenes)
    return Rendered(
        files={STORYBOARD: to_bytes(board)},
        previews={
            PICTURE: storyboard_picture(scenes, board.duration_s, grid, energy=[(p.time, p.energy) for p in energy])
        },
        facts={
            "title": board.title,
            "n_scenes": len(board.scenes),
            "n_performance": n_performance,
            "n_broll": len(board.scenes) - n_performance,
            "clip_seconds": board.clip_seconds,
            "frame_rate": str(board.frame_rate),
            "n_frames": board.n_frames,
            "estimated_usd": board.estimate.base,
            "estimated_usd_with_retries": board.estimate.with_buffer,
            "budget_cap_usd": board.estimate.cap,
            "duration_s": round(board.duration_s, 4),
        },
        checks=storyboard_checks(board, price_problem),
        notes=(*board.unfit, *board.notes, *(() if is_voice_known or not n_performance else (_GUESSED_VOICE,))),
    )


def storyboard_checks(board: Storyboard, price_problem: str) -> tuple[Check, ...]:
    """Coverage, cuts against the grid, budget, price, and what a person asked for that does not fit."""
    edges = [(scene.start_frame, scene.end_frame) for scene in board.scenes]
    is_covered = bool(edges) and edges[0][0] == 0 and edges[-1][1] == board.n_frames
    is_covered &= all(before[1] == after[0] for before, after in pairwise(edges))
    on_beats = [scene for scene in board.scenes if scene.cut in ("beat", "downbeat")]
    worst = max((scene.cut_error_frames for scene in on_beats), default=0.0)
    estimate = board.estimate
    planned = "no price" if estimate.with_buffer is None else f"{dollars(estimate.with_buffer)} with retries"
    capped = "no cap" if estimate.cap is None else f"cap {dollars(estimate.cap)}"
    return (
        Check("scenes_cover_song", is_covered, f"{len(edges)} scenes over {board.n_frames} frames", blocking=True),
        Check(
            "cuts_on_beats",
            worst <= _LARGEST_CUT_ERROR,
            f"{len(on_beats)} of {max(len(edges) - 1, 0)} cuts on beats, at most {worst:.2f} frames off",
        ),
        Check("within_budget", not estimate.is_over_cap, f"{planned}, {capped}"),
        Check("price_is_known", not price_problem, price_problem or planned),
        Check("overrides_fit", not board.unfit, "; ".join(board.unfit) or "every override fits"),
    )


def scene_prompt(brief: Mapping[str, Any]) -> Rendered:
    """`prompt.json` with the parts, `prompt.txt` with the text alone."""
    prompt = build_scene_prompt(brief)
    parts: Sequence[tuple[str, str]] = prompt.parts
    record = {"schema": "scene_prompt.1", "prompt": prompt.text, "negative": prompt.negative,
              "parts": [{"name": name, "text": text} for name, text in parts]}  # fmt: skip
    return Rendered(
        files={PROMPT: orjson.dumps(record, option=orjson.OPT_INDENT_2), PROMPT_TEXT: prompt.text.encode()},
        facts={"text": prompt.text, "n_characters": len(prompt.text)},
    )

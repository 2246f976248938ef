"""What the sub-commands for takes and budgets do, apart from printing: people's wishes, scores and choices, recorded."""

import getpass
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from audio_assets.commands import open_studio, where
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.scene_key import parse_scene_key, scene_key
from audio_assets.domain.schemas.take_requests import AddedClip, RemixOrder, TakeRequests
from audio_assets.instance import open_instance
from audio_assets.launch import FILM, sync
from audio_assets.running import RunReport, run_here
from audio_assets.studio import Studio
from audio_assets.takebook import CLIPS
from resources.engines.take_records import read_quality, read_selection, read_takes
from resources.video_files import SUFFIXES, probe_video


def scene_of(studio: Studio, song: str, scene: str) -> str:
    """The partition of a scene.

    Raises:
        ValueError: there is no such song or scene; the message names those that there are.
    """
    if song not in studio.songs.records:
        raise ValueError(f"no song '{song}' is registered; there are {', '.join(studio.songs.records) or 'none'}")
    board = studio.songs.board(song)
    ids = [one.id for one in board.scenes] if board else []
    if scene not in ids:
        known = f"{ids[0]} to {ids[-1]}" if ids else "none: analyse the song first"
        raise ValueError(f"{song} has no scene '{scene}'; there are {known}")
    return scene_key(scene, song)

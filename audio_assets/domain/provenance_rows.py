"""Rows of the provenance database, from the records that a studio keeps; pure.

Tables and columns are those of `resources/provenance_schema.py`. No secret is in those records, and none gets through
here: what a secret's name stands before is left out once more, and sentences are redacted.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from audio_assets.domain.action import canonical
from audio_assets.domain.lines import parse_partition_key
from audio_assets.domain.redaction import without_secret_values, without_secrets
from audio_assets.domain.scene_key import SEPARATOR, parse_scene_key
from audio_assets.domain.schemas.records import Failure, Ref, Sidecar
from audio_assets.domain.take_review import Review
from audio_assets.domain.take_selection import Choice

Row = dict[str, Any]
Kind = Literal["line", "mix", "song", "scene", "take", "delivery", "other"]
"""What the partitions of an asset are."""
_SPEC = "spec."
_SENTENCE = 2000


def place(kind: Kind, partition: str) -> Row:
    """What a partition key says of song, scene, script, line ...; nothing where it is not of its kind's form."""
    try:
        if kind == "song":
            return {"song": partition}
        if kind in ("scene", "delivery"):
            first, song = parse_scene_key(partition)
            return {kind: first, "song": song}
        if kind == "take":
            take, _, key = partition.partition("@")
            scene, song = parse_scene_key(key)
            return {"take": take, "scene": scene, "song": song}
        if kind == "mix" and partition.startswith(_SPEC):
            return {"label": partition.removeprefix(_SPEC).rpartition(".")[0]}
        if kind in ("line", "mix"):
            script, name, lang = parse_partition_key(partition)
            return {"script": script, "line" if kind == "line" else "label": name, "lang": lang}
    except ValueError:  # retired long ago, or by hand
        return {}
    return {}


def object_rows(folder: str, asset: str, sidecar: Sidecar) -> dict[str, list[Row]]:
    """The rows of one object, by table."""
    return {
        "objects": [_object_row(folder, asset, sidecar)],
        "files": [
            {
                "object": folder,
                "name": name,
                "sha256": entry.sha256,
                "size_bytes": entry.size,
                "is_preview": name in sidecar.previews,
            }
            for name, entry in sidecar.files.items()
        ],
        "inputs": list(_input_rows(folder, sidecar)),
        "checks": [
            {
                "object": folder,
                "name": check.name,
                "has_passed": check.passed,
                "is_blocking": check.blocking,
                "detail": _sentence(check.detail),
            }
            for check in sidecar.checks
        ],
    }


def _object_row(folder: str, asset: str, sidecar: Sidecar) -> Row:
    action, facts = sidecar.action, sidecar.facts
    provider, params = action.get("provider") or {}, action.get("params") or {}
    voices = [str(part[0]) for part in params.get("voice") or () if isinstance(part, list) and part]
    return {
        "object": folder,
        "asset": asset,
        "action_key": sidecar.action_key,
        "content": sidecar.content,
        "code_version": action.get("code_version"),
        "provider": _first_text(facts.get("provider"), provider.get("engine")),
        "model": _first_text(facts.get("model"), provider.get("model")),
        "workflow": _first_text(provider.get("workflow")),
        "workflow_sha256": _first_text(provider.get("workflow_sha256")),
        "voice": _first_text(facts.get("voice"), "+".join(voices)),
        "voices": voices,
        "character": _first_text(params.get("character"), facts.get("character")),
        "spoken_lang": _first_text(params.get("lang"), facts.get("lang")),
        "text": _first_text(params.get("text"), facts.get("text")),
        "licence": sidecar.licence,
        "cost_usd": sidecar.cost_usd,
        "render_s": sidecar.render_s,
        "rendered_at": sidecar.rendered_at,
        "run_id": sidecar.run_id,
        "size_bytes": sum(entry.size for entry in sidecar.files.values()),
        "n_files": len(sidecar.files),
        "n_failed_checks": sum(not check.passed for check in sidecar.checks),
        "is_blocked": sidecar.is_blocked,
        "notes": [_sentence(note) for note in sidecar.notes],
        "action": json_text(action),
        "facts": json_text(facts),
    }


def _input_rows(folder: str, sidecar: Sidecar) -> Iterable[Row]:
    contents, sources = sidecar.action.get("inputs") or {}, sidecar.sources
    for name in dict.fromkeys([*contents, *sources]):
        yield {"object": folder, "name": name, "content": contents.get(name), "source": sources.get(name)}


def ref_row(record: str, asset: str, partition: str, kind: Kind, ref: Ref, written_at: str) -> Row:
    """The row of a ref."""
    return {
        "record": record,
        "asset": asset,
        "partition": partition,
        **place(kind, partition),
        "object": ref.object,
        "action_key": ref.action_key,
        "content": ref.content,
        "size_bytes": sum(ref.sizes.values()),
        "is_blocked": ref.is_blocked,
        "failed_checks": list(ref.failed_checks),
        **{f"accepted_{name}": ref.accepted.get(name) for name in ("by", "why", "at")},
        "written_at": written_at,
    }


def failure_row(record: str, asset: str, partition: str, kind: Kind, failure: Failure, written_at: str) -> Row:
    """The row of a failure."""
    return {
        "record": record,
        "asset": asset,
        "partition": partition,
        **place(kind, partition),
        "action_key": failure.action_key or None,
        "kind": failure.kind,
        "reason": _sentence(failure.reason),
        "run_id": failure.run_id,
        "n_attempts": failure.attempts,
        "stand_in": failure.stand_in or None,
        "is_final": failure.is_final,
        "written_at": written_at,
    }


def review_rows(record: str, partition: str, reviews: Sequence[Review]) -> list[Row]:
    """The rows of what people said of a scene's takes."""
    scores = ("user_score", "quality_score", "character_consistency", "mouth_visibility")
    return [
        {
            "record": record,
            "number": number,
            "partition": partition,
            **_scene(partition),
            "take": review.take,
            "said_by": review.by,
            "said_at": review.at,
            **{name: getattr(review, name) for name in scores},
            "note": review.note,
        }
        for number, review in enumerate(reviews, start=1)
    ]


def choice_rows(record: str, partition: str, choices: Sequence[Choice]) -> list[Row]:
    """The rows of the choices of a scene's take."""
    return [
        {
            "record": record,
            "number": number,
            "partition": partition,
            **_scene(partition),
            "take": choice.take,
            "chosen_by": choice.by,
            "chosen_at": choice.at,
            "note": choice.note or None,
        }
        for number, choice in enumerate(choices, start=1)
    ]


def _scene(partition: str) -> Row:
    return place("scene", partition) if SEPARATOR in partition else {}


def _first_text(*values: object) -> str | None:
    return next((value for value in values if isinstance(value, str) and value), None)


def _sentence(text: str) -> str:
    return without_secrets(text, longest=_SENTENCE)


def json_text(value: Mapping[str, Any]) -> str:
    """Canonical JSON of it, without what stands under the name of a secret."""
    return canonical(without_secret_values(value)).decode()

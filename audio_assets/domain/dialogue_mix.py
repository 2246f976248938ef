"""How a script's labels are mixed: `mix.toml` of the data root.

    target_lufs = -16.0
    [pauses]
    sentence = 0.55
    [ducking]
    amount_db = 12
    [bed]                               # under every label that names none of its own
    path = "beds/rain.ogg"
    gain_db = -10
    [labels."the_question-script.start".bed]
    path = "beds/theme.ogg"

Every key may be left out. Here: reading that file. How lines become a mix is in `mix_spec`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from audio_assets.domain.mix_spec import (
    Bed,
    Ducking,
    MixSpecError,
    Pauses,
    check_keys,
    number,
    parse_ducking,
    table,
    text,
)

_KEYS = ("sample_rate", "channels", "target_lufs", "true_peak_db", "pauses", "ducking", "bed", "labels")


@dataclass(frozen=True, slots=True)
class DialogueMix:
    """Settings of every label's mix; `beds` are the labels' own, by `<script>.<label>`."""

    sample_rate_hz: int = 48_000
    n_channels: int = 2
    target_lufs: float | None = -16.0
    true_peak_db: float = -1.0
    pauses: Pauses = field(default_factory=Pauses)
    ducking: Ducking = field(default_factory=Ducking)
    bed: Bed | None = None
    beds: Mapping[str, Bed | None] = field(default_factory=dict)

    def bed_of(self, script: str, label: str) -> Bed | None:
        """The bed under a label: its own, else the general one."""
        return self.beds.get(f"{script}.{label}", self.bed)

    def record(self, script: str, label: str) -> dict[str, Any]:
        """All that decides how this label is mixed, as plain values."""
        bed = self.bed_of(script, label)
        return {
            "sample_rate_hz": self.sample_rate_hz,
            "n_channels": self.n_channels,
            "target_lufs": self.target_lufs,
            "true_peak_db": self.true_peak_db,
            "pauses": asdict(self.pauses),
            "ducking": asdict(self.ducking) if bed else None,
            "bed": None if bed is None else asdict(bed),
        }


def parse_dialogue_mix(data: bytes, path: str) -> DialogueMix:
    """Read `mix.toml`.

    Raises:
        MixSpecError: one sentence: file, key, what to do.
    """
    try:
        settings = tomllib.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MixSpecError(f"{path} is not valid TOML in UTF-8: {error}") from error
    check_keys(settings, _KEYS, path)
    default = DialogueMix()
    target = settings.get("target_lufs", default.target_lufs)
    return DialogueMix(
        sample_rate_hz=int(number(settings, "sample_rate", default.sample_rate_hz, path)),
        n_channels=int(number(settings, "channels", default.n_channels, path)),
        target_lufs=None if target is False else number(settings, "target_lufs", -16.0, path),
        true_peak_db=number(settings, "true_peak_db", default.true_peak_db, path),
        pauses=_seconds(Pauses(), settings.get("pauses", {}), f"{path}: pauses"),
        ducking=parse_ducking(settings.get("ducking", True), f"{path}: ducking") or default.ducking,
        bed=_bed(settings.get("bed"), f"{path}: bed"),
        beds={
            label: _bed(_checked(entry, f"{path}: labels.{label}").get("bed"), f"{path}: labels.{label}.bed")
            for label, entry in table(settings.get("labels", {}), f"{path}: labels").items()
        },
    )


def _checked(entry: object, where: str) -> Mapping[str, Any]:
    found = table(entry, where)
    check_keys(found, ("bed",), where)
    return found


def _seconds(default: Pauses, entry: object, where: str) -> Pauses:
    found = table(entry, where)
    keys = [item.name.removesuffix("_s") for item in fields(default)]
    check_keys(found, keys, where)
    return replace(default, **{f"{key}_s": number(found, key, 0.0, where) for key in found})


def _bed(entry: object, where: str) -> Bed | None:
    if entry is None or entry is False:
        return None
    found = table(entry, where)
    check_keys(found, ("path", "role", "gain_db", "lead", "tail", "fade_in", "fade_out"), where)
    if "path" not in found:
        raise MixSpecError(f"{where}: path is missing; name a sound file")
    default = Bed("")
    return Bed(
        path=text(found, "path", "", where),
        role=text(found, "role", default.role, where),
        gain_db=number(found, "gain_db", default.gain_db, where),
        lead_s=number(found, "lead", default.lead_s, where),
        tail_s=number(found, "tail", default.tail_s, where),
        fade_in_s=number(found, "fade_in", default.fade_in_s, where),
        fade_out_s=number(found, "fade_out", default.fade_out_s, where),
    )

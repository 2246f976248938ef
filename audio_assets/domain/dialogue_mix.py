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

Every key may be left out. Here: reading that file, and turning lines in order into a specification (`dialogue_spec`).
What a specification is, is in `mix_spec`.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from audio_assets.domain.mix_spec import (
    DEFAULT_N_CHANNELS,
    DEFAULT_SAMPLE_RATE_HZ,
    DEFAULT_TRUE_PEAK_DB,
    Ducking,
    MixSpec,
    MixSpecError,
    MixTrack,
    check_keys,
    check_spec,
    number,
    parse_ducking,
    table,
    text,
)


@dataclass(frozen=True, slots=True)
class LineClip:
    """One voiced line: `partition` names it, `duration_s` is the whole clip.

    `leading_silence_s` and `trailing_silence_s` lie inside the clip and are counted into the pauses around it.
    """

    partition: str
    character: str
    text: str
    duration_s: float
    gain_db: float = 0.0
    leading_silence_s: float = 0.0
    trailing_silence_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds of silence after a line, by how it ends; `speaker_change_s` is added when another character goes on.

    Our choice, between conversation, where answers follow within about 0.2 s on average (Stivers et al. 2009, ten
    languages) and reading aloud, whose pauses between sentences last 0.5 to 1 s: a listener who sees no faces needs
    time to tell who speaks. A line that is cut off ("I never-") is answered at once; a question sooner than a
    statement; a trailing "..." gets a breath.
    """

    sentence_s: float = 0.55
    question_s: float = 0.40
    comma_s: float = 0.25
    ellipsis_s: float = 0.90
    cut_off_s: float = 0.10
    speaker_change_s: float = 0.10

    def after(self, line: LineClip, following: LineClip) -> float:
        """The silence between two lines, in seconds."""
        change_s = 0.0 if line.character == following.character else self.speaker_change_s
        return self._by_ending(line.text) + change_s

    def _by_ending(self, text: str) -> float:
        ending = text.rstrip(_CLOSING)
        if ending.endswith(("...", "…", "。。。")):
            return self.ellipsis_s
        if ending.endswith(("?", "？", "؟", "?!", "!?")):
            return self.question_s
        if ending.endswith((",", "、", "，", ";", ":")):
            return self.comma_s
        if ending.endswith(("-", "–", "—")):
            return self.cut_off_s
        return self.sentence_s


_CLOSING = " \t\r\n\"'”’»)]}*_」』）"


@dataclass(frozen=True, slots=True)
class Bed:
    """Sound under a whole dialogue (music, a room): it loops, starts before the first line and ends after the last."""

    path: str
    role: str = "music"
    gain_db: float = -10.0
    lead_s: float = 1.5
    tail_s: float = 2.5
    fade_in_s: float = 1.0
    fade_out_s: float = 2.0


_SILENT_ENDS_S = 0.25  # before the first and after the last line of a dialogue without a bed


def dialogue_spec(
    lines: Sequence[LineClip],
    *,
    bed: Bed | None = None,
    pauses: Pauses | None = None,
    ducking: Ducking | None = None,
    sample_rate_hz: int = DEFAULT_SAMPLE_RATE_HZ,
    n_channels: int = DEFAULT_N_CHANNELS,
    target_lufs: float | None = -16.0,
    true_peak_db: float = DEFAULT_TRUE_PEAK_DB,
) -> MixSpec:
    """A mix of `lines` in their order, with natural pauses, over an optional bed that ducks under them.

    -16 LUFS is the usual level of speech programmes for headphones and speakers at home (EBU R128 s2 allows -16 to
    -20 for streaming).

    Raises:
        MixSpecError: no lines, or any of `spec_faults` (a line named twice at one time, say).
    """
    if not lines:
        raise MixSpecError("dialogue: there are no lines to mix: name at least one voiced line")
    lead_s, tail_s = (bed.lead_s, bed.tail_s) if bed else (_SILENT_ENDS_S, _SILENT_ENDS_S)
    offsets_s = line_offsets_s(lines, pauses or Pauses(), start_s=lead_s)
    tracks = [
        MixTrack(line=clip.partition, gain_db=clip.gain_db, offset_s=offset_s)
        for clip, offset_s in zip(lines, offsets_s, strict=True)
    ]
    end_s = offsets_s[-1] + lines[-1].duration_s - lines[-1].trailing_silence_s + tail_s
    duration_s = max(end_s, *(at + clip.duration_s for at, clip in zip(offsets_s, lines, strict=True)))
    if bed:
        tracks.append(
            MixTrack(
                path=bed.path,
                role=bed.role,
                gain_db=bed.gain_db,
                loop=True,
                fade_in_s=bed.fade_in_s,
                fade_out_s=bed.fade_out_s,
            )
        )
    spec = MixSpec(
        tracks=tuple(tracks),
        ducking=(ducking or Ducking()) if bed else None,
        sample_rate_hz=sample_rate_hz,
        n_channels=n_channels,
        target_lufs=target_lufs,
        true_peak_db=true_peak_db,
        duration_s=duration_s,
    )
    check_spec(spec, "dialogue")
    return spec


def line_offsets_s(lines: Iterable[LineClip], pauses: Pauses, *, start_s: float = 0.0) -> list[float]:
    """Where each clip begins so that `pauses` lie between what is heard; the first is heard at `start_s`.

    A clip never starts before the mix, nor before the one before it ends to be heard.
    """
    offsets: list[float] = []
    previous: LineClip | None = None
    for clip in lines:
        heard_s = start_s
        if previous is not None:
            heard_end_s = offsets[-1] + previous.duration_s - previous.trailing_silence_s
            heard_s = heard_end_s + pauses.after(previous, clip)
        offsets.append(max(0.0, round(heard_s - clip.leading_silence_s, 6)))
        previous = clip
    return offsets


_KEYS = ("sample_rate", "channels", "target_lufs", "true_peak_db", "pauses", "ducking", "bed", "labels")


@dataclass(frozen=True, slots=True)
class DialogueMix:
    """Settings of every label's mix; `beds` are the labels' own, by `<script>.<label>`."""

    sample_rate_hz: int = DEFAULT_SAMPLE_RATE_HZ
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

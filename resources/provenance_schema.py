"""The tables of the provenance database: every column with its type, its unit in the name, and what it says.

From here come the tables, their comments in the database, the shape in which rows are handed over, and the table in
`docs/provenance.md` (a test holds them together). Views are in `provenance_views.py`.
"""

from dataclasses import dataclass

import orjson

ROWS = 1
"""Raised when rows of the same columns are made in another way; the database is then made anew."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `kind` is DuckDB's type."""

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; rows come and go with the record that `key` names, "" where they have none."""

    name: str
    meaning: str
    key: str
    columns: tuple[Column, ...]

    @property
    def shape(self) -> str:
        """The shape of its rows as JSON, for DuckDB's `from_json`; JSON comes as text."""
        kinds = {one.name: "VARCHAR" if one.kind == "JSON" else one.kind for one in self.columns}
        lists = {name: [kind[:-2]] if kind.endswith("[]") else kind for name, kind in kinds.items()}
        return orjson.dumps([lists]).decode()


def _columns(*rows: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


TEXT, WHOLE, NUMBER, TRUTH, TIME = "VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "TIMESTAMPTZ"

PLACE = _columns(
    ("song", TEXT, "of songs, scenes, takes and deliveries: the song"),
    ("scene", TEXT, "of scenes and takes: the scene (s003)"),
    ("take", TEXT, "of single takes: the take (t01)"),
    ("delivery", TEXT, "of deliveries: the format"),
    ("script", TEXT, "of lines and mixes: the script"),
    ("line", TEXT, "of lines: the line's id"),
    ("label", TEXT, "of mixes: the script's label, or the mix's name"),
    ("lang", TEXT, "of lines and mixes: the language"),
)
"""What a partition key says; NULL where it says nothing of it."""

_RECORD = ("record", TEXT, "the record's path in the store")
_PARTITION = _columns(("asset", TEXT, "the asset"), ("partition", TEXT, "the partition key"))

TABLES = (
    Table(
        "objects",
        "an object of the store: everything that was ever rendered and is still there",
        "object",
        _columns(
            ("object", TEXT, "its folder in the store"),
            ("asset", TEXT, "the asset that made it; take and take_measure are parts of scene_take and take_quality"),
            ("action_key", TEXT, "sha256 of the action"),
            ("content", TEXT, "sha256 over its files, previews apart"),
            ("code_version", TEXT, "of the asset's code"),
            ("provider", TEXT, "the engine or provider"),
            ("model", TEXT, "the provider's model"),
            ("workflow", TEXT, "the provider's workflow template"),
            ("workflow_sha256", TEXT, "of that template"),
            ("voice", TEXT, "who speaks, as the cast names it"),
            ("voices", f"{TEXT}[]", "the voices that are mixed in it"),
            ("character", TEXT, "who speaks, in the script"),
            ("spoken_lang", TEXT, "the language that is spoken"),
            ("text", TEXT, "what is spoken"),
            ("licence", TEXT, "its own terms and those of all it is made of, with '; ' between"),
            ("cost_usd", NUMBER, "what its render was billed, in US dollars"),
            ("render_s", NUMBER, "how long it was rendered, in seconds"),
            ("rendered_at", TIME, "when"),
            ("run_id", TEXT, "by which run"),
            ("size_bytes", WHOLE, "of its files together"),
            ("n_files", WHOLE, "how many files"),
            ("n_failed_checks", WHOLE, "how many of its checks failed"),
            ("is_blocked", TRUTH, "whether a blocking check failed"),
            ("notes", f"{TEXT}[]", "what its render had to say"),
            ("action", "JSON", "the whole action: asset, code_version, provider, params, inputs"),
            ("facts", "JSON", "what was measured of it"),
        ),
    ),
    Table(
        "files",
        "a file of an object",
        "object",
        _columns(
            ("object", TEXT, "the object's folder"),
            ("name", TEXT, "the file's name in it"),
            ("sha256", TEXT, "of its bytes"),
            ("size_bytes", WHOLE, "its size"),
            ("is_preview", TRUTH, "whether it is a picture that is made of the others"),
        ),
    ),
    Table(
        "inputs",
        "an input of an object, as its action and its sidecar name it; the view edges says which object that is",
        "object",
        _columns(
            ("object", TEXT, "the object's folder"),
            ("name", TEXT, "the input's name"),
            ("content", TEXT, "its sha256 in the action; NULL where the action has what matters of it elsewhere"),
            ("source", TEXT, "the input's own folder, or the name of a file from outside; NULL where none is named"),
        ),
    ),
    Table(
        "checks",
        "a check that was made when an object was rendered",
        "object",
        _columns(
            ("object", TEXT, "the object's folder"),
            ("name", TEXT, "the check"),
            ("has_passed", TRUTH, "whether it passed"),
            ("is_blocking", TRUTH, "whether nothing is rendered of what fails it"),
            ("detail", TEXT, "what was measured"),
        ),
    ),
    Table(
        "refs",
        "a partition and the object that it is now",
        "record",
        (
            *_columns(_RECORD),
            *_PARTITION,
            *PLACE,
            *_columns(
                ("object", TEXT, "the object's folder"),
                ("action_key", TEXT, "sha256 of the action"),
                ("content", TEXT, "the object's content"),
                ("size_bytes", WHOLE, "of the object's files together"),
                ("is_blocked", TRUTH, "whether a blocking check failed"),
                ("failed_checks", f"{TEXT}[]", "the checks that failed"),
                ("accepted_by", TEXT, "who took it for good as it is; NULL where nobody had to, as the next two"),
                ("accepted_why", TEXT, "why"),
                ("accepted_at", TIME, "when"),
                ("written_at", TIME, "when the partition came to be this object"),
            ),
        ),
    ),
    Table(
        "failures",
        "a partition that could not be rendered, until it is",
        "record",
        (
            *_columns(_RECORD),
            *_PARTITION,
            *PLACE,
            *_columns(
                ("action_key", TEXT, "what was to be rendered; NULL where not even that was known"),
                ("kind", TEXT, "permanent, transient, paid, upstream, budget or unavailable"),
                ("reason", TEXT, "one sentence"),
                ("run_id", TEXT, "of the last try"),
                ("n_attempts", WHOLE, "how many tries"),
                ("stand_in", TEXT, "who made it instead"),
                ("is_final", TRUTH, "whether it is not tried again by itself"),
                ("written_at", TIME, "when it failed last"),
            ),
        ),
    ),
    Table(
        "reviews",
        "what a person said of a take, entry by entry",
        "record",
        _columns(
            _RECORD,
            ("number", WHOLE, "the entry's place in the record, from 1"),
            ("partition", TEXT, "the scene's partition key"),
            ("song", TEXT, "the song"),
            ("scene", TEXT, "the scene"),
            ("take", TEXT, "the take"),
            ("said_by", TEXT, "who"),
            ("said_at", TIME, "when"),
            ("user_score", NUMBER, "0 to 5; NULL in each score is left open"),
            ("quality_score", NUMBER, "0 to 1"),
            ("character_consistency", NUMBER, "0 to 1"),
            ("mouth_visibility", NUMBER, "0 to 1"),
            ("note", TEXT, "in words"),
        ),
    ),
    Table(
        "choices",
        "which take a person chose for a scene, choice by choice; the last one counts",
        "record",
        _columns(
            _RECORD,
            ("number", WHOLE, "the choice's place in the record, from 1"),
            ("partition", TEXT, "the scene's partition key"),
            ("song", TEXT, "the song"),
            ("scene", TEXT, "the scene"),
            ("take", TEXT, "the take; NULL lifts the choice before"),
            ("chosen_by", TEXT, "who"),
            ("chosen_at", TIME, "when"),
            ("note", TEXT, "why"),
        ),
    ),
    Table(
        "problems",
        "a record that is damaged, or of another version: nothing else is known of it",
        "record",
        _columns(_RECORD, ("reason", TEXT, "what is wrong with it")),
    ),
    Table(
        "ledger",
        "an order at a provider: what was held and paid for it",
        "",
        _columns(
            ("entry", WHOLE, "its number in the ledger"),
            ("asset", TEXT, "the asset it was ordered for"),
            ("project", TEXT, "the song, script or other project that pays"),
            ("scene", TEXT, "the scene; empty where there is none"),
            ("provider", TEXT, "who was asked"),
            ("model", TEXT, "the model"),
            ("action_key", TEXT, "of what was ordered: objects.action_key, once it is made"),
            ("attempt", WHOLE, "which attempt at it"),
            ("state", TEXT, "reserved, submitting, submitted, unknown, settled or released"),
            ("estimated_usd", NUMBER, "what it was to cost"),
            ("held_usd", NUMBER, "what is held for it now"),
            ("spent_usd", NUMBER, "what was paid"),
            ("day", "DATE", "of the reservation, in UTC"),
            ("created_at", TIME, "when it was reserved"),
            ("sent_at", TIME, "when it was first sent"),
            ("updated_at", TIME, "when it last changed"),
            ("job_id", TEXT, "the provider's name for it"),
            ("reason", TEXT, "why it stands as it does"),
            ("request", "JSON", "what was asked"),
        ),
    ),
    Table(
        "runs",
        "a run of Dagster",
        "",
        _columns(
            ("run_id", TEXT, "the run"),
            ("job", TEXT, "its job"),
            ("status", TEXT, "as Dagster says it: SUCCESS, FAILURE ..."),
            ("launched_by", TEXT, "the sensor, schedule or backfill; NULL for a person or a command"),
            ("created_at", TIME, "when it was asked for"),
            ("started_at", TIME, "when it began"),
            ("ended_at", TIME, "when it ended"),
            ("run_s", NUMBER, "how long it ran, in seconds"),
        ),
    ),
    Table(
        "events",
        "a materialization that Dagster recorded",
        "",
        (
            *_columns(("event", WHOLE, "its number in Dagster's log")),
            *_PARTITION,
            *PLACE,
            *_columns(
                ("happened_at", TIME, "when"),
                ("run_id", TEXT, "by which run"),
                ("content", TEXT, "the data version: objects.content, for rendered assets"),
                ("code_version", TEXT, "of the asset's code"),
                ("is_cached", TRUTH, "whether it was taken from the store; NULL where nothing renders"),
                ("stands_in", TEXT, "what a stand-in said of itself"),
                ("cost_usd", NUMBER, "what the object's render was billed, be it cached or not"),
                ("render_s", NUMBER, "how long the object was rendered, be it cached or not"),
            ),
        ),
    ),
)
BY_NAME = {table.name: table for table in TABLES}

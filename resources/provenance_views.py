"""The views of the provenance database: each answers one question of an analyst, said in its comment.

They are made from the tables of `provenance_schema.py` when the database is made anew, and nothing is stored in them.
"""

from dataclasses import dataclass

TOUCHED, NAMES = "touched_by", "known_names"
_A_FOLDER = "'/[0-9a-f]{64}$'"
_NAMES = """CASE what
                WHEN 'voice' THEN list_append(voices, voice)
                WHEN 'model' THEN list_append(action ->> '$.provider.*', model)
                WHEN 'provider' THEN [provider]
                WHEN 'workflow' THEN [workflow, workflow_sha256]
                WHEN 'character' THEN [character]
                WHEN 'licence' THEN string_split(licence, '; ')
                WHEN 'word' THEN action ->> '$.params.pronunciations[*][0]'
                WHEN 'object' THEN [object]
                WHEN 'content' THEN [content]
                ELSE error('touched_by knows voice, model, provider, workflow, character, licence, word, object and '
                    || 'content, no ' || what) END"""
"""What an object was made with, by the kind `what`; NULL where there is nothing of that kind."""


@dataclass(frozen=True, slots=True)
class View:
    """A view, or a macro that answers a table where there are `arguments`; `meaning` is its comment."""

    name: str
    meaning: str
    sql: str
    arguments: tuple[str, ...] = ()
    example: str = ""

    @property
    def statements(self) -> tuple[str, str]:
        """What makes it, and what says what it is for."""
        comment = self.meaning.replace("'", "''")
        if self.arguments:
            made = f"CREATE MACRO {self.name}({', '.join(self.arguments)}) AS TABLE {self.sql}"
            return made, f"COMMENT ON MACRO TABLE {self.name} IS '{comment}'"
        return f"CREATE VIEW {self.name} AS {self.sql}", f"COMMENT ON VIEW {self.name} IS '{comment}'"


VIEWS = (
    View(
        "current_artifacts",
        "Every partition as it is now, with all that is known of its object.",
        """
        SELECT r.asset, r.partition, r.song, r.scene, r.take, r.delivery, r.script, r.line, r.label, r.lang,
            o.* EXCLUDE (asset), r.written_at
        FROM refs r JOIN objects o ON o.object = r.object
        """,
        example="select partition, voice, text from current_artifacts where asset = 'voice_line' and script = 'play'",
    ),
    View(
        "edges",
        "What each object was made of: input by input, with the object that it was, found by its folder, else by its "
        "content; source_object is NULL for a file from outside, and for what is gone.",
        """
        WITH by_content AS (SELECT content, min(object) AS object FROM objects GROUP BY content)
        SELECT i.object, o.asset, i.name, i.content, i.source, coalesce(named.object, same.object) AS source_object,
            s.asset AS source_asset
        FROM inputs i
        JOIN objects o ON o.object = i.object
        LEFT JOIN objects named ON named.object = i.source
        LEFT JOIN by_content same ON named.object IS NULL AND same.content = i.content
        LEFT JOIN objects s ON s.object = coalesce(named.object, same.object)
        """,
        example="select source_asset, count(*) from edges where asset = 'final_video' group by all",
    ),
    View(
        "cost_by_song",
        "What each song has cost and what is held for it, from the ledger.",
        """
        SELECT project AS song, count(*) AS n_orders, sum(spent_usd) AS spent_usd, sum(held_usd) AS held_usd,
            sum(estimated_usd) AS estimated_usd, min(day) AS first_day, max(day) AS last_day
        FROM ledger WHERE project IN (SELECT song FROM refs WHERE song IS NOT NULL)
        GROUP BY project ORDER BY spent_usd DESC, song
        """,
    ),
    View(
        "cost_by_project",
        "The same for everything that pays: songs, scripts, remixes, stems.",
        """
        SELECT project, asset, count(*) AS n_orders, sum(spent_usd) AS spent_usd, sum(held_usd) AS held_usd,
            sum(estimated_usd) AS estimated_usd
        FROM ledger GROUP BY project, asset ORDER BY spent_usd DESC, project, asset
        """,
    ),
    View(
        "cost_by_scene",
        "What each scene of a song has cost and what is held for it.",
        """
        SELECT project AS song, scene, count(*) AS n_orders, sum(spent_usd) AS spent_usd, sum(held_usd) AS held_usd,
            sum(estimated_usd) AS estimated_usd
        FROM ledger WHERE scene <> '' GROUP BY project, scene ORDER BY spent_usd DESC, song, scene
        """,
        example="select * from cost_by_scene where song = 'harbour_light'",
    ),
    View(
        "cost_by_provider",
        "What each provider was paid, model by model, and how many of its orders were let go.",
        """
        SELECT provider, model, count(*) AS n_orders, count(*) FILTER (state = 'released') AS n_released,
            sum(spent_usd) AS spent_usd, sum(held_usd) AS held_usd
        FROM ledger GROUP BY provider, model ORDER BY spent_usd DESC, provider, model
        """,
    ),
    View(
        "cost_by_day",
        "What was paid and is held of each day's orders (UTC), provider by provider.",
        """
        SELECT day, provider, count(*) AS n_orders, sum(spent_usd) AS spent_usd, sum(held_usd) AS held_usd
        FROM ledger GROUP BY day, provider ORDER BY day DESC, provider
        """,
    ),
    View(
        "cache_hit_rate",
        "How often each asset was taken from the store instead of rendered, of all times that Dagster recorded it.",
        """
        SELECT asset, count(*) AS n_asked, count(*) FILTER (is_cached) AS n_cached,
            count(*) FILTER (NOT is_cached) AS n_rendered, round(avg(is_cached::INT), 4) AS hit_rate
        FROM events WHERE is_cached IS NOT NULL GROUP BY asset ORDER BY n_asked DESC, asset
        """,
    ),
    View(
        "render_time",
        "How long the objects of each asset were rendered, in seconds.",
        """
        SELECT asset, count(*) AS n_objects, round(sum(render_s), 3) AS total_s,
            round(median(render_s), 3) AS median_s, round(quantile_cont(render_s, 0.95), 3) AS p95_s,
            max(render_s) AS longest_s, round(sum(cost_usd), 6) AS cost_usd
        FROM objects GROUP BY asset ORDER BY total_s DESC, asset
        """,
    ),
    View(
        "most_rendered",
        "The partitions that were rendered most often, as Dagster recorded it (a render from the store is none).",
        """
        SELECT asset, partition, count(*) AS n_renders, round(sum(render_s), 3) AS render_s,
            sum(cost_usd) AS cost_usd, max(happened_at) AS last_rendered_at
        FROM events WHERE NOT is_cached GROUP BY asset, partition ORDER BY n_renders DESC, asset, partition
        """,
        example="select * from most_rendered where asset = 'scene_prompt' limit 10",
    ),
    View(
        "most_rendered_lines",
        "The lines that were spoken anew most often, with what they say now.",
        """
        SELECT m.partition, m.n_renders, c.character, c.voice, c.text, m.render_s, m.cost_usd, m.last_rendered_at
        FROM most_rendered m LEFT JOIN current_artifacts c ON c.asset = m.asset AND c.partition = m.partition
        WHERE m.asset = 'voice_line' ORDER BY m.n_renders DESC, m.partition
        """,
    ),
    View(
        "most_rendered_words",
        "The words of the lexicon whose lines were spoken anew most often: n_objects are the versions still in the "
        "store that were told how to say it, n_renders those that Dagster recorded of its lines.",
        """
        WITH told AS (
            SELECT object, content,
                unnest(from_json(action -> '$.params.pronunciations', '[["VARCHAR"]]')) AS pair
            FROM objects WHERE asset = 'voice_line'
        ), words AS (SELECT DISTINCT object, content, pair[1] AS word FROM told)
        SELECT w.word, count(DISTINCT w.object) AS n_objects, count(DISTINCT e.partition) AS n_lines,
            count(DISTINCT e.event) AS n_renders
        FROM words w
        LEFT JOIN events e ON e.asset = 'voice_line' AND e.content = w.content AND NOT e.is_cached
        GROUP BY w.word ORDER BY n_renders DESC, n_objects DESC, w.word
        """,
    ),
    View(
        "scene_takes",
        "Every scene with its takes: how many there are, which one is in the film, who chose it, what they cost.",
        """
        WITH made AS (
            SELECT song, scene, count(*) AS n_takes FROM refs WHERE asset = 'take' GROUP BY song, scene
        ), said AS (SELECT song, scene, count(*) AS n_reviews FROM reviews GROUP BY song, scene)
        SELECT s.song, s.scene, coalesce(m.n_takes, 0) AS n_takes, o.facts ->> '$.take' AS selected_take,
            o.facts ->> '$.chosen_by' AS chosen_by, o.facts ->> '$.by' AS person,
            coalesce(r.n_reviews, 0) AS n_reviews, coalesce(c.spent_usd, 0) AS spent_usd
        FROM refs s
        JOIN objects o ON o.object = s.object
        LEFT JOIN made m ON m.song = s.song AND m.scene = s.scene
        LEFT JOIN said r ON r.song = s.song AND r.scene = s.scene
        LEFT JOIN cost_by_scene c ON c.song = s.song AND c.scene = s.scene
        WHERE s.asset = 'selected_take' ORDER BY s.song, s.scene
        """,
    ),
    View(
        "takes_per_accepted_scene",
        "Song by song: scenes that have their take, how many of those a person chose, and takes made for each.",
        """
        SELECT song, count(*) AS n_accepted_scenes, count(*) FILTER (chosen_by = 'person') AS n_by_person,
            sum(n_takes)::BIGINT AS n_takes, round(sum(n_takes) / count(*), 2) AS takes_per_scene,
            sum(spent_usd) AS spent_usd
        FROM scene_takes WHERE selected_take IS NOT NULL GROUP BY song ORDER BY song
        """,
    ),
    View(
        "artifacts_by_licence",
        "Under which terms the artifacts are, asset by asset; what has several terms is counted under each.",
        """
        WITH pointed AS (SELECT object, count(*) AS n_partitions FROM refs GROUP BY object),
        terms AS (SELECT object, asset, size_bytes, unnest(string_split(licence, '; ')) AS licence FROM objects)
        SELECT t.licence, t.asset, count(*) AS n_objects,
            coalesce(sum(p.n_partitions), 0)::BIGINT AS n_current_partitions, sum(t.size_bytes)::BIGINT AS size_bytes
        FROM terms t LEFT JOIN pointed p ON p.object = t.object
        GROUP BY t.licence, t.asset ORDER BY t.licence, t.asset
        """,
    ),
    View(
        "incomplete",
        "Partitions whose provenance has a gap, and what it is: no valid sidecar, a file without a sha256, an input "
        "that is gone or of other content than the action names. The check provenance_complete reads this.",
        f"""
        WITH contents AS (SELECT DISTINCT content FROM objects)
        SELECT r.asset, r.partition, r.object || ' has no valid sidecar' AS gap
        FROM refs r ANTI JOIN objects o ON o.object = r.object
        UNION ALL
        SELECT r.asset, r.partition, 'the sidecar names no file'
        FROM refs r JOIN objects o ON o.object = r.object WHERE o.n_files = 0
        UNION ALL
        SELECT r.asset, r.partition, 'the file ' || f.name || ' is named without a sha256'
        FROM refs r JOIN files f ON f.object = r.object
        WHERE NOT coalesce(regexp_full_match(f.sha256, '[0-9a-f]{{64}}'), false)
        UNION ALL
        SELECT r.asset, r.partition, CASE
            WHEN i.source IS NULL THEN 'nobody knows what the input ' || i.name || ' was'
            WHEN s.object IS NULL THEN 'the input ' || i.name || ' (' || i.source || ') is gone'
            ELSE 'the input ' || i.name || ' is of other content than the action names' END
        FROM refs r
        JOIN inputs i ON i.object = r.object
        LEFT JOIN objects s ON s.object = i.source
        LEFT JOIN contents c ON c.content = i.content
        WHERE CASE
            WHEN s.object IS NOT NULL THEN i.content <> s.content
            WHEN c.content IS NOT NULL THEN false
            ELSE i.source IS NULL OR regexp_matches(i.source, {_A_FOLDER}) END
        """,  # noqa: S608 - a constant of this module
        example="select * from incomplete where asset = 'final_video'",
    ),
    View(
        TOUCHED,
        "Every object that something went into, and all that was made of those in turn. what is voice, model, "
        "provider, workflow, character, licence, word (of the lexicon), object or content; n_steps is how far down.",
        f"""
        WITH RECURSIVE direct AS (
            SELECT object FROM objects WHERE list_contains({_NAMES}, named)
        ), reached AS (
            SELECT object, 0 AS n_steps FROM direct
            UNION
            SELECT e.object, reached.n_steps + 1 FROM reached JOIN edges e ON e.source_object = reached.object
            WHERE reached.n_steps < 32
        ), nearest AS (SELECT object, min(n_steps) AS n_steps FROM reached GROUP BY object)
        SELECT o.asset, r.partition, r.partition IS NOT NULL AS is_current, n.n_steps, o.rendered_at, o.object
        FROM nearest n JOIN objects o ON o.object = n.object LEFT JOIN refs r ON r.object = n.object
        ORDER BY n.n_steps, o.asset, r.partition, o.object
        """,  # noqa: S608 - a constant of this module
        arguments=("what", "named"),
        example="select asset, count(*) from touched_by('voice', 'af_heart') where is_current group by asset",
    ),
    View(
        NAMES,
        "What touched_by may be asked for: the names of all that is voice, model, provider ... (as there), and how "
        "many objects were made with it.",
        f"""
        WITH named AS (SELECT object, unnest({_NAMES}) AS name FROM objects)
        SELECT name, count(DISTINCT object) AS n_objects FROM named WHERE name IS NOT NULL AND name <> ''
        GROUP BY name ORDER BY n_objects DESC, name
        """,  # noqa: S608 - a constant of this module
        arguments=("what",),
        example="select * from known_names('character')",
    ),
)

"""The tree of what an artifact is made of: alike ones as one, each once, its text, and the page with its picture."""

from dataclasses import replace

from audio_assets.domain.lineage import Lineage, Node, Origin, as_text, boxes, provider_origins
from audio_assets.lineage.explain_page import draw, explain_page, page_policy

SONG = Node("a/song", "song_audio", ("tune",), origins=(Origin("song file", "tune.ogg", sha256="ab" * 32),))
EVIL = '<script>alert("x")</script>'


def film(n_scenes: int = 24, **different: Node) -> Lineage:
    scenes = {
        f"v/{index:03}": Node(f"v/{index:03}", "scene_clip", (f"s{index:03}|tune",), inputs=(("song", "a/song"),))
        for index in range(1, n_scenes + 1)
    }
    root = Node("f/film", "final_video", ("tune",), inputs=(*((s, s) for s in scenes), ("song", "a/song")))
    nodes = {"f/film": root, **scenes, "a/song": SONG}
    return Lineage("f/film", {**nodes, **{node.folder: node for node in different.values()}})


def test_alike_siblings_stand_as_one_and_what_was_shown_is_referred_to() -> None:
    text = as_text(film())
    assert "scene_clip  s001..s024|tune (24)  #2" in text
    assert text.count("song_audio  tune  #3") == 1
    assert text.count("song_audio  tune  → #3") == 1
    assert text.count("song file") == 1
    assert "26 objects" in text


def test_all_shows_each() -> None:
    text = as_text(film(3), is_all=True)
    assert [f"scene_clip  s00{n}|tune  #" in text for n in (1, 2, 3)] == [True] * 3
    assert text.count("song_audio") == 4


def test_one_that_differs_today_stands_by_itself_and_says_why() -> None:
    odd = Node("v/002", "scene_clip", ("s002|tune",), inputs=(("song", "a/song"),), today=("fit cover -> letterbox",))
    lineage = film(3, odd=odd)
    text = as_text(lineage)
    assert "s001|tune .. s003|tune (2)" in text or "s001..s003|tune (2)" in text
    assert "scene_clip  s002|tune  #" in text
    assert "! today: fit cover -> letterbox" in text
    assert text.endswith("5 objects; 1 would be different today")
    assert len(boxes(lineage)) == 5


def test_many_origins_of_a_kind_are_counted() -> None:
    lines = tuple(Origin("script line", f"l{n}", "play.txt", n) for n in range(1, 11))
    text = as_text(Lineage("m/1", {"m/1": Node("m/1", "dialogue_mix", ("m",), origins=lines)}))
    assert "play.txt:3" in text
    assert "play.txt:4" not in text
    assert "and 7 more in play.txt" in text


def test_the_files_of_an_engine_are_known_by_their_hashes() -> None:
    said = {"engine": "kokoro", "model": "k1", "model_sha256": "0" * 64, "voice af": "1" * 64, "code": "1"}
    assert [(one.kind, one.name) for one in provider_origins(said)] == [("model file", "k1"), ("voice file", "af")]
    mesh = {"faces": "facemesh 1", "faces model": "2" * 64, "embedding model": "3" * 64, "model": "2" * 64}
    named = [(one.kind, one.name) for one in provider_origins(mesh, {"2" * 64: "facemesh"})]
    assert named == [("faces file", "facemesh"), ("embedding file", "model"), ("model file", "facemesh")]


def test_a_box_stands_right_of_all_that_it_goes_into() -> None:
    drawing = draw(boxes(film()))
    x = {place.box.title: place.x for place in drawing.places}
    assert x["final_video"] < x["scene_clip"] < x["song_audio"] < x["song file"]
    assert len(drawing.places) == 4, "24 scenes are one box"
    assert [len(place.lines) for place in drawing.places] == [2, 1, 1, 0], "a box has the lines to what it is made of"
    assert [place.label for place in drawing.places if "24" in place.box.label] == ["s001..s024|tune (24)"]


def test_of_many_the_count_is_always_seen() -> None:
    scenes = tuple(f"s{n:03}|a song with a rather long name" for n in range(1, 25))
    (place,) = draw(boxes(Lineage("f/1", {"f/1": Node("f/1", "scene_clip", scenes[:1])}))).places
    assert place.label == "s001|a song with a rather l…"
    place = replace(place, box=replace(place.box, label=f"{scenes[0]}..{scenes[-1]} (24)"))
    assert place.label == "s001|a song with a rat… (24)"


def test_a_circle_between_alike_ones_ends() -> None:
    one = Node("t/1", "take", ("t01",), provider={"engine": "a"}, inputs=(("parent", "t/2"),))
    two = Node("t/2", "take", ("t02",), provider={"engine": "b"}, inputs=(("parent", "t/3"),))
    three = Node("t/3", "take", ("t03",), provider={"engine": "a"})
    drawing = draw(boxes(Lineage("t/1", {node.folder: node for node in (one, two, three)})))
    assert len(drawing.places) == 2


def test_the_page_holds_no_script_and_escapes_every_name() -> None:
    node = Node(
        f"x/{EVIL}", EVIL, (EVIL,), content=EVIL, code_version=EVIL, provider={EVIL: EVIL}, params={EVIL: EVIL},
        files={EVIL: EVIL}, licence=EVIL, run_id=EVIL, today=(EVIL,), problem=EVIL,
        origins=(Origin(EVIL, EVIL, EVIL, 1, EVIL, EVIL, EVIL, EVIL),),
    )  # fmt: skip
    page = explain_page(Lineage(node.folder, {node.folder: node}, (EVIL,)), has_links=True)
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("&lt;script&gt;") > 10
    assert "script-src" not in page_policy()
    assert "default-src 'none'" in page_policy()

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_assets.domain.voices import VoiceError, VoiceIds, parse_voice_mix

KNOWN = [
    "af_heart",
    "af_bella",
    "am_adam",
    "am_michael",
    "bf_emma",
    "ff_siwis",
    "en-us",
    "en-us+f3",
    "fr",
    "v2",
    "v2_x",
]
FRIENDLY = {"jared": "am_adam", "lex": "am_michael", "martha": "af_bella", "duo": "af_heart50_am_adam50"}


@pytest.mark.parametrize(
    ("spec", "mix"),
    [
        ("af_heart", {"af_heart": 1.0}),
        (" af_heart ", {"af_heart": 1.0}),
        ("am_adam50_am_michael50", {"am_adam": 0.5, "am_michael": 0.5}),
        ("jared50_lex30_martha20", {"am_adam": 0.5, "am_michael": 0.3, "af_bella": 0.2}),
        ("jared", {"am_adam": 1.0}),
        ("af_heart100", {"af_heart": 1.0}),
        ("duo50_jared50", {"af_heart": 0.25, "am_adam": 0.75}),
        ("af_heart50_af_heart50", {"af_heart": 1.0}),
        ("v230_v2_x70", {"v2": 0.3, "v2_x": 0.7}),
        ("en-us+f3", {"en-us+f3": 1.0}),
        ("fr", {"fr": 1.0}),
    ],
)
def test_mixes(spec, mix):
    assert dict(parse_voice_mix(spec, KNOWN, FRIENDLY)) == pytest.approx(mix)


@pytest.mark.parametrize(
    ("spec", "hints"),
    [
        ("", ["empty"]),
        ("af_hart", ["'af_hart'", "af_heart"]),
        ("af_hart50_am_adam50", ["'af_hart'", "af_heart"]),
        ("af_heart50_am_adm50", ["'am_adm'", "am_adam"]),
        ("am_adam50_am_michael40", ["90"]),
        ("am_adam60_am_michael60", ["120"]),
        ("am_adam_am_michael50", ["am_adam"]),
        ("am_adam0_am_michael100", ["1 to 100"]),
        ("xx+f3", ["xx+f3", "nearest"]),
        ("af_heart;", ["af_heart"]),
    ],
)
def test_a_mistake_says_what_to_write(spec, hints):
    with pytest.raises(VoiceError) as caught:
        parse_voice_mix(spec, KNOWN, FRIENDLY)
    assert all(hint in str(caught.value) for hint in hints), str(caught.value)


def test_three_nearest_names_are_given():
    with pytest.raises(VoiceError) as caught:
        parse_voice_mix("af_hearth", KNOWN, {})
    assert str(caught.value).split("nearest are ")[1].count(",") == 2


def test_a_friendly_name_for_nothing_is_named():
    with pytest.raises(VoiceError, match="friendly name 'bo' stands for 'nobody'"):
        parse_voice_mix("bo", KNOWN, {"bo": "nobody"})


PARTS = st.lists(
    st.tuples(st.sampled_from(["af_heart", "am_adam", "bf_emma"]), st.integers(1, 100)), min_size=1, max_size=4
)


@given(PARTS)
def test_a_mix_is_read_as_it_is_written(parts):
    spec = "_".join(f"{name}{percent}" for name, percent in parts)
    if sum(percent for _, percent in parts) != 100:
        with pytest.raises(VoiceError):
            parse_voice_mix(spec, KNOWN, {})
        return
    mix = parse_voice_mix(spec, KNOWN, {})
    assert sum(weight for _, weight in mix) == pytest.approx(1.0)
    assert [name for name, _ in mix] == list(dict.fromkeys(name for name, _ in parts))


@given(st.text(max_size=40))
def test_anything_else_is_an_error_in_words(spec):
    try:
        mix = parse_voice_mix(spec, KNOWN, FRIENDLY)
    except VoiceError:
        return
    assert sum(weight for _, weight in mix) == pytest.approx(1.0)


def test_voices_that_are_told_by_their_form_need_no_list():
    hex_ids = VoiceIds("[0-9a-f]{4}", "four hex digits such as 00ff", listed=["house"])
    assert parse_voice_mix("beef", hex_ids, {}) == (("beef", 1.0),)
    assert parse_voice_mix("house", hex_ids, {}) == (("house", 1.0),)
    assert parse_voice_mix("anna50_bert50", hex_ids, {"anna": "beef", "bert": "00ff"}) == (("beef", 0.5), ("00ff", 0.5))
    with pytest.raises(VoiceError, match="'beefs' is not known; a voice of this engine is four hex digits"):
        parse_voice_mix("beefs", hex_ids, {})
    with pytest.raises(VoiceError, match="name one, such as four hex digits"):
        parse_voice_mix("", hex_ids, {})
    assert list(hex_ids) == ["house"]

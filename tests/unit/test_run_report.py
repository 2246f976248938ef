from audio_assets.running import RunReport


def test_one_cause_is_one_line_however_many_it_kept_from_being_made() -> None:
    refused = [{"asset": "voice_line", "partition": f"play.line-{n}.en", "reason": "the cap"} for n in range(8)]
    other = {"asset": "alignment", "partition": "play.line-9.en", "reason": "the cap"}
    assert RunReport(failed=[*refused, other]).troubles() == [
        "  failed: voice_line play.line-0.en, play.line-1.en, play.line-2.en and 5 more: the cap",
        "  failed: alignment play.line-9.en: the cap",
    ]


def test_of_many_causes_the_first_twenty_are_told_and_how_many_partitions_the_rest_kept() -> None:
    failed = [{"asset": "voice_line", "partition": f"p{n}", "reason": f"cause {min(n, 21)}"} for n in range(25)]
    told = RunReport(failed=failed).troubles()
    assert len(told) == 21
    assert told[-1] == "  and 5 more; `audio-assets plan` names them all"

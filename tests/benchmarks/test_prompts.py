"""What a run of ten steps sends: little of our own, nothing twice, nothing too large."""

from benchmarks import prompts


def test_a_run_of_ten_steps_keeps_what_is_promised_of_its_prompts() -> None:
    figures = prompts.measure()
    assert figures["own_tokens_max"] <= 1500
    assert figures["prefix_share_step"] >= 85
    assert figures["reloads"] == figures["interleaved"] == figures["over_window"] == 0
    assert figures["prompt_tokens"] < figures["naive_prompt_tokens"]
    assert figures["naive_over_window"] > 0, "the comparison is with what does not fit"
    shown = prompts.table(figures)
    assert f"{figures['prefix_share_step']}" in shown
    assert len(shown.splitlines()) == 11

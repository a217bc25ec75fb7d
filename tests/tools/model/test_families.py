"""What is known of a model by its name, its architecture and its size."""

import pytest

from greenloop.tools.model.families import family_profile
from greenloop.tools.model.profile import DEFAULT

NAMED = [
    "qwen2.5-coder:0.5b", "qwen2.5-coder:32b", "qwen2.5:7b", "qwen3:4b", "qwen3:14b",
    "qwen3-coder:30b", "qwen3.5:9b", "llama3.1:8b", "llama3.2:3b", "granite4.1:8b", "mistral:7b",
    "mistral-nemo:12b", "ministral-3:8b", "devstral:24b", "gpt-oss:20b", "gemma3:4b", "gemma4:e4b",
    "deepseek-coder-v2:16b", "codellama:7b", "codestral:22b", "codegemma:7b", "starcoder2:7b",
    "yi-coder:9b", "phi4", "phi4-mini", "smollm2:1.7b", "hermes3:8b", "deepseek-r1:8b",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_known_models(name: str) -> None:
    profile = family_profile(name)
    assert profile.source == "family"
    assert 50 <= profile.whole_file_lines <= 200
    assert 2.0 <= profile.chars_per_token <= 4.0


def test_native_tools_are_left_to_the_probe() -> None:
    assert [name for name in NAMED if family_profile(name).native_tools] == []


def test_who_thinks() -> None:
    thinking = {name.partition(":")[0] for name in NAMED if family_profile(name).thinks}
    assert thinking == {"qwen3", "qwen3.5", "gpt-oss", "gemma4", "deepseek-r1"}
    assert not family_profile("qwen3:4b-instruct-2507-q4_K_M").thinks


def test_the_longest_fitting_row_counts() -> None:
    assert family_profile("mistral-nemo:12b").whole_file_lines == 60
    assert family_profile("mistral:7b").whole_file_lines > 60


@pytest.mark.parametrize(
    "name",
    [
        "hf.co/bartowski/Mistral-Nemo-Instruct-2407-GGUF:Q4_K_M",
        "registry:5000/me/mistral-nemo",
        "Mistral_Nemo",
    ],
)
def test_names_as_people_write_them(name: str) -> None:
    assert family_profile(name) == family_profile("mistral-nemo:12b")


@pytest.mark.parametrize(
    "name", ["qwen:32b", "Qwen-3B-Chat", "qwen-32b", "gemma:4b", "phi:4b", "me/own:qwen3-8b"]
)
def test_a_size_or_a_tag_is_no_generation(name: str) -> None:
    assert family_profile(name) == DEFAULT


@pytest.mark.parametrize(
    "name",
    ["qwen3:4b-instruct-2507-q4_K_M", "hf.co/u/Qwen3-4B-Instruct-2507-GGUF:Q4_K_M",
     "qwen3:30b-a3b-instruct-2507-q4_K_M", "Qwen3-30B-A3B-Instruct"],
)  # fmt: skip
def test_the_tag_counts_where_a_row_needs_it(name: str) -> None:
    assert family_profile(name).source == "family"
    assert not family_profile(name).thinks
    assert family_profile("qwen3-4b").thinks


def test_llamas_with_a_small_vocabulary() -> None:
    new = family_profile("llama3.1:8b").chars_per_token
    for name in ("llama:33b", "llama-33b", "open_llama_3b", "llama2:7b", "tinyllama"):
        assert family_profile(name).chars_per_token < new
    assert family_profile("my-model", "llama", "8B").chars_per_token < new
    for name in ("llama3:8b", "Meta-Llama-3-8B-Instruct", "llama3.3:70b"):
        assert family_profile(name, "llama").chars_per_token == new


def test_size_decides_the_longest_whole_file() -> None:
    lines = [family_profile("qwen2.5:x", "", size).whole_file_lines for size in ("7.6B", "32.8B")]
    assert lines[0] > lines[1]
    assert family_profile("qwen2.5:32b").whole_file_lines == lines[1]
    assert family_profile("Qwen2.5-32B-Instruct").whole_file_lines == lines[1]


def test_the_architecture_stands_in_for_a_name_that_says_nothing() -> None:
    assert family_profile("my-model", "gptoss", "20.9B") == family_profile("gpt-oss:20b")
    assert family_profile("my-model", "qwen3", "8.2B").thinks


def test_an_unknown_model_gets_the_careful_defaults() -> None:
    assert family_profile("my-model", "new-thing", "8B") == DEFAULT

"""The failures that Ollama is known for, in its own words, by name.

Source: server/routes.go, llm/ and model/parsers of Ollama 0.33, and reports of users. `{model}`
stands for the model's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the "
    "prompt, adjust the context length in settings, or use a model with a longer context length"
)
TOO_LONG_OLD = "the input length exceeds the context length"
BUSY = "server busy, please try again.  maximum pending requests exceeded"
_TERMINATED = "llama-server process has terminated: "
_HTML = "text/html; charset=utf-8"
_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure: an answer with an error status, or a line in a stream that has begun."""

    status: int
    text: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of the JSON body."""
    body: str | None = None
    """Sent instead of JSON, by something that is not Ollama."""
    content_type: str = _HTML
    """Of that body."""
    headers: Mapping[str, str] = field(default_factory=dict)


def too_many_tokens(tokens: int, num_ctx: int) -> str:
    """The refusal of the native path: JSON inside the JSON of the error."""
    return (
        f'{{"error":{{"code":400,"message":"request ({tokens} tokens) exceeds the available '
        f'context size ({num_ctx} tokens), try increasing it","type":'
        f'"exceed_context_size_error","n_prompt_tokens":{tokens},"n_ctx":{num_ctx}}}}}'
    )


FAULTS: Mapping[str, Fault] = {
    "no_body": Fault(400, "missing request body"),
    "bad_json": Fault(400, "unexpected end of JSON input"),
    "no_model": Fault(400, "model is required"),
    "bad_name": Fault(400, "invalid model name"),
    "not_found": Fault(404, "model '{model}' not found"),
    "not_found_old": Fault(404, 'model "{model}" not found, try pulling it first'),
    "no_tools": Fault(400, "registry.ollama.ai/library/{model} does not support tools"),
    "no_tools_vision": Fault(
        400, "registry.ollama.ai/library/{model} does not support tools\nvision"
    ),
    "no_chat": Fault(400, '"{model}" does not support chat'),
    "no_thinking": Fault(400, '"{model}" does not support thinking'),
    "bad_think": Fault(
        400,
        'invalid think value: "xhigh" (must be "high", "medium", "low", "max", true, or false)',
    ),
    "bad_field": Fault(
        400,
        "json: cannot unmarshal array into Go struct field "
        "ChatRequest.messages.content of type string",
    ),
    "bad_option": Fault(500, 'option "num_ctx" must be of type integer'),
    "bad_keep_alive": Fault(400, 'time: unknown unit "x" in duration "5x"'),
    "bad_format": Fault(
        500, 'invalid format: "\\"yaml\\""; expected "json" or a valid JSON Schema object'
    ),
    "busy": Fault(503, BUSY),
    "canceled": Fault(499, "request canceled"),
    "load_terminated": Fault(500, _TERMINATED + "exit status 2"),
    "load_memory": Fault(500, _TERMINATED + "cudaMalloc failed: out of memory"),
    "load_memory_old": Fault(
        500, "model requires more system memory (9.2 GiB) than is available (5.1 GiB)"
    ),
    "load_incompatible": Fault(
        500,
        "unable to load model: this model may be incompatible with your version of Ollama. "
        "If you previously pulled this model, try updating it by running `ollama pull {model}`",
    ),
    "load_timeout": Fault(500, "timed out waiting for llama-server to start: context canceled"),
    "runner_died": Fault(
        500,
        "model runner has unexpectedly stopped, this may be due to resource limitations or an "
        "internal error, check ollama server logs for details",
    ),
    "crash": Fault(500, "an error was encountered while running the model: unexpected EOF"),
    "too_long": Fault(400, TOO_LONG),
    "too_long_native": Fault(400, too_many_tokens(26528, 16384)),
    "too_long_old": Fault(400, TOO_LONG_OLD),
    "too_long_old_500": Fault(500, TOO_LONG_OLD),
    "xml": Fault(
        500, "XML syntax error on line 7: element <parameter> closed by </function>"
    ),
    "xml_eof": Fault(500, "EOF"),
    "xml_unexpected_eof": Fault(500, "XML syntax error on line 4: unexpected EOF"),
    "call_json": Fault(
        500, "failed to parse JSON: invalid character '<' looking for beginning of value"
    ),
    "call_harmony": Fault(
        500,
        "error parsing tool call: raw='ls -R\\n', err=invalid character 'l' looking for "
        "beginning of value",
    ),
    "call_native": Fault(
        500,
        'llama-server returned invalid tool call arguments for "write_file": unexpected end of '
        "JSON input",
    ),
    "unauthorized": Fault(
        401, "unauthorized", more={"signin_url": "https://ollama.com/connect?name=host&key=x"}
    ),
    "rate_limit": Fault(429, "you have reached your hourly usage limit, please try again later"),
    "unreachable": Fault(502, "dial tcp: lookup ollama.com: no such host"),
    "proxy": Fault(502, body=_GATEWAY),
    "proxy_timeout": Fault(504, body=_GATEWAY.replace("502 Bad Gateway", "504 Gateway Time-out")),
    "redirect": Fault(
        307, body="", headers={"Location": "http://127.0.0.1:9/api/chat"}
    ),
    "login_page": Fault(200, body="<html><body>Please sign in to the network</body></html>"),
    "empty_body": Fault(200, body="", content_type="application/x-ndjson"),
}  # fmt: skip
"""Every row of failures, by the name that the key `fault` of a reply takes."""

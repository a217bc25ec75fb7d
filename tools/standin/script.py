"""The script of the stand-in: which models it offers and what it answers, one reply at a time.

A script is a JSON object. All keys are optional; an unknown key is refused at the start.

    {
      "version": "0.33.0",          of the server; some behaviour depends on it
      "models": ["qwen3:8b", MODEL, ...]        a name, or an object
      "replies": [REPLY, ...],
      "endpoints": {"/api/tags": RAW},          raw answers, instead of the true ones
      "default_num_ctx": 4096,      window of requests that name none
      "chars_per_token": 4.0,       how the stand-in counts tokens
      "max_queue": 512,             requests that may wait before a 503
      "max_loaded": 3,              models in memory at once; the one unused longest has to go
      "gpu_bytes": null,            memory of the GPU; null: everything fits, 0: there is none
      "prompt_tps": 0, "reply_tps": 0,          tokens per second that prompts are read and replies
      "load_seconds": 0,            written with, and seconds to load a model: with these, time
                                    passes; without, only the figures say so. What lies outside
                                    the GPU is ten times slower
      "clock": 1.0,                 seconds of keep_alive that pass in one second
      "counts_uncached_only": null, prompt_eval_count leaves out what the prefix cache had; null:
                                    as version 0.30.0 did and no other
      "registry": ["llama3.1:8b"],  models that can be pulled besides those offered
      "pull_seconds": 0             time that a pull takes
    }

A MODEL has a `name`; what it does not say is taken from what is known of that name:

    context_length      window it was trained for; a larger num_ctx is cut down to it
    capabilities        of completion, tools, insert, thinking, vision, embedding
    family, parameter_size, quantization, digest, size (bytes of the file), embedding_length
    layers, kv_heads, head_size     give the bytes of KV cache per token, or kv_bytes does
    num_ctx             PARAMETER of the model file; 0 for none
    template            how calls are found when tools are sent: "qwen" (tag <tool_call>, what is
                        malformed is swallowed), "llama" (an object is held back and comes late),
                        "mistral", "jinja" (calls on the last line), "xml" (as the parser
                        qwen3-coder: malformed is an error), "none"
    parser              "qwen3-coder" (tags), "qwen3" (JSON), "harmony"; at work without tools too
    system              system prompt of the model file
    shift               false: long prompts are refused, as with the deepseek2 family
    think_always        think:false is ignored, as with gpt-oss
    think_in_content    thoughts come in <think> within the content
    ignores_format      `formatted` of a reply is not used

A RAW answer has `status`, `body`, `content_type`, `headers` and `stall` (seconds before it).

A REPLY is a string (its text) or an object:

    text            what the model says; "" for an empty reply
    pieces          the text cut as it is to be streamed; default: 16 characters each
    thinking        streamed first, apart from the text, unless the request forbids thinking
    tool_calls      [{"name": .., "arguments": {..}}], sent as the server does: after the text,
                    as text where the request has no tools, not at all with a format
    formatted       the text instead, for requests with a format
    match           only for requests whose last user message or a system message holds this
    when            only for requests as described; all that is given must hold: endpoint, model,
                    role (of the last message), tools, format, stream, think (true or false),
                    messages and turns (number, or [least, most]; turns are replies in the
                    history), system, last (words in a system message, in the last message),
                    contains and lacks (words, or a list, in any message)
    times           how often the reply can be used; default 1, null for ever
    stall, stall_mid, stall_end     seconds of silence before the first byte, in mid-stream,
                    before the last line
    delay           seconds between pieces
    error           HTTP status; with `message` as the text of the error
    error_line      error in mid-stream, with status 200; without a stream a 500
    fault           a failure by its name in `faults.py`, with its true status and words
    at              its moment: "before" the first byte, in the "middle", at the "end" in place
                    of the last line
    raw             a RAW answer instead of the reply: a proxy's page, a redirect, ...
    content_type    of the stream, instead of the true one
    junk            a line in mid-stream that is no JSON
    blank           an empty line in mid-stream
    broken          half a line of JSON in mid-stream
    drip            seconds between single bytes of a line in mid-stream that never ends
    cut             true: the connection ends inside a chunk; "reset": the same by a TCP reset;
                    "before": it ends before the first byte; "end": inside the last line
    no_done         the stream ends without its last line
    bare_done       the last line has no figures
    done_reason     "stop"; "length", "load", ...; "load" goes without text; "" for none
    after           pieces before a fault in mid-stream; "end" for all; default: half of them
    split           the stream arrives in odd fragments of lines and of characters
    endless         true: the text over and over, until num_predict or ten windows; blanks for
                    runaway whitespace; "thinking": the thoughts over and over, and no text
    repeat          a token that comes 31 times, and then nothing, not even the last line
    prompt_eval_count, eval_count   instead of what was counted
    logprob         of every token, for requests with logprobs; default -0.1

Replies with `match` or `when` that fit come first, in order; then those without. When none is
left the answer is a 500 that says so.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from greenloop.tools.standin.asked import Version, version_of
from greenloop.tools.standin.metrics import Speeds
from greenloop.tools.standin.offered import OfferedModel
from greenloop.tools.standin.replies import RawAnswer, Reply, refuse_unknown
from greenloop.tools.standin.rules import Question

_COUNTED_UNCACHED = (0, 30, 0)
"""The one version whose prompt_eval_count left out cached tokens."""


@dataclass(slots=True)
class Script:
    """A whole script, and how much of it is used up."""

    models: Sequence[OfferedModel] = (OfferedModel("qwen2.5-coder:7b"),)
    replies: Sequence[Reply] = ()
    endpoints: Mapping[str, RawAnswer] = field(default_factory=dict)
    version: str = "0.33.0"
    default_num_ctx: int = 4096
    chars_per_token: float = 4.0
    max_queue: int = 512
    max_loaded: int = 3
    gpu_bytes: int | None = None
    prompt_tps: float = 0.0
    reply_tps: float = 0.0
    load_seconds: float = 0.0
    clock: float = 1.0
    counts_uncached_only: bool | None = None
    registry: Sequence[str] = ()
    pull_seconds: float = 0.0
    _used: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a script file.

        Raises:
            ValueError: no JSON, or a key that means nothing.
        """
        return cls.parse(json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Self:
        """Read a script.

        Raises:
            ValueError: a key that means nothing.
        """
        data = dict(given)
        refuse_unknown(data, {f.name for f in fields(cls) if not f.name.startswith("_")}, "script")
        if "models" in data:
            data["models"] = tuple(OfferedModel.parse(model) for model in data["models"])
        data["replies"] = tuple(Reply.parse(reply) for reply in data.get("replies", ()))
        data["endpoints"] = {
            name: RawAnswer.parse(raw) for name, raw in data.get("endpoints", {}).items()
        }
        return cls(**data)

    @property
    def speeds(self) -> Speeds:
        """Of the emulated machine."""
        return Speeds(self.prompt_tps, self.reply_tps, self.load_seconds)

    @property
    def numbers(self) -> Version:
        """The version to compare with."""
        return version_of(self.version)

    @property
    def uncached_only(self) -> bool:
        """Whether prompt_eval_count leaves out cached tokens."""
        if self.counts_uncached_only is None:
            return self.numbers == _COUNTED_UNCACHED
        return self.counts_uncached_only

    def take(self, asked: Question) -> tuple[int, Reply] | None:
        """The next reply to a request and its place in the script; None when none is left."""
        with self._lock:
            left = [(i, r) for i, r in enumerate(self.replies) if self._has_left(i, r)]
            fitting = [(i, r) for i, r in left if (r.match or r.when) and _fits(r, asked)]
            open_to_all = [(i, r) for i, r in left if not (r.match or r.when)]
            chosen = next(iter(fitting or open_to_all), None)
            if chosen is not None:
                self._used[chosen[0]] = self._used.get(chosen[0], 0) + 1
            return chosen

    def _has_left(self, index: int, reply: Reply) -> bool:
        return reply.times is None or self._used.get(index, 0) < reply.times


def _fits(reply: Reply, asked: Question) -> bool:
    if reply.when is not None and not reply.when.fits(asked):
        return False
    said = asked.texts("user")[-1:] + asked.texts("system")
    return not reply.match or any(reply.match in text for text in said)

"""From a checked request to a reply on its way: queue, script, memory, window, cache, length."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from greenloop.tools.standin.asked import Asked
from greenloop.tools.standin.cache import Known, PrefixCache
from greenloop.tools.standin.chat import Finish, Generation, named_fault
from greenloop.tools.standin.dialects import JSON, Dialect, Likelihoods
from greenloop.tools.standin.length import as_far_as_it_gets
from greenloop.tools.standin.metrics import Account
from greenloop.tools.standin.reading import Speech, read
from greenloop.tools.standin.record import Entry, RequestLog
from greenloop.tools.standin.refusal import Refused
from greenloop.tools.standin.rendering import render, tools_text
from greenloop.tools.standin.replies import RawAnswer, Reply
from greenloop.tools.standin.rules import Question
from greenloop.tools.standin.script import Script
from greenloop.tools.standin.shelf import Load, Shelf
from greenloop.tools.standin.truncation import Cut, count, cut
from greenloop.tools.standin.turnstile import Turnstile
from greenloop.tools.standin.wire import Wire, go_json, timestamp

Speaking = Callable[[Likelihoods], Dialect]
"""Makes the dialect in which a reply is written."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all requests have in common."""

    script: Script
    log: RequestLog
    shelf: Shelf
    turnstile: Turnstile
    cache: PrefixCache


@dataclass(slots=True)
class _Seat:
    """A model in use by this request, until it leaves."""

    shelf: Shelf
    asked: Asked
    left: bool = False

    def leave(self) -> None:
        if not self.left:
            self.left = True
            self.shelf.release(self.asked.name, self.asked.keep_s)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one request is answered."""

    service: Shared
    entry: Entry
    wire: Wire
    finish: Finish

    def answer(self, asked: Asked, speaking: Speaking) -> None:
        """Answer in turn.

        Raises:
            Refused: with an error status.
            ClientGone: nobody listens.
        """
        if asked.render_only:
            self._show_prompt(asked)
            return
        with self.service.turnstile.turn(self.wire) as waited:
            reply = self._take(asked, waited)
            if self._is_answered_before(reply, asked):
                return
            load = self.service.shelf.load(asked.name, asked.num_ctx, asked.runner)
            seat = _Seat(self.service.shelf, asked)
            try:
                self._generate(asked, reply, load, seat, speaking)
            finally:
                seat.leave()

    def load_only(self, asked: Asked, body: dict[str, object]) -> None:
        """An empty request: load the model, or unload it with keep_alive 0."""
        shelf = self.service.shelf
        if asked.keep_s:
            with self.service.turnstile.turn(self.wire):
                load = shelf.load(asked.name, asked.num_ctx, asked.runner)
                self.entry.facts |= {"reload": load.reloaded, "evicted": list(load.evicted)}
                try:
                    self.wire.wait(self.service.script.load_seconds if load.reloaded else 0.0)
                finally:
                    shelf.release(asked.name, asked.keep_s)
        else:
            # Does not wait for its turn: a reply on its way is written to its end.
            shelf.unload(asked.name)
        ended = {"done": True, "done_reason": "load" if asked.keep_s else "unload"}
        told = {"model": asked.name, "created_at": timestamp(), **body, **ended}
        self.finish("completed")
        self.wire.answer(200, go_json(told), JSON)

    def _take(self, asked: Asked, waited: float) -> Reply:
        question = Question(
            endpoint=self.entry.path,
            model=asked.name,
            messages=asked.messages,
            tools=bool(asked.tools),
            format=asked.format is not None,
            stream=asked.stream,
            think=asked.thinks,
        )
        taken = self.service.script.take(question)
        if taken is None:
            raise Refused(500, "stand-in: the script has no reply left for this request")
        index, reply = taken
        self.entry.facts |= {"reply": index, "waited": round(waited, 4)}
        return reply

    def _is_answered_before(self, reply: Reply, asked: Asked) -> bool:
        """Whether the reply is one that needs no model; an error is raised."""
        if reply.error:
            self.wire.wait(reply.stall)
            raise Refused(reply.error, reply.message)
        if reply.fault and reply.at == "before":
            self.wire.wait(reply.stall)
            fault = named_fault(reply, asked.name)
            raise Refused(fault.status, fault.text, fault)
        if reply.raw is None:
            return False
        self.wire.wait(reply.stall + reply.raw.stall)
        self.finish("completed" if reply.raw.status < 400 else "error")
        send_raw(self.wire, reply.raw)
        return True

    def _generate(
        self, asked: Asked, reply: Reply, load: Load, seat: _Seat, speaking: Speaking
    ) -> None:
        script = self.service.script
        per_token = script.chars_per_token
        tools = tools_text(asked, script.numbers)
        seen = cut(asked, tools, per_token, script.numbers)
        prompt = render(asked, seen, tools, per_token)
        known = self.service.cache.meet(
            load.entry.model.name, prompt, asked.messages, reloaded=load.reloaded
        )
        reply = as_far_as_it_gets(reply, asked, seen.seen, per_token)
        speech = read(reply, asked)
        account = self._account(reply, speech, seen, known, load)
        self.entry.facts |= _facts(asked, seen, known, load)
        likely = Likelihoods(per_token, asked.logprobs, reply.logprob)

        def finish(outcome: str) -> None:
            seat.leave()
            if outcome == "completed":
                self.service.cache.extend(load.entry.model.name, speech.said)
            self.finish(outcome)

        dialect = speaking(likely)
        Generation(asked, reply, speech, account, dialect, self.wire, finish, per_token).run()

    def _account(
        self, reply: Reply, speech: Speech, seen: Cut, known: Known, load: Load
    ) -> Account:
        script = self.service.script
        tokens, cached, said = seen.seen, known.tokens(seen.seen), reply.eval_count
        shown = tokens - cached if script.uncached_only else tokens
        if reply.prompt_eval_count is not None:
            tokens, cached, shown = reply.prompt_eval_count, 0, reply.prompt_eval_count
        if said is None:
            said = count(speech.said, script.chars_per_token)
        speeds, on_gpu = script.speeds, load.entry.on_gpu
        return Account(speeds, load.reloaded, tokens, cached, shown, said, on_gpu)

    def _show_prompt(self, asked: Asked) -> None:
        """The answer to `_debug_render_only`: the prompt, and no reply."""
        script = self.service.script
        tools = tools_text(asked, script.numbers)
        seen = cut(replace(asked, num_ctx=1 << 40), tools, 1.0, script.numbers)
        shown = {"rendered_template": render(asked, seen, tools, 1.0)}
        self.finish("completed")
        body = {"model": asked.name, "created_at": timestamp(), "_debug_info": shown}
        said = {"message": {"role": "", "content": ""}, "done": False}
        self.wire.answer(200, go_json(body | said), JSON)


def send_raw(wire: Wire, raw: RawAnswer) -> None:
    """Send an answer as the script has it."""
    wire.answer(raw.status, raw.body.encode(), raw.content_type, headers=raw.headers)


def _facts(asked: Asked, seen: Cut, known: Known, load: Load) -> dict[str, object]:
    """What the request log says of a prompt; the keys are described in `record.py`."""
    return {
        "num_ctx": asked.num_ctx,
        "reload": load.reloaded,
        "evicted": list(load.evicted),
        "size": load.entry.size,
        "size_vram": load.entry.size_vram,
        "prompt_tokens": seen.tokens,
        "prompt_eval_count": seen.seen,
        "prefix_tokens": known.tokens(seen.seen),
        "prompt_chars": known.prompt_chars,
        "prefix_chars": known.prefix_chars,
        "dropped": seen.dropped,
        "beheaded": seen.beheaded,
        "conversation": known.conversation,
        "continues": known.continues,
        "interleaved": known.interleaved,
    }

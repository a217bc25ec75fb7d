"""Replies that are of no use, whoever made them: what is said of them, and to the model."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from greenloop.errors import ContextError, GreenloopError, ModelReplyError
from greenloop.tools.model.base import Message, Window

EMPTY = "Your reply was empty or broken off. Answer in the format asked for."
UNTHOUGHT = "Your reply held only thoughts. Answer without thinking, in the format asked for."
REPEATED = "Your reply only repeated itself. Answer once more, short, and without repetition."


class PassingError(Exception):
    """Carries a failure that another try may cure; never leaves the client."""

    def __init__(self, error: GreenloopError, *, once: bool = False, after_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.once = once
        """One fresh try is enough: if it happens twice it is no accident."""
        self.after_s = after_s
        """What the server asks us to wait, in seconds."""


def cut_at(tokens: int) -> str:
    """What to tell a model whose reply was cut after so many tokens."""
    return f"Your reply was cut at {tokens} tokens; nothing was written. Send a smaller edit."


def too_long(model: str, num_predict: int, feedback: str = "") -> ModelReplyError:
    """A reply that reached its longest."""
    return ModelReplyError(
        f"the reply of {model} is cut: it reached num_predict ({num_predict} tokens); raise "
        "num_predict or make the task smaller",
        feedback=feedback or cut_at(num_predict),
    )


def empty(model: str, why: str, feedback: str = EMPTY) -> ModelReplyError:
    """A reply without words."""
    return ModelReplyError(
        f"the reply of {model} is empty: {why}; ask again, or choose another model",
        feedback=feedback,
    )


def repeated(model: str, what: str) -> ModelReplyError:
    """A reply that repeats itself without end; `what` as `Runaway` names it."""
    return ModelReplyError(
        f"the reply of {model} was stopped: it repeated {what} over and over; ask again, or "
        "choose another model",
        feedback=REPEATED,
    )


def check_fit(
    model: str, messages: Sequence[Message], tokens: int, window: Window, in_words: str
) -> None:
    """Whether a prompt has words, and leaves room for the reply.

    Args:
        model: who is to be asked.
        messages: the prompt.
        tokens: of the prompt, rather too many.
        window: what there is.
        in_words: the same, for the message.

    Raises:
        ContextError: it does not fit.
        ModelReplyError: there are no words in it.
    """
    if not any(message.content.strip() for message in messages):
        raise ModelReplyError(f"there is nothing to ask {model}: the prompt is empty")
    if tokens > window.room:
        raise ContextError(
            f"the prompt does not fit: about {tokens} tokens, and {window.num_predict} for the "
            f"reply, are more than {in_words}; raise num_ctx, lower num_predict or make the task "
            "smaller"
        )


@contextmanager
def priced(tokens: Callable[[], int]) -> Iterator[None]:
    """Notes on an error about a reply what the reply took, in tokens."""
    try:
        yield
    except (ModelReplyError, PassingError) as raised:
        error = raised.error if isinstance(raised, PassingError) else raised
        if isinstance(error, ModelReplyError) and not error.tokens:
            error.tokens = tokens()
        raise

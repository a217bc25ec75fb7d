"""One question on a line of the terminal, answered by the first letter of a word."""

import signal
import sys
import termios
from collections.abc import Sequence


def can_ask() -> bool:
    """Whether somebody can read a question here and answer it."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def choice(words: Sequence[str], otherwise: str) -> str:
    """The word that the user chooses by its beginning.

    What was typed before the question was there counts for nothing.

    Args:
        words: to choose from; their first letters differ.
        otherwise: the word for Ctrl-C, and for the end of the input.
    """
    shown = "  ".join(f"[{word[0]}]{word[1:]}" for word in words)
    while True:
        said = line(f"  {shown}: ")
        if said is None:
            return otherwise
        found = [word for word in words if said and word.startswith(said.lower())]
        if found:
            return found[0]


def line(prompt: str) -> str | None:
    """What the user types, without blanks around it; None for Ctrl-C or the end of the input."""
    sys.stdout.flush()
    termios.tcflush(sys.stdin, termios.TCIFLUSH)
    # Whoever started this may have had the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(prompt).strip()
    except (KeyboardInterrupt, EOFError):
        print()
        return None
    except UnicodeDecodeError:
        return ""
    finally:
        signal.signal(signal.SIGINT, before)

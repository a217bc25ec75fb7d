"""Which tool a name means: its own name in any spelling, never one that only sounds alike."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from greenloop.tools.reader.base import Refusal, Tool

_NAMESPACE = re.compile(
    r"^(?:(?:functions?|tools?|default_api|api|assistant)(?:\.|::|/|__?(?=\w)))+"
)
_INDEX = re.compile(r"(?::\d+|\(\s*\))$")
_LEAKED = re.compile(r"<\|.*\Z", re.DOTALL)
"""Special tokens of a template after a name, as in `read_file<|channel|>commentary`."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SHOWN = 60
"""Characters of an unknown name that are repeated to the model."""

_RELATED = {
    "read_file": "read cat open view fetch get show load head tail content contents",
    "write_file": "write create save new touch put",
    "edit_file": "edit replace str patch modify update change insert diff apply editor",
    "run_command": "run execute exec bash shell terminal command cmd pwd cd python pytest test pip "
    "git mkdir rm make npm",
    "list_dir": "list ls dir directory tree folder files",
    "search": "search grep find rg ripgrep query lookup glob codebase",
    "todo_write": "todo todos plan tasks",
    "finish": "finish done complete submit answer final end stop task_complete",
}
"""Words in the names of other agents' tools, for suggestions only."""
_ORDER = (
    "todo_write",
    "edit_file",
    "write_file",
    "search",
    "list_dir",
    "read_file",
    "run_command",
    "finish",
)
_FOREIGN = frozenset(
    """apply_diff ask_followup_question attempt_completion browser_action create_file
    create_new_file execute_bash execute_command insert_content list_code_definition_names
    list_files new_task replace_in_file run_terminal_command search_and_replace search_files
    str_replace_editor switch_mode use_mcp_tool write_to_file""".split()  # noqa: SIM905
)
"""Tools of other agents that models call as tags of that name."""
_INSTEAD = {
    "run_command": "the tests are run for you after each edit. ",
    "finish": "send the edits; the work ends when the tests pass. ",
    "todo_write": "the plan is kept for you; send the edit of this step. ",
}
"""What to do where a tool of other agents is not on offer."""


class Names:
    """The tools on offer, by name."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._by_key = {_key(tool.name): tool for tool in tools}

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    def all(self) -> tuple[Tool, ...]:
        """Every tool, in order."""
        return tuple(self._tools.values())

    def find(self, name: str) -> Tool | None:
        """The tool of this name; case, hyphens, namespaces and call numbers do not count."""
        bare = _INDEX.sub("", _LEAKED.sub("", name).strip().strip("`'\"*"))
        for candidate in (bare, _NAMESPACE.sub("", bare)):
            tool = self._tools.get(candidate) or self._by_key.get(_key(candidate))
            if tool:
                return tool
        return None

    def is_foreign(self, name: str) -> bool:
        """Whether this is another agent's tool, and none on offer."""
        return name in _FOREIGN and self.find(name) is None

    def unknown(self, name: str) -> Refusal:
        """Says that there is no such tool, which one may be meant, and which there are."""
        shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
        near = self._suggestion(name)
        hint = f"use {near}. " if near in self._tools else _INSTEAD.get(near, "")
        listed = ", ".join(self._tools)
        return Refusal("unknown_tool", f"Tool '{shown}' does not exist; {hint}Available: {listed}")

    def _suggestion(self, name: str) -> str:
        """A tool of this or another agent that the name may mean."""
        words = set(_CAMEL.sub("_", name[:_SHOWN]).lower().replace("-", "_").split("_"))
        for tool in _ORDER:
            if words & set(_RELATED[tool].split()) and (tool in self._tools or tool in _INSTEAD):
                return tool
        return next(iter(get_close_matches(name[:_SHOWN].lower(), self._tools, n=1)), "")


def _key(name: str) -> str:
    return re.sub(r"[-_\s]+", "", name).casefold()

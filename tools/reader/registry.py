"""The tools that a reply may ask for: of an agent that acts by calls, and of the coder."""

from greenloop.tools.reader.base import Parameter, Tool

_PATH = Parameter("path", about="relative to the project")

_READ = Tool(
    "read_file",
    "Show a file, or some of its lines.",
    (
        _PATH,
        Parameter("start_line", "integer", required=False, about="first line, from 1"),
        Parameter("end_line", "integer", required=False, about="last line, inclusive"),
    ),
)
_WRITE = Tool(
    "write_file",
    "Write a whole file.",
    (_PATH, Parameter("content", about="the complete text")),
    mutates=True,
    tells=False,
)
_EDIT = Tool(
    "edit_file",
    "Replace one piece of text in a file.",
    (
        _PATH,
        Parameter("old_string", about="text that occurs once in the file"),
        Parameter("new_string", about="text to put in its place"),
        Parameter("replace_all", "boolean", required=False, about="replace every occurrence"),
    ),
    mutates=True,
    tells=False,
)
_RUN = Tool(
    "run_command",
    "Run a shell command.",
    (
        Parameter("command"),
        Parameter("timeout", "integer", required=False, about="in seconds"),
    ),
    mutates=True,
)
_LIST = Tool(
    "list_dir",
    "List a folder.",
    (
        Parameter("path", about="relative to the project; . is the project"),
        Parameter("recursive", "boolean", required=False),
    ),
)
_SEARCH = Tool(
    "search",
    "Find lines that match a regular expression.",
    (Parameter("pattern"), Parameter("path", required=False, about="folder or file to look in")),
)
_TODO = Tool(
    "todo_write",
    "Note the steps of the work.",
    (Parameter("todos", "array", about="the steps"),),
    tells=False,
)
_FINISH = Tool(
    "finish",
    "End the work.",
    (Parameter("summary", about="what was done"),),
    mutates=True,
    tells=False,
)

STANDARD: tuple[Tool, ...] = (_READ, _WRITE, _EDIT, _RUN, _LIST, _SEARCH, _TODO, _FINISH)
"""For an agent that does everything by calls."""

CODER: tuple[Tool, ...] = (
    _READ,
    Tool("list_dir", _LIST.about, _LIST.parameters[:1]),
    Tool("search", _SEARCH.about, _SEARCH.parameters[:1]),
    _EDIT,
    _WRITE,
)
"""For the coder, whose tests are run for it, and whose lookups are those of its prompt."""

COMMAND_TOOL = _RUN.name
"""The tool that a fenced shell command stands for."""

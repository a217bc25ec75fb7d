"""Other names that models give to the parameters of tools."""

from collections.abc import Mapping

from greenloop.tools.reader.base import Tool

_ALIASES: Mapping[str, str] = {
    "path": "file_path filepath file filename file_name target_file relative_path absolute_path "
    "file_location path_to_file target_path relative_file_path location uri",
    "content": "contents text file_text file_content file_contents data body code new_content "
    "source write_content content_text",
    "old_string": "old_str old_text old old_content old_code search find original search_text "
    "find_text target_content search_string search_block before from old_value original_text "
    "search_content text_to_replace",
    "new_string": "new_str new_text new new_content new_code replace replacement replace_with "
    "replacement_content replace_text replace_string updated with after to new_value content "
    "replace_block replacement_text replace_content",
    "replace_all": "replaceall all global replace_all_occurrences",
    "command": "cmd script shell_command bash shell command_line commands input code cmdline",
    "timeout": "timeout_seconds timeout_secs timeout_s",
    "pattern": "query regex regexp search_term search_string q keyword term text expression "
    "search_pattern regex_pattern needle string search search_query",
    "start_line": "start line_start from_line start_line_number first_line startline begin_line "
    "from line_from begin",
    "end_line": "end line_end to_line end_line_number last_line endline to line_to stop",
    "recursive": "recurse is_recursive",
    "todos": "todo tasks items todo_list list steps todo_items task_list plan",
    "summary": "message result answer text output final_answer response content description",
}
_FOLDER = (
    "dir directory folder dir_path directory_path dirname folder_path dir_name target_directory"
)
_SEARCHED = f"{_FOLDER} include scope in search_path"

_HARMLESS = frozenset(
    """description explanation reason reasoning thought thoughts encoding type id language overwrite
    create_dirs create_directories instruction instructions purpose summary comment note
    justification create_if_missing title message requires_approval security_risk is_background
    show_line_numbers""".split()  # noqa: SIM905 - a list of quoted words would fill the page
)
_MEANINGFUL = frozenset(
    """append mode line lines start_line end_line line_number start end insert insert_line position
    offset range dry_run delete cwd workdir working_directory work_dir at occurrence count index
    regex stdin env""".split()  # noqa: SIM905
)
"""Parameters that no tool of ours has and that would change what a call does."""


def named_as_declared(tool: Tool, given: Mapping[str, object]) -> tuple[dict[str, object], str]:
    """The arguments under the tool's own names, and what cannot be kept, in words.

    A name of the tool's own wins over another name for the same parameter, if they agree or the
    tool only reads.
    """
    aliases = _aliases(tool)
    exact = {parameter.name for parameter in tool.parameters}
    found: dict[str, object] = {key: value for key, value in given.items() if key in exact}
    trouble = ""
    for key, value in given.items():
        if key in exact:
            continue
        name = aliases.get(_key(key), "")
        if name and found.get(name) is None:
            found[name] = value
        elif name and tool.mutates and value is not None and found[name] != value:
            trouble = f"{tool.name} has both '{name}' and '{key}'; send only '{name}'"
        elif not name and tool.mutates and _changes_meaning(key, value):
            trouble = f"{tool.name} has no '{key}'; send only {_listed(tool)}"
    return found, trouble


def _listed(tool: Tool) -> str:
    return ", ".join(parameter.name for parameter in tool.parameters)


def _aliases(tool: Tool) -> dict[str, str]:
    found: dict[str, str] = {}
    for parameter in tool.parameters:
        words = _ALIASES.get(parameter.name, "")
        if parameter.name == "path" and tool.name == "list_dir":
            words += f" {_FOLDER}"
        elif parameter.name == "path" and not parameter.required:
            words += f" {_SEARCHED}"
        for word in (parameter.name, *words.split()):
            found.setdefault(_key(word), parameter.name)
    return found


def _changes_meaning(key: str, value: object) -> bool:
    plain = key.lower().replace("-", "_")
    if plain in _HARMLESS or value in (None, False, "", ".", "w", "write", "overwrite"):
        return False
    return plain in _MEANINGFUL


def _key(name: str) -> str:
    return name.replace("_", "").replace("-", "").replace(" ", "").casefold()

"""Recognising file paths where models put them: a line of their own, a fence's info, a comment."""

import re

_NAME = r"[\w.@+~()\[\]-]+"
_PATH = re.compile(rf"(?:\.?/)?{_NAME}(?:/{_NAME})*")
_SUFFIXES = frozenset(
    """
    astro bash bat bazel bib c cc cfg clj cmake conf cpp cs css csv cu cxx dart diff ejs el env erb
    ex exs f90 feature fish fs gd go gql gradle graphql groovy h hbs hcl hpp hrl hs htm html ini
    ipynb j2 java jinja jinja2 jl js json json5 jsonc jsonl jsx kt kts less lock lua m markdown md
    mdx mjs mk ml mli nim nix pas patch php pl pm po pro properties proto ps1 pxd py pyi pyx r rb
    rkt rs rst sass sbt scala scm scss sh sol sql svelte svg swift tcl tex tf tmpl toml tpl ts tsv
    tsx txt v vb vhdl vim vue wsgi xml yaml yml zig zsh
    """.split()  # noqa: SIM905 - a list of ninety quoted words would fill the page
)
"""What a name without a folder must end in; `module.function` alone is no path."""
_BARE_NAMES = frozenset(
    {"Makefile", "Dockerfile", "Procfile", "Gemfile", "Rakefile", "Justfile", "LICENSE", "README"}
)
_SPACED = re.compile(rf"(?:\.?/)?{_NAME}(?:[ /]{_NAME})*")
_MAX_SPACED_WORDS = 8
_NO_PATH_WORDS = frozenset(
    """the in to file see update change and of for here is this we with now edit fix modify code or
    add create new let then also use run replace original updated modified first next a an
    python python3 pytest cat ls git npm node make bash sh pip cd grep diff open""".split()  # noqa: SIM905
)
"""Words that show that a line with a file's name is a sentence or a command."""
_MAX_PATH_LINE = 300
_LABEL = re.compile(
    r"^(?:(?:updated?|modified|new|create|edit|full|complete|corrected|fixed)\s+)*"
    r"(?:file ?(?:name|path)?|path)\s*:\s*",
    re.IGNORECASE,
)
_DECORATION = re.compile(r"^(?:#{1,6}\s+|[-*+]\s+|\d+[.)]\s+|>\s+)+")
_REMARK = re.compile(r"\s*\((?:new|updated?|modified|complete|full|fixed)\b[^)]*\)")
_COMMENT = re.compile(r"(?:#|//|--|;|/\*|<!--)(.*?)(?:\*/|-->)?$")
_OF_A_WHOLE = frozenset(
    {
        "updated", "complete", "full", "corrected", "fixed", "new", "whole", "final", "entire",
        "revised", "modified",
    }
)  # fmt: skip
_CHANGED = _OF_A_WHOLE & {"updated", "corrected", "fixed", "new", "revised", "modified"}
_OF_A_PART = frozenset(
    {
        "block", "change", "changes", "class", "diff", "example", "function", "functions",
        "import", "imports", "in", "inside", "like", "line", "lines", "method", "methods", "not",
        "output", "part", "piece", "section", "should", "snippet", "test", "to",
    }
)  # fmt: skip
_QUOTED = re.compile(r"`([^`\s]+)`|\*\*([^*\s]+)\*\*")
_LINE_RANGE = re.compile(r"\d+:\d+:")
_QUOTED_KEY = re.compile(r"\b(?:path|file|filename|title|name)\s*[=:]\s*([\"'])([^\"']+)\1", re.I)
_INFO_KEY = re.compile(r"^(?:path|file|filename|title|name)\s*[=:]\s*", re.IGNORECASE)


def looks_like_path(text: str) -> bool:
    """Whether a word alone can only be a file's path: a folder, a suffix or a well-known name."""
    if not _PATH.fullmatch(text) or text.endswith("/"):
        return False
    folder, _, name = text.rpartition("/")
    stem, _, suffix = name.rpartition(".")
    if not name.strip("."):
        return False
    if folder.strip("./") or name in _BARE_NAMES:
        return True
    return suffix.lower() in _SUFFIXES if stem else name.startswith(".")


def path_line(line: str) -> str:
    """The path that a line consists of, without its decoration; empty if it says more.

    Understands `### path`, `**path**`, `` `path` ``, `File: path`, `1. path:` and mixtures.
    """
    if len(line) > _MAX_PATH_LINE:
        return ""
    text = _DECORATION.sub("", line.strip().replace("**", ""))
    marked = False
    for _ in range(4):  # decorations nest: ### File: `path`:
        plain = _REMARK.sub("", text).strip().removesuffix(":").strip()
        bare = _LABEL.sub("", _unquoted(plain))
        marked = marked or bare != plain
        if bare == text:
            break
        text = bare
    return text if looks_like_path(text) or (marked and _is_spaced_path(text)) else ""


def unclear_path(line: str) -> bool:
    """Whether a line may be a path with blanks in it, which nothing sets off."""
    text = _DECORATION.sub("", line.strip().replace("**", "")).strip().removesuffix(":").strip()
    return len(line) <= _MAX_PATH_LINE and not path_line(line) and _is_spaced_path(text)


def names_another(line: str, path: str) -> bool:
    """Whether a line names, anywhere, a file that is not the given one."""
    words = re.split(r"[\s`*\"'():,;]+", line[:_MAX_PATH_LINE])
    named = [word.rstrip(".") for word in words if looks_like_path(word.rstrip("."))]
    return any(not f"/{path}".endswith("/" + name.removeprefix("./")) for name in named)


def mentioned_path(line: str) -> str:
    """The only path that a sentence names in backticks or bold; empty if none or several."""
    words = {a or b for a, b in _QUOTED.findall(line)}
    paths = {word.rstrip(":") for word in words if looks_like_path(word.rstrip(":"))}
    return paths.pop() if len(paths) == 1 else ""


def announced_path(line: str, *, changed: bool = False) -> str:
    """The only path of a line that announces a whole file, as in `Here is the updated a.py:`.

    Empty if the line speaks of a part of the file, or of several files; with `changed` also if
    it does not say that the file was changed, since a file may only be shown.
    """
    text = line[:_MAX_PATH_LINE].strip().rstrip("*").strip()
    words = re.split(r"[\s`*\"'(),]+", text.removesuffix(":"))
    paths = {word for word in words if looks_like_path(word)}
    plain = {word.lower() for word in words}
    if not text.endswith(":") or len(paths) != 1 or plain & _OF_A_PART or not plain & _OF_A_WHOLE:
        return ""
    if changed and not plain & _CHANGED:
        return ""
    return paths.pop()


def info_path(info: str) -> str:
    """The path in a fence's info string, as in `python path=a.py`, `python:a.py` or `a.py`."""
    quoted = _QUOTED_KEY.search(info)
    if quoted and _is_spaced_path(quoted[2]):
        return quoted[2]
    for word in info.replace('"', "").replace("'", "").split():
        if _LINE_RANGE.match(word):  # a reference to a part of a file, not the whole
            continue
        keyed = _INFO_KEY.match(word)
        candidate = (word[keyed.end() :] if keyed else word.rpartition(":")[2]).strip("{}`")
        if looks_like_path(candidate):
            return candidate
    return ""


def comment_path(line: str) -> str:
    """The path that a comment line consists of, as in `# src/a.py`; empty if it says more."""
    comment = _COMMENT.match(line.strip())
    return path_line(comment.group(1)) if comment else ""


def _is_spaced_path(text: str) -> bool:
    """Whether a text with blanks ends in a suffix of code and has no word of a sentence."""
    words = text.lower().split(" ")
    return (
        1 < len(words) <= _MAX_SPACED_WORDS
        and _SPACED.fullmatch(text) is not None
        and not _NO_PATH_WORDS & set(words)
        and looks_like_path(text.rpartition("/")[2].replace(" ", "_"))
    )


def _unquoted(text: str) -> str:
    for mark in ("`", "*", '"', "'"):
        if len(text) > 2 and text.startswith(mark) and text.endswith(mark):
            return text[1:-1]
    return text

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
_MAX_PATH_LINE = 300
_LABEL = re.compile(
    r"^(?:(?:updated?|modified|new|create|edit|full|complete|corrected|fixed)\s+)*"
    r"(?:file ?(?:name|path)?|path)\s*:\s*",
    re.IGNORECASE,
)
_DECORATION = re.compile(r"^(?:#{1,6}\s+|[-*+]\s+|\d+[.)]\s+|>\s+)+")
_REMARK = re.compile(r"\s*\((?:new|updated?|modified|complete|full|fixed)\b[^)]*\)")
_COMMENT = re.compile(r"(?:#|//|--|;|/\*|<!--)(.*?)(?:\*/|-->)?$")
_QUOTED = re.compile(r"`([^`\s]+)`|\*\*([^*\s]+)\*\*")
_LINE_RANGE = re.compile(r"\d+:\d+:")
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
    for _ in range(4):  # decorations nest: ### File: `path`:
        bare = _REMARK.sub("", text).strip().removesuffix(":")
        bare = _LABEL.sub("", _unquoted(bare.strip()))
        if bare == text:
            break
        text = bare
    return text if looks_like_path(text) else ""


def mentioned_path(line: str) -> str:
    """The only path that a sentence names in backticks or bold; empty if none or several."""
    words = {a or b for a, b in _QUOTED.findall(line)}
    paths = {word.rstrip(":") for word in words if looks_like_path(word.rstrip(":"))}
    return paths.pop() if len(paths) == 1 else ""


def info_path(info: str) -> str:
    """The path in a fence's info string, as in `python path=a.py`, `python:a.py` or `a.py`."""
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


def _unquoted(text: str) -> str:
    for mark in ("`", "*", '"', "'"):
        if len(text) > 2 and text.startswith(mark) and text.endswith(mark):
            return text[1:-1]
    return text

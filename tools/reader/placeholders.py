"""Paths and contents that a model copied from an example instead of naming the real thing."""

import re

_TO = (
    r"path/to|your(?=/)|your[-_ ]?(?:path|folder|project|directory|repo)|(?:some|my|full|"
    r"example|actual|relative|absolute)[-_]?path|caminho/(?:para|do|da|ate|até)|"
    r"chemin/(?:vers|du|de|d)|ruta/(?:a|al|hacia|del?|hasta)|camino/(?:a|al|hacia)|"
    r"pfad/(?:zu[mr]?|der|des)|percorso/(?:a[l]?|del|per|verso|di)|pad/naar|"
    r"(?:ścieżka|sciezka)/do|cesta/k|cale/(?:c[aă]tre|spre)|путь/(?:к|до)|шлях/до|dosya/yolu|"
    r"yol/(?:to|dosya)|路径/(?:到|to)|パス/(?:to|へ)|경로/(?:to|까지)|文件路径|檔案路徑|文件名|"
    r"ファイルパス|ファイル名|파일경로|파일/경로"
)
_FOLDER = re.compile(rf"(?:^|[/\s'\"=(~.])(?:{_TO})(?:$|[/\s'\")])", re.IGNORECASE)
_NAME = re.compile(
    r"(?:^|/)(?:(?:your|nome|nom|votre|tu|su|seu|ihre?|dein|jouw)[-_ ]?"
    r"(?:file|script|module|arquivo|fichier|archivo|datei|path|filename|program|code)[\w-]*|"
    r"<[^<>\n]{1,60}>|\[[^\[\]\n]*(?:file|path|name)[^\[\]\n]*\]|file[-_ ]?path|file[-_ ]?name|"
    r"\{+[^{}\n]{1,60}\}+|\$\{?(?:file|path)\w*\}?|nome_do_arquivo|nom_du_fichier|dateiname|"
    r"nombre_del?_archivo|path|filepath|file\.ext|filename\.ext|\.\.\.|xxx+)(?:\.\w+)?$",
    re.IGNORECASE,
)
_SLOT = re.compile(
    r"<(?:[^<>\n]*\b)?(?:file|path|dir|folder|name|command|your)\w*(?:\b[^<>\n]*)?>", re.I
)
_CONTENT = re.compile(
    r"\W*(?:(?:your|the|new|full|entire|complete|actual|updated|file|some|insert|put|add|write|"
    r"placeholder|here|goes|for|of|code|python|text|o|do|da|le|du|de|el|del|la|der|die|datei|"
    r"arquivo|fichier|archivo|here's|this|in)[\s_-]+)*"
    r"(?:contents?|file contents?|conte[uú]do|contenu|contenido|contenuto|inhalt|inhoud|code|text|"
    r"content here|code here|texto|texte|codigo|código)"
    r"(?:[\s_-]+(?:here|goes|of|the|file|do|da|du|de|del|della|der|datei|arquivo|fichier|archivo|"
    r"file|your|goes here|aqui|aquí|ici|hier|el|le|la|il))*\W*",
    re.IGNORECASE,
)
_MIN_WORDS = 2
_MAX_CONTENT = 90


def is_placeholder_path(path: str) -> bool:
    """Whether a path is an example's, in one of the languages that models answer in."""
    return bool(_FOLDER.search(path) or _NAME.search(path))


def is_placeholder_command(command: str) -> bool:
    """Whether a command still has a slot to fill, such as `<file>` or `path/to/`."""
    said = re.fullmatch(r"\W*(?:(?:your|the|shell) )*(?:command|cmd)(?: here)?\W*", command, re.I)
    bare = command.strip("\"'` \t\n")
    return bool(said or bare in ("...", "…") or _FOLDER.search(command) or _SLOT.search(command))


def is_placeholder_content(text: str) -> bool:
    """Whether a file's whole text only says that its content belongs here."""
    bare = text.strip()
    if not bare or len(bare) > _MAX_CONTENT or "\n" in bare:
        return False
    if bare in ("...", "…") or (bare[0] + bare[-1] in ("<>", "{}", "[]") and " " in bare[1:-1]):
        words = bare[1:-1].strip().lower()
        return not words.strip(".…") or bool(re.search(r"content|code|text|file|conte", words))
    return len(bare.split()) >= _MIN_WORDS and bool(_CONTENT.fullmatch(bare))

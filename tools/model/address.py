"""How an address of Ollama may be written, and how it may be shown. Pure text, no connection."""

from ipaddress import AddressValueError, IPv6Address, ip_address
from urllib.parse import urlsplit

from greenloop.errors import ConfigError

DEFAULT_PORT = 11434
_SCHEME_PORTS = {"http": 80, "https": 443}
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses to listen on, and where to reach what listens there."""


def normalise_host(text: str) -> str:
    """The address as `scheme://host:port[/path]`, for every form that OLLAMA_HOST may have.

    Follows envconfig.Host of Ollama and _parse_host of ollama-python: no scheme means http and
    port 11434, a scheme without a port means that scheme's port, an empty host is this machine.
    Addresses to listen on become addresses to connect to; a path is kept without its last slash.

    Raises:
        ConfigError: it cannot be read as an address.
    """
    words = text.strip().strip("\"'").strip()
    scheme, given, rest = words.partition("://")
    if not given:
        scheme, rest = "http", words
    scheme = scheme.lower()
    wrong = ConfigError(f"{text!r} is no address of Ollama: write host:port or http://host:port")
    if scheme not in _SCHEME_PORTS or any(c.isspace() for c in rest):
        raise wrong
    try:
        split = urlsplit(f"{scheme}://{f'[{rest}]' if _is_ipv6(rest) else rest}")
        port = split.port or (_SCHEME_PORTS[scheme] if given else DEFAULT_PORT)
    except ValueError as error:
        raise wrong from error
    name = split.hostname or "127.0.0.1"
    name = _WILDCARDS.get(name, name)
    login, at, _ = split.netloc.rpartition("@")
    where = f"[{name}]" if ":" in name else name
    return f"{scheme}://{login}{at}{where}:{port}{split.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Whether a normalised address is this machine, which no proxy should stand before."""
    name = urlsplit(host).hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def without_login(host: str) -> str:
    """A normalised address as it may be shown: a name and password in it are left out."""
    scheme, _, rest = host.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True

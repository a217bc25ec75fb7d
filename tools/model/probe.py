"""Asking an Ollama server what it has, before anything heavy is loaded.

Also the one place that knows how an address of Ollama may be written.
"""

from ipaddress import AddressValueError, IPv6Address, ip_address
from urllib.parse import urlsplit

from greenloop.errors import ConfigError, ModelUnavailableError

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


def list_models(host: str, timeout_s: float = 1.5) -> tuple[str, ...] | None:
    """Names of the models that a server offers, or None when no server answers.

    Args:
        host: normalised address.
        timeout_s: longest wait for the connection, and again for the answer, in seconds.

    Raises:
        ModelUnavailableError: something answers, but not as Ollama does.
    """
    import httpx  # noqa: PLC0415

    try:
        response = httpx.get(
            f"{host}/api/tags",
            timeout=timeout_s,
            trust_env=not is_loopback(host),
            verify=host.startswith("https:"),
            follow_redirects=True,
        )
    except (httpx.ConnectError, httpx.TimeoutException):
        return None
    except httpx.HTTPError as error:
        raise _no_ollama(host, f"the connection broke: {error}") from error
    if response.status_code != httpx.codes.OK:
        raise _no_ollama(host, f"HTTP {response.status_code}")
    try:
        return tuple(str(model["name"]) for model in response.json()["models"] or ())
    except (ValueError, KeyError, TypeError) as error:
        raise _no_ollama(host, "its answer is no list of models") from error


def has_model(models: tuple[str, ...], name: str) -> bool:
    """Whether a model is among those offered; a name without a tag means `:latest`."""
    return _tagged(name) in {_tagged(model) for model in models}


def _tagged(name: str) -> str:
    # A colon before the last slash belongs to a registry's port.
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def _no_ollama(host: str, why: str) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"what answers at {without_login(host)} is not Ollama ({why}): "
        "check the address, and that `ollama serve` runs there"
    )

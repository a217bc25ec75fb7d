"""Opening a chat model of LangChain's for one reply, with our time limits and no tries of its own.

Providers that can be given a connection get one of our making: it belongs to one reply, passes by
every proxy on the way to this machine, and is closed for certain.
"""

import re
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from greenloop.errors import ConfigError
from greenloop.tools.model.address import is_loopback, without_login
from greenloop.tools.model.base import ModelRequest
from greenloop.tools.model.one_line import one_line

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_EXTRA = ("anthropic", "openai")
"""Providers whose packages the extra brings along."""
_NO_KEY = "none"
"""For servers on this machine, which ask for no key, and clients that insist on one."""
_SDKS = {"anthropic": "anthropic", "azure_openai": "openai", "openai": "openai"}
"""Packages whose clients take a connection of our making."""
LIMIT = "extra_body"
"""LangChain's setting by which the limit is told by the name of OpenAI's older protocol too."""
_KEY_NAME = re.compile(r"\b[A-Z][A-Z0-9_]*_(?:KEY|TOKEN)\b")
_ABOUT_KEYS = re.compile(r"api[_ ]?key|credential|token", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Access:
    """How a provider's model is reached."""

    provider: str
    model: str
    base_url: str
    """Empty for the provider's own."""
    num_predict: int
    connect_s: float
    gap_s: float

    @property
    def local(self) -> bool:
        """Whether the server is on this machine."""
        return bool(self.base_url) and is_loopback(self.base_url)

    @property
    def settings(self) -> frozenset[str]:
        """Settings that are told, as LangChain calls them, and that the model may refuse."""
        told = {"temperature"}
        if _SDKS.get(self.provider) == "openai":
            told |= {"seed", "stream_usage"}
        if self.provider == "openai" and self.base_url:
            # Servers that speak OpenAI's older protocol know only `max_tokens`; reasoning models
            # know only `max_completion_tokens`, which LangChain sends.
            told |= {LIMIT}
        return frozenset(told)

    @property
    def where(self) -> str:
        """The server, for messages."""
        return without_login(self.base_url) if self.base_url else f"the API of {self.provider}"

    @property
    def key_name(self) -> str:
        """The environment variable in which providers usually look for the key."""
        return f"{self.provider.upper()}_API_KEY"


def check_access(access: Access) -> None:
    """Whether the packages and the key for a model are there. Asks nobody.

    Raises:
        ConfigError: a package or the key is missing, or the provider takes no such model.
    """
    chat = _make(access, {})
    if access.provider == "anthropic":
        _key_of(access, vars(chat))


@asynccontextmanager
async def opened(
    access: Access, request: ModelRequest, untold: frozenset[str]
) -> AsyncIterator["BaseChatModel"]:
    """A chat model for one reply; its connections are closed afterwards.

    Args:
        access: which one.
        request: for temperature and seed.
        untold: settings that the model has refused before.

    Raises:
        ConfigError: see `check_access`.
    """
    wishes: dict[str, Any] = {
        "temperature": request.temperature,
        "seed": request.seed,
        "stream_usage": True,
        LIMIT: {"max_tokens": access.num_predict},
    }
    told = {k: wishes[k] for k in access.settings - untold if wishes[k] is not None}
    if access.provider not in _SDKS:
        yield _make(access, told)
        return
    async with _connection(access) as connection:
        if access.provider != "anthropic":
            yield _make(access, {**told, "http_async_client": connection})
            return
        chat = _make(access, told)
        known = vars(chat)
        own = {"http_client": connection, "api_key": _key_of(access, known)}
        # ChatAnthropic has no setting for it, and shares its connections among event loops. The
        # attribute is a cached property, so that what is put there stays.
        known["_async_client"] = chat._async_client.copy(**own)  # type: ignore[attr-defined]
        yield chat


def _key_of(access: Access, anthropic: Mapping[str, Any]) -> str:
    """The key that ChatAnthropic found: without one it says so only when it is asked."""
    key = str(anthropic["anthropic_api_key"].get_secret_value())
    if not key and not access.local:
        raise _key_missing(access, "")
    return key or _NO_KEY


def _connection(access: Access) -> Any:
    """A connection of the kind that the provider's package works with."""
    sdk = import_module(_SDKS[access.provider])
    # Anthropic's package looks for proxies by itself, whatever `trust_env` says.
    direct = dict.fromkeys(("all://", "http://", "https://")) if access.local else None
    return sdk.DefaultAsyncHttpxClient(
        timeout=sdk.Timeout(access.gap_s, connect=access.connect_s),
        trust_env=not access.local,
        mounts=direct or {},
        verify=not access.base_url.startswith("http:"),
    )


def _make(access: Access, told: Mapping[str, Any]) -> "BaseChatModel":
    try:
        from langchain.chat_models import init_chat_model  # noqa: PLC0415
    except ImportError as error:
        raise _package_missing(access, error) from error
    settings: dict[str, Any] = {
        "max_tokens": access.num_predict,
        "timeout": access.gap_s,
        "max_retries": 0,
        **told,
    }
    if access.base_url:
        settings["base_url"] = access.base_url
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they would be written into the user's terminal
        try:
            chat: BaseChatModel = init_chat_model(
                access.model, model_provider=access.provider, **settings
            )
        except ImportError as error:
            raise _package_missing(access, error) from error
        except Exception as error:
            # Each provider's package has exceptions of its own, some of which are not installed.
            if not _ABOUT_KEYS.search(str(error)):
                raise _unfit(access, error) from error
            if not access.local:
                raise _key_missing(access, str(error)) from error
            settings["api_key"] = _NO_KEY
            chat = init_chat_model(access.model, model_provider=access.provider, **settings)
    return chat


def _package_missing(access: Access, error: ImportError) -> ConfigError:
    named = re.search(r"pip install (?:-U )?([\w.\[\]-]+)", str(error))
    package = "'greenloop[providers]'" if access.provider in _EXTRA or not named else named[1]
    return ConfigError(
        f"{access.provider}:{access.model} needs a package that is not installed: "
        f"pip install {package}"
    )


def _key_missing(access: Access, text: str) -> ConfigError:
    named = _KEY_NAME.search(text)
    return ConfigError(
        f"{access.provider}:{access.model} needs a key: set the environment variable "
        f"{named[0] if named else access.key_name}"
    )


def _unfit(access: Access, error: Exception) -> ConfigError:
    why = one_line(str(error)) or type(error).__name__
    return ConfigError(
        f"{access.provider}:{access.model} cannot be used: {why}; see "
        "the documentation of that provider in LangChain"
    )

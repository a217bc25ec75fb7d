"""Records that somebody else wrote into a checkpoint: they name a function that is to be called."""

from typing import Any


def planted(module: str, name: str, argument: str, kind: int = 0) -> tuple[str, bytes]:
    """A checkpoint in LangGraph's encoding whose plan is a call.

    Args:
        module: where the function is.
        name: the function's name.
        argument: what it would be given.
        kind: of LangGraph's extensions of msgpack; 0 calls with one argument.
    """
    return "msgpack", _packed(_checkpoint(_call(module, name, argument, kind)))


def plant_in(data: bytes, module: str, name: str, argument: str, kind: int = 0) -> bytes:
    """A real checkpoint, encoded, with its plan replaced by a call."""
    import ormsgpack

    keep = ormsgpack.unpackb(data, ext_hook=ormsgpack.Ext, option=ormsgpack.OPT_NON_STR_KEYS)
    keep["channel_values"]["plan"] = _call(module, name, argument, kind)
    return _packed(keep)


def _call(module: str, name: str, argument: str, kind: int) -> Any:
    import ormsgpack

    return ormsgpack.Ext(kind, _packed((module, name, argument)))


def _checkpoint(plan: Any) -> dict[str, Any]:
    return {"channel_values": {"plan": plan}}


def _packed(value: Any) -> bytes:
    import ormsgpack

    return bytes(ormsgpack.packb(value, option=ormsgpack.OPT_NON_STR_KEYS))

"""GPUs of the stand-in that hold a model with just one window, and what was loaded into them."""

from greenloop.tools.standin.offered import OfferedModel
from greenloop.tools.standin.start import Standin

_MODEL = OfferedModel("qwen2.5-coder:7b")


def room_for(num_ctx: int) -> int:
    """Bytes of a GPU that holds qwen2.5-coder:7b with this window and no larger one."""
    return _MODEL.size + _MODEL.kv_per_token * num_ctx


def loads_of(standin: Standin) -> list[int]:
    """Windows asked for by requests that only load."""
    bodies = [record["body"] for record in standin.loads()]
    return [body["options"]["num_ctx"] for body in bodies if not body["messages"]]

"""The lines of /api/pull: a manifest, one layer in three steps, and success."""

from collections.abc import Iterator
from typing import Any

from greenloop.tools.standin.listing import digest
from greenloop.tools.standin.offered import OfferedModel

UNKNOWN = "pull model manifest: file does not exist"


def progress(model: OfferedModel, steps: int = 3) -> Iterator[dict[str, Any]]:
    """What is reported on the way; `completed` is left out while it is zero."""
    whole = f"sha256:{digest(model)}"
    yield {"status": "pulling manifest"}
    layer = {"status": f"pulling {digest(model)[:12]}", "digest": whole, "total": model.size}
    for step in range(steps + 1):
        yield layer | ({"completed": model.size * step // steps} if step else {})
    yield {"status": "verifying sha256 digest"}
    yield {"status": "writing manifest"}
    yield {"status": "success"}

"""What each test did, put together from the events of a child.

Runs inside the tested project's interpreter: standard library only, Python 3.8 on.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable

Json = Dict[str, Any]


def outcomes(events: Iterable[Json]) -> Dict[str, Json]:
    """What each test did, setup, call and teardown taken together."""
    tests: Dict[str, Json] = {}
    for event in events:
        kind = event["event"]
        if kind == "start":
            crashed = {"error": "Crash", "message": "the test process ended", "frames": []}
            tests[event["id"]] = {
                "outcome": "failed",
                "so_far": "passed",
                "seconds": 0.0,
                **crashed,
            }
        elif kind == "collect_error":
            tests[event["id"]] = {"seconds": 0.0, "collecting": True, **event, "outcome": "failed"}
        elif kind == "phase" and event["id"] in tests:
            _add_phase(tests[event["id"]], event)
    return tests


def _add_phase(test: Json, event: Json) -> None:
    """Only the end of the teardown settles a test: a child may be killed at any time."""
    test["seconds"] += event["seconds"]
    if test["so_far"] == "passed":
        test["so_far"] = "passed" if event["xfail"] else event["outcome"]
        if test["so_far"] == "failed":
            test["so_far"] = "slow" if event.get("slow") else "failed"
            test.update({key: event.get(key, "") for key in ("error", "message")})
            test["frames"] = event.get("frames", [])
    if event["when"] == "teardown":
        test["outcome"] = test["so_far"]


def is_fixed(test_id: str, found: Dict[str, Json]) -> bool:
    """Whether a test passes; for a file that could not be collected, whether one of its does."""
    if test_id in found:
        return bool(found[test_id]["outcome"] == "passed")
    prefix = test_id + "::"
    return any(t.startswith(prefix) and found[t]["outcome"] == "passed" for t in found)

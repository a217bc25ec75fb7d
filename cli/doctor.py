"""`greenloop doctor`: what stands in the way of a run, and what a model can do."""

import argparse
import json
import sys
from pathlib import Path

from greenloop.checkpoints.salvage import Salvaged
from greenloop.cli.program import program, shown
from greenloop.config import load, prepare_process
from greenloop.graph.doctor import Diagnosis, examine
from greenloop.graph.doctor_check import Check
from greenloop.tools.text import printable

_WIDTH = 9
"""Of a level or a check's name, in columns."""


def doctor(args: argparse.Namespace) -> int:
    """`greenloop doctor [--probe [MODEL] | --repair-store]`."""
    prepare_process()
    if args.repair_store:
        return _repair(args)
    if args.probe is not None:
        return _probe(args)
    diagnosis = examine(Path(args.repo))
    if args.json:
        print(json.dumps(diagnosis.as_json()))
    else:
        _print(diagnosis)
    return int(diagnosis.blocked)


def _print(diagnosis: Diagnosis) -> None:
    print(printable(f"greenloop  {shown(Path(diagnosis.repo))}"))
    for check in diagnosis.checks:
        _print_check(check)
    print(printable(diagnosis.verdict.replace("greenloop run", f"{program()} run")))


def _print_check(check: Check) -> None:
    level, name = f"{check.level:<{_WIDTH}}", f"{check.name:<{_WIDTH}}"
    print(printable(f"  {level}{name} {check.found}"))
    if check.advice:
        print(printable(f"  {'':<{2 * _WIDTH}} -> {check.advice}"))


def _repair(args: argparse.Namespace) -> int:
    from greenloop.graph.doctor_store import repair_store  # noqa: PLC0415

    saved = repair_store(load({}).settings)
    if args.json:
        print(json.dumps(_repair_as_json(saved)))
        return int(saved is not None and bool(saved.part or saved.lost))
    if saved is None:
        print("the database is sound: nothing was changed")
        return 0
    for word, names in (("whole", saved.whole), ("in part", saved.part), ("lost", saved.lost)):
        for name in names:
            print(printable(f"  {word:<8} {name}"))
    if not saved.header:
        print("the head of the file was destroyed: threads that you had removed may be back")
    print(
        f"{len(saved.whole)} threads saved whole, {len(saved.part)} in part, "
        f"{len(saved.lost)} lost; {saved.pages} damaged pages"
    )
    print(printable(f"the damaged file is kept as {saved.aside}"))
    return int(bool(saved.part or saved.lost))


def _repair_as_json(saved: Salvaged | None) -> dict[str, object]:
    if saved is None:
        return {"status": "sound", "exit_code": 0}
    return {
        "status": "repaired",
        "exit_code": int(bool(saved.part or saved.lost)),
        "whole": list(saved.whole),
        "part": list(saved.part),
        "lost": list(saved.lost),
        "aside": str(saved.aside),
        "damaged_pages": saved.pages,
    }


def _probe(args: argparse.Namespace) -> int:
    from greenloop.graph.doctor_probe import probe  # noqa: PLC0415

    # Progress is for a person; with --json stdout holds the one object.
    stream = sys.stderr if args.json else sys.stdout

    def tell(line: str) -> None:
        print(printable(f"  {line}"), file=stream, flush=True)

    probed = probe(args.probe, Path(args.repo), tell)
    if args.json:
        print(json.dumps(probed.as_json()))
        return 1 if probed.warning else 0
    if probed.kept:
        print(printable(f"runs with {probed.model} use from now on:"))
        for line in probed.lines:
            print(printable(f"  {line}"))
    else:
        print(printable(f"nothing is kept: every reply of {probed.model} was an error"))
    if probed.warning:
        print(printable(f"warning: {probed.warning}"))
    return 1 if probed.warning else 0

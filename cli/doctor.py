"""`greenloop doctor`: what stands in the way of a run, and what a model can do."""

import argparse
import json
import sys
from pathlib import Path

from greenloop.cli.program import program, shown
from greenloop.config import prepare_process
from greenloop.graph.doctor import Diagnosis, examine
from greenloop.graph.doctor_check import Check
from greenloop.tools.text import printable

_WIDTH = 9
"""Of a level or a check's name, in columns."""


def doctor(args: argparse.Namespace) -> int:
    """`greenloop doctor [--probe [MODEL]]`."""
    prepare_process()
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

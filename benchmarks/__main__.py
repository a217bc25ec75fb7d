"""`python -m benchmarks NAME [--json]`: run one benchmark and print its figures.

With `--json` the last line is one object with the figures.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from greenloop.errors import GreenloopError

Figures = Mapping[str, object]


def main() -> int:
    """Run the benchmark named on the command line."""
    args = _parser().parse_args()
    run: Callable[[argparse.Namespace], Figures] = args.run
    try:
        figures = run(args)
    except GreenloopError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return error.exit_code
    if args.json:
        print(json.dumps(figures))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measurements.")
    names = parser.add_subparsers(metavar="NAME", required=True)
    for name, run, about in (
        ("startup", _startup, "how long a user waits before anything happens"),
        ("outputs", _outputs, "how a corpus of what models really wrote is read"),
        ("prompts", _prompts, "what a ten-step run sends, beside naive chat history"),
        ("faults", _faults, "every failure of the model server, at three moments"),
        ("snapshots", _snapshots, "a snapshot and a restore, beside `git status`"),
        ("crash", _crash, "runs that are killed at random: what is lost, doubled or done again"),
        ("growth", _growth, "what a step costs in a long thread, beside plain LangGraph"),
    ):
        command = names.add_parser(name, help=about, description=about)
        command.set_defaults(run=run)
        command.add_argument("--json", action="store_true", help="end with one JSON object")
        if name == "startup":
            command.add_argument(
                "--runs", type=int, default=7, metavar="N", help="repetitions (default: 7)"
            )
        if name == "snapshots":
            command.add_argument(
                "--files", type=int, nargs="+", metavar="N", help="sizes of the trees"
            )
        if name in ("crash", "growth"):
            _size_options(command, name)
        if name == "outputs":
            command.add_argument(
                "--corpus", type=Path, required=True, metavar="FILE", help="JSON lines"
            )
    return parser


def _size_options(command: argparse.ArgumentParser, name: str) -> None:
    if name == "growth":
        command.add_argument(
            "--steps", type=int, default=3000, metavar="N", help="steps of ours (default: 3000)"
        )
        return
    command.add_argument(
        "--kills", type=int, default=200, metavar="N", help="kills that are to land (default: 200)"
    )
    command.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of tasks, moments and faults (default: 0)"
    )
    command.add_argument(
        "--store", default="", metavar="URL", help="database of the threads; default: a file"
    )


def _startup(args: argparse.Namespace) -> Figures:
    from benchmarks import startup  # noqa: PLC0415

    figures = startup.measure(args.runs)
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}}  {value:8.1f}")
    return figures


def _outputs(args: argparse.Namespace) -> Figures:
    from benchmarks import outputs  # noqa: PLC0415

    measured = outputs.measure(args.corpus)
    print(outputs.table(measured))
    return asdict(measured)


def _prompts(_args: argparse.Namespace) -> Figures:
    from benchmarks import prompts  # noqa: PLC0415

    figures = prompts.measure()
    print(prompts.table(figures))
    return figures


def _faults(_args: argparse.Namespace) -> Figures:
    from benchmarks import faults  # noqa: PLC0415

    rows = faults.measure()
    print(faults.table(rows))
    return faults.figures(rows)


def _snapshots(args: argparse.Namespace) -> Figures:
    from benchmarks import snapshots  # noqa: PLC0415

    figures = snapshots.measure(args.files or snapshots.SIZES)
    print(snapshots.table(figures))
    return figures


def _crash(args: argparse.Namespace) -> Figures:
    from benchmarks import crash  # noqa: PLC0415

    counts = crash.measure(args.kills, args.seed, args.store, lambda line: print(line, flush=True))
    print(crash.table(counts))
    return crash.figures(counts)


def _growth(args: argparse.Namespace) -> Figures:
    from benchmarks import growth  # noqa: PLC0415

    measured = growth.measure(args.steps)
    print(growth.table(measured))
    return growth.figures(measured)


if __name__ == "__main__":
    raise SystemExit(main())

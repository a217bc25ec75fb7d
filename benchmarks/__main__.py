"""`python -m benchmarks NAME [--json]`: run one benchmark and print its figures."""

import argparse
import json
from collections.abc import Callable, Mapping

from benchmarks import startup

_BENCHMARKS: dict[str, Callable[[int], Mapping[str, float]]] = {"startup": startup.measure}


def main() -> int:
    """Run the benchmark named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=sorted(_BENCHMARKS), help="what to measure")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="repetitions (default: 7)")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    args = parser.parse_args()
    figures = _BENCHMARKS[args.name](args.runs)
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}}  {value:8.1f}")
    if args.json:
        print(json.dumps(dict(figures)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

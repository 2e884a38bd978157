"""Whether other projects' tests end as they do without the plugin: ``python -m benchmarks.foreign_suites``.

Runs the suites of pytest, pytest-xdist and pluggy, from their source distributions, in two environments that
differ by pytest-mlops and what it depends on. pytest's own tests start runs of pytest with plugin autoloading
off, so its suite is run a second time with the idle plugin loaded into each of these by name.

Exits with 1 if a test ends differently, and with 2 if something could not be fetched or a suite did not run
to its end.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks._outcomes import Comparison, compare, run_pair
from benchmarks._suites import SUITES, Suites

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def main(argv: list[str] | None = None) -> int:
    """Fetch, run, compare and print; return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    unknown = sorted({*options.suites} - {*SUITES})
    if unknown:
        parser.error(f"no suite {', '.join(unknown)}; expected {', '.join(SUITES)}")
    with tempfile.TemporaryDirectory(prefix="suites-") as name:
        suites = Suites(folder=(options.folder or Path(name)).resolve())
        try:
            suites.prepare()
            if options.fetch_only:
                return 0
            return report(compare_suites(suites, options.suites, quick=options.quick))
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.foreign_suites",
        description="Outcomes of other projects' tests, with the idle plugin and without.",
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"{', '.join(SUITES)} (default: all)")
    parser.add_argument("--folder", type=Path, help="keeps source distributions and environments")
    parser.add_argument("--fetch-only", action="store_true", help="fill the folder and run nothing")
    parser.add_argument("--quick", action="store_true", help="a part of the suites of pytest and xdist")
    return parser


def compare_suites(suites: Suites, names: Sequence[str] = (), *, quick: bool) -> dict[str, Comparison]:
    """Compare suites in a prepared folder, all of them unless some are named.

    Returns:
        Title of a suite -> its comparison.
    """
    chosen = [SUITES[name] for name in names or SUITES]
    return {
        suite.title: compare(
            partial(run_pair, suites.archive(suite), suites.folder, inner=suite.inner),
            suite.files(quick=quick),
        )
        for suite in chosen
    }


def report(comparisons: Mapping[str, Comparison]) -> int:
    """Print a line for each suite, and every test that differed; return the exit code."""
    width = max(len(name) for name in comparisons)
    print(f"{'':{width}}  {'tests':>6}  {'different':>9}  {'unsteady':>8}  outcomes with the plugin")
    for name, comparison in comparisons.items():
        counts = (len(comparison.first.idle.by_id), len(comparison.different), len(comparison.unsteady))
        print(f"{name:{width}}  {counts[0]:6}  {counts[1]:9}  {counts[2]:8}  {comparison.counts()}")
    for name, comparison in comparisons.items():
        for difference in comparison.different:
            print(f"{name}, different in every run: {difference}")
        for difference in comparison.unsteady:
            print(f"{name}, changes from run to run in one environment: {difference}")
    return 1 if any(comparison.different for comparison in comparisons.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

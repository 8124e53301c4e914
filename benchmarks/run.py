"""Compare Tokenward with other libraries, and write benchmarks/README.md and its chart.

``python -m benchmarks.run [--quick] [--only PART ...] [--write]`` from the root of the checkout, as ``nox -s bench`` does. Each
library runs in its own process and environment (see `benchmarks.environments`) and gets the same tokens
(`benchmarks.minting`). Two libraries at a time run alternately in short blocks (`benchmarks.comparing`). The run fails if a
library gives a wrong result, but never because of a measured time.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from benchmarks.chart import draw
from benchmarks.comparing import QUICK, THOROUGH, Bench
from benchmarks.document import with_blocks
from benchmarks.environments import Environments
from benchmarks.minting import mint
from benchmarks.parts import bound, codec, footprint, profile, requests, rust, served, stores
from benchmarks.processes import SideFailedError
from benchmarks.tables import Bar, Report, conditions, today

PARTS: Mapping[str, ModuleType] = {
    "codec": codec,
    "rust": rust,
    "requests": requests,
    "bound": bound,
    "profile": profile,
    "served": served,
    "stores": stores,
    "footprint": footprint,
}
DRAWN = ("requests", "codec")
"""The parts that the chart shows, from top to bottom."""
DOCUMENT = Path("benchmarks/README.md")
CHART = Path("docs/performance.svg")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure in short blocks, for CI")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument(
        "--write", action="store_true", help=f"write the results into {DOCUMENT} and {CHART}"
    )
    parser.add_argument(
        "--environments",
        type=Path,
        help="keep the peers' environments in this folder for the next run",
    )
    return parser.parse_args()


def measured(bench: Bench, part: str) -> dict[str, Any]:
    """Measure one part and return its results: the text of its tables, its bars and versions."""
    print(f"\n## {part}\n", flush=True)
    report: Report = PARTS[part].measure(bench)
    for warning in report.warnings:
        print(f"!!! {warning}", file=sys.stderr)
    versions, day = bench.take_versions(), today()
    blocks = {name: table.markdown() for name, table in report.tables.items()}
    blocks[conditions_of(part)] = conditions(versions, [day])
    print("\n\n".join(f"{name}:\n\n{text}" for name, text in blocks.items()), flush=True)
    bars = [asdict(bar) for bar in report.bars]
    return {"blocks": blocks, "bars": bars, "versions": versions, "day": day}


def conditions_of(part: str) -> str:
    """Return the name of the block that states the conditions of a part."""
    return f"{part} conditions"


def block_names(parts: Iterable[str]) -> list[str]:
    """Return the names of all blocks of the document that some parts fill."""
    return [name for part in parts for name in (*PARTS[part].TABLES, conditions_of(part))]


def chart_of(results: Mapping[str, Any]) -> str | None:
    """Return the chart as SVG, or None if one of its parts was never measured in this folder."""
    if not all(part in results for part in DRAWN):
        return None
    bars = [Bar(**bar) for part in DRAWN for bar in results[part]["bars"]]
    versions = {name: each for part in DRAWN for name, each in results[part]["versions"].items()}
    days = {results[part]["day"] for part in DRAWN}
    return draw(
        bars,
        title="Time of authentication (less is better)",
        unit="Microseconds (HS256, usual claims). For requests: a protected route minus a bare one, including revocation.",
        notes=[conditions(dict(sorted(versions.items())), days)],
    )


def keep(folder: Path, found: Mapping[str, Any], *, is_quick: bool) -> dict[str, Any]:
    """Add new results to those of earlier runs of the same kind in this folder."""
    path = folder / ("results-quick.json" if is_quick else "results.json")
    results = json.loads(path.read_text()) if path.exists() else {}
    results |= found
    path.write_text(json.dumps(results, indent=2, ensure_ascii=False))
    return results


def write(found: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """Write the tables of the measured parts into the document, and redraw the chart."""
    blocks = {name: text for part in found.values() for name, text in part["blocks"].items()}
    DOCUMENT.write_text(with_blocks(DOCUMENT.read_text(), blocks))
    chart = chart_of(results)
    if chart is None:
        print(
            f"{CHART} stays as it is: measure {' and '.join(DRAWN)} to redraw it.", file=sys.stderr
        )
    else:
        CHART.write_text(chart)


def run(wanted: argparse.Namespace, folder: Path) -> None:
    """Measure the wanted parts, keep the results in a folder, and write them if wanted."""
    if wanted.write:  # Before measuring: check that the document has all blocks.
        with_blocks(DOCUMENT.read_text(), dict.fromkeys(block_names(wanted.only), ""))
    effort = QUICK if wanted.quick else THOROUGH
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(Environments(folder), mint(folder / "material"), effort)
    found = {part: measured(bench, part) for part in PARTS if part in wanted.only}
    results = keep(folder, found, is_quick=wanted.quick)
    if wanted.write:
        write(found, results)


if __name__ == "__main__":
    options = arguments()
    with TemporaryDirectory() as temporary:
        try:
            run(options, (options.environments or Path(temporary)).absolute())
        except SideFailedError as failure:
            sys.exit(f"A side failed: {failure}")

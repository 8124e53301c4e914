"""The one runner: measures Tokenward beside others, and writes docs/performance.md and its chart.

``python -m benchmarks.run [--quick] [--only PART ...] [--write]`` from the root of the checkout; ``nox -s bench`` does that. Each
library answers from a process and an environment of its own (see `benchmarks.environments`), on the same tokens
(`benchmarks.minting`); two at a time take turns in short blocks (`benchmarks.comparing`). It fails where a side does not do
what it claims, and never because of a time.
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
from benchmarks.parts import codec, footprint, profile, requests, served, stores
from benchmarks.processes import SideFailedError
from benchmarks.tables import Bar, Report, conditions, today

PARTS: Mapping[str, ModuleType] = {
    "codec": codec,
    "requests": requests,
    "profile": profile,
    "served": served,
    "stores": stores,
    "footprint": footprint,
}
DRAWN = ("requests", "codec")
"""The parts that the chart shows, from top to bottom."""
DOCUMENT = Path("docs/performance.md")
CHART = Path("docs/performance.svg")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short blocks, for a look and for CI")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--write", action="store_true", help=f"into {DOCUMENT} and {CHART}")
    parser.add_argument(
        "--environments", type=Path, help="keep the peers' environments here, for the next time"
    )
    return parser.parse_args()


def measured(bench: Bench, part: str) -> dict[str, Any]:
    """Measure one part; give what is kept of it: the text of its tables and its bars."""
    print(f"\n## {part}\n", flush=True)
    report: Report = PARTS[part].measure(bench)
    for warning in report.warnings:
        print(f"!!! {warning}", file=sys.stderr)
    versions, day = bench.versions_seen(), today()
    blocks = {name: table.markdown() for name, table in report.tables.items()}
    blocks[conditions_of(part)] = conditions(versions, [day])
    print("\n\n".join(f"{name}:\n\n{text}" for name, text in blocks.items()), flush=True)
    bars = [asdict(bar) for bar in report.bars]
    return {"blocks": blocks, "bars": bars, "versions": versions, "day": day}


def conditions_of(part: str) -> str:
    """Name the block of the document that says on what a part was measured."""
    return f"{part} conditions"


def block_names(parts: Iterable[str]) -> list[str]:
    """Name all blocks of the document that some parts fill."""
    return [name for part in parts for name in (*PARTS[part].TABLES, conditions_of(part))]


def chart_of(results: Mapping[str, Any]) -> str | None:
    """Draw what the chart shows; None where a part of it was never measured in this folder."""
    if not all(part in results for part in DRAWN):
        return None
    bars = [Bar(**bar) for part in DRAWN for bar in results[part]["bars"]]
    versions = {name: each for part in DRAWN for name, each in results[part]["versions"].items()}
    days = {results[part]["day"] for part in DRAWN}
    return draw(
        bars,
        title="What authentication takes (less is better)",
        unit="Microseconds (HS256, usual claims). For requests: a protected route minus a bare one, revocation asked.",
        notes=[conditions(dict(sorted(versions.items())), days)],
    )


def keep(folder: Path, found: Mapping[str, Any], *, is_quick: bool) -> dict[str, Any]:
    """Join what was found with what earlier runs of the same kind found in this folder."""
    path = folder / ("results-quick.json" if is_quick else "results.json")
    results = json.loads(path.read_text()) if path.exists() else {}
    results |= found
    path.write_text(json.dumps(results, indent=2, ensure_ascii=False))
    return results


def write(found: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    """Put the tables of the measured parts into the document, and draw the chart anew."""
    blocks = {name: text for part in found.values() for name, text in part["blocks"].items()}
    DOCUMENT.write_text(with_blocks(DOCUMENT.read_text(), blocks))
    chart = chart_of(results)
    if chart is None:
        print(f"{CHART} is left as it is: it wants {' and '.join(DRAWN)}.", file=sys.stderr)
    else:
        CHART.write_text(chart)


def run(wanted: argparse.Namespace, folder: Path) -> None:
    """Measure the wanted parts in a folder, and keep and write what they found."""
    if wanted.write:  # before anything is measured: see that there is a place for all of it
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
            sys.exit(f"A side has failed: {failure}")

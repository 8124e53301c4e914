"""The page about metrics names what is exported."""

import re

from tests.docs.pages import ROOT, blocks_of, run
from tests.support import SECRET
from tests.telemetry.test_telemetry import Collected
from tokenward import KeyRing, TokenEngine
from tokenward.engine.telemetry import ObservedStore

PAGE = ROOT / "docs" / "metrics.md"


async def test_the_program_runs():
    """An engine is observed, and so is its store."""
    names = {"ring": KeyRing.from_secret(SECRET), "url": "redis://127.0.0.1:1"}
    names = await run(blocks_of(PAGE)[0], names)
    assert isinstance(names["engine"].store, ObservedStore)
    await names["engine"].store.aclose()


def test_each_metric_is_described_with_its_kind_and_unit():
    """Every instrument that `Telemetry` creates, and no other one."""
    rows = re.findall(
        r"^\| `(tokenward\.[\w.]+)` \| (\w+) \| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE
    )
    sdk = Collected()
    sdk.telemetry.observe_engine(TokenEngine(KeyRing.from_secret(SECRET)))
    meters = sdk.provider._meters.values()
    kinds = {"Counter": "counter", "Histogram": "histogram", "Gauge": "gauge"}
    created = {
        (
            each.name,
            next(kinds[kind] for kind in kinds if type(each).__name__.endswith(kind)),
            each.unit,
        )
        for meter in meters
        for each in meter._instrument_id_instrument.values()
    }
    assert set(rows) == created

"""The example with a signer in another process."""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "signer_process.py"


def test_the_vault_signs_and_this_process_cannot():
    """The token is valid, and the process that issued it has no private key."""
    run = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-W", "error", str(EXAMPLE)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == [
        "alice, signed with ES256 in another process",
        "can this process sign? no",
    ]

"""The workflows check what `.ci/run` checks."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SESSIONS = re.findall(
    r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text("utf-8"), re.MULTILINE
)


def sessions_in(text: str) -> set[str]:
    """Return the sessions of nox that a script or a workflow names."""
    named = " ".join(re.findall(r"(?:-s|sessions:) ([\w ]+)", text)).split()
    return {each for each in named if each in SESSIONS}


def test_the_workflows_run_each_session_of_ci() -> None:
    """Except the benchmarks: on a machine that others share, they would say nothing."""
    workflows = [path.read_text("utf-8") for path in (ROOT / ".github/workflows").glob("*.yml")]
    ours = sessions_in((ROOT / ".ci/run").read_text("utf-8"))
    assert {"tests", "lint", "fuzz", "extras", "threads"} <= ours
    assert ours - sessions_in("\n".join(workflows)) == {"bench"}

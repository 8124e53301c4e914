"""Run every target for some seconds: ``python -m fuzz.run [SECONDS] [TARGET ...]``.

Inputs that reach new code are kept in ``build/fuzz/corpus`` for the next run, and an input that fails in
``build/fuzz/failures``.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

from fuzz.corpus import TARGETS, write_seeds

__all__: list[str] = []

_DICTIONARY: Final = Path(__file__).with_name("tokens.dict")
_CORPUS: Final = Path("build/fuzz/corpus")
_FAILURES: Final = Path("build/fuzz/failures")
_OPTIONS: Final = (
    f"-dict={_DICTIONARY}",
    f"-artifact_prefix={_FAILURES}/",
    "-max_len=20000",  # longer than the longest token
    "-entropic_scale_per_exec_time=1",  # changes cheap inputs more often than RSA keys
    "-timeout=5",  # seconds for one input
    "-rss_limit_mb=1024",
    "-malloc_limit_mb=256",
    "-print_final_stats=1",
    "-verbosity=0",
)
_STATISTIC: Final = re.compile(r"stat::(\w+):\s+(\d+)")
_SECONDS: Final = "10"


class _Outcome(NamedTuple):
    target: str
    executions: int
    rate: int
    """Executions per second, as libFuzzer measured them."""
    failure: Path | None

    def __str__(self) -> str:
        result = "passed" if self.failure is None else "failed"
        return f"| {self.target:13} | {self.executions:12,} | {self.rate:12,} | {result} |"


def _run(target: str, seconds: str) -> _Outcome:
    corpus = _CORPUS / target
    write_seeds(target, corpus)
    _FAILURES.mkdir(parents=True, exist_ok=True)
    before = set(_FAILURES.iterdir())
    command = [sys.executable, "-m", f"fuzz.{target}", str(corpus), f"-max_total_time={seconds}"]
    done = subprocess.run([*command, *_OPTIONS], capture_output=True, text=True, check=False)  # noqa: S603 - own module
    output = done.stdout + done.stderr
    found = dict(_STATISTIC.findall(output))
    executions = int(found.get("number_of_executed_units", 0))
    rate = int(found.get("average_exec_per_sec", 0))
    if done.returncode == 0 and executions:
        return _Outcome(target, executions, rate, None)

    print(output)
    new = sorted(set(_FAILURES.iterdir()) - before)
    failure = new[0] if new else corpus
    print(f"{target} failed. Reproduce it: python -m fuzz.{target} {failure}")
    return _Outcome(target, executions, rate, failure)


def main(arguments: list[str]) -> int:
    """Run the named targets, or all, say how to reproduce a failure, and print a table."""
    seconds = arguments[0] if arguments else _SECONDS
    targets = [f"fuzz_{name.removeprefix('fuzz_')}" for name in arguments[1:]] or TARGETS
    outcomes = []
    for target in targets:
        print(f"{target} for {seconds} seconds", flush=True)
        outcomes.append(_run(target, seconds))

    print("\n| target        | executions   | executions/s | result |\n|---|--:|--:|---|")
    print(*outcomes, sep="\n")
    failed = sum(each.failure is not None for each in outcomes)
    total = sum(each.executions for each in outcomes)
    print(f"\n{total:,} executions, {failed} of {len(targets)} targets failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

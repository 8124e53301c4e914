"""The demo of the program from async-fastapi-jwt-auth's documentation."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
IMPORTS = """\
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.exceptions import AuthJWTException
from tokenward_fastapi.authjwt.auth_jwt import AuthJWTBearer
"""


def test_the_demo_walks_the_program_to_the_end():
    """The responses are those of the reference, with one warning about the short secret."""
    run = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(EXAMPLES / "demo.py"), "authjwt"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    assert run.stdout.split()[0] == "authjwt"
    said = (
        "Bad username or password", "{'foo': ['fiz', 'baz']}", "Missing Authorization Header",
        "Signature verification failed", "['WeakSecretWarning'] ok",
    )  # fmt: skip
    assert all(each in run.stdout for each in said)
    assert "EXPECTED" not in run.stdout


def test_only_the_imports_of_the_program_are_ours():
    """Only the import lines mention Tokenward, and the secret is that of the documentation."""
    text = (EXAMPLES / "authjwt_additional_claims.py").read_text(encoding="utf-8")
    program = text.partition('\n"""\n\n')[2]
    assert IMPORTS in program
    assert "tokenward" not in program.replace(IMPORTS, "")
    assert 'authjwt_secret_key: str = "secret"' in program

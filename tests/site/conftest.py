"""The built site, which ``nox -s docs`` names in an environment variable."""

import os
from pathlib import Path

import pytest

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def site():
    """Return the directory of the built site; without one, skip."""
    if "TOKENWARD_SITE" not in os.environ:
        pytest.skip("The site is not built: nox -s docs builds and checks it")
    return Path(os.environ["TOKENWARD_SITE"])

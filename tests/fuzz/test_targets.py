"""Every fuzz target passes with its seeds, so that no target breaks unnoticed where nobody fuzzes."""

import importlib
import re
from pathlib import Path

import pytest

from fuzz.corpus import TARGETS, write_seeds

DICTIONARY = Path(__file__).parents[2] / "fuzz" / "tokens.dict"
EVERYWHERE = (b"", b"\0", b"\xff", b"{}", b"." * 20_000)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_passes_with_its_seeds(name):
    """Each seed, and each of a few inputs that suit no target, passes the target's checks."""
    target = importlib.import_module(f"fuzz.{name}")
    seeds = list(target.seeds())

    assert len(set(seeds)) >= 5
    for data in (*seeds, *EVERYWHERE):
        target.check(data)


def test_a_corpus_has_one_file_for_each_seed(tmp_path):
    """The files have the same names each time, so that a corpus can be written again."""
    write_seeds("fuzz_header", tmp_path)
    write_seeds("fuzz_header", tmp_path)

    contents = {path.read_bytes() for path in tmp_path.iterdir()}
    assert contents == set(importlib.import_module("fuzz.fuzz_header").seeds())
    assert len(contents) == len(list(tmp_path.iterdir()))


def test_the_dictionary_has_the_form_of_libfuzzer():
    """A line is a comment, or text in quotation marks in which only some characters are escaped."""
    for line in DICTIONARY.read_text("ascii").splitlines():
        assert re.fullmatch(r'#.*|"([^"\\]|\\["\\]|\\x[0-9a-f]{2})+"', line), line

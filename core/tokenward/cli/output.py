"""What reaches the terminal. Nothing that a stranger wrote gets there as it is.

A claim may hold escape sequences that repaint the screen, and marks that turn the order of letters
around: whatever is not plainly printable is written as its escape.
"""

import json
import re
import sys
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue
from rich.console import Console
from rich.text import Text

__all__ = ["escaped", "name_text", "print_json", "print_line", "quoted", "signature_text", "warn"]

_LONGEST: Final = 400
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.:/#-]{1,80}")
_LAST_CONTROL: Final = 0x9F


def escaped(text: str) -> str:
    """Write what cannot be seen, or would act on the terminal, as the escape that JSON has for it."""
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in text)


def quoted(value: JsonValue) -> str:
    """Write a value as JSON on one line, escaped, and cut where it is long."""
    text = escaped(json.dumps(value, ensure_ascii=False))
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… ({len(text)} characters)"


def name_text(name: str) -> str:
    """Write the name of a claim; in quotes where it could be taken for something else."""
    return name if _PLAIN_NAME.fullmatch(name) else quoted(name)


def signature_text(signature: str, size: int) -> str:
    """Show a signature's first letters: enough to compare, and too little to use."""
    return f"{signature[: min(8, len(signature) // 4)]}… ({size} bytes)"


def print_line(*parts: str | tuple[str, str], error: bool = False) -> None:
    """Print one line of texts, some of them with a style; a line break in them is escaped."""
    line = Text.assemble(
        *(escaped(part) if isinstance(part, str) else (escaped(part[0]), part[1]) for part in parts)
    )
    console = Console(file=sys.stderr if error else sys.stdout, soft_wrap=True)
    console.print(line, highlight=False)


def print_json(members: Mapping[str, JsonValue]) -> None:
    """Print one JSON object, in ASCII alone."""
    text = json.dumps(members, indent=2)
    # The one control character that JSON does not escape.
    sys.stdout.write(text.replace("\x7f", "\\u007f") + "\n")


def warn(message: str) -> None:
    """Say something beside the answer."""
    print_line("tokenward: ", message, error=True)


def _escape(letter: str) -> str:
    if ord(letter) <= _LAST_CONTROL:
        return f"\\u{ord(letter):04x}"
    return json.dumps(letter)[1:-1]

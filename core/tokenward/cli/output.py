"""Output for the terminal, in which everything from a token is escaped.

A claim may contain escape sequences that repaint the screen, or marks that reverse the order of
characters. Every character that is not printable is written as an escape.
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
    """Return text in which each unprintable character is replaced by its JSON escape."""
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def quoted(value: JsonValue) -> str:
    """Return a value as JSON on one line, escaped, and shortened if it is long."""
    text = escaped(json.dumps(value, ensure_ascii=False))
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}… ({len(text)} characters)"


def name_text(name: str) -> str:
    """Return the name of a claim, in quotes if it has unusual characters."""
    return name if _PLAIN_NAME.fullmatch(name) else quoted(name)


def signature_text(signature: str, size: int) -> str:
    """Return the first characters of a signature: enough to compare it, too few to use it."""
    return f"{signature[: min(8, len(signature) // 4)]}… ({size} bytes)"


def print_line(*parts: str | tuple[str, str], error: bool = False) -> None:
    """Print one line of texts, some of them with a style; line breaks in them are escaped."""
    line = Text.assemble(
        *(escaped(part) if isinstance(part, str) else (escaped(part[0]), part[1]) for part in parts)
    )
    console = Console(file=sys.stderr if error else sys.stdout, soft_wrap=True)
    console.print(line, highlight=False)


def print_json(members: Mapping[str, JsonValue]) -> None:
    """Print one JSON object in ASCII."""
    text = json.dumps(members, indent=2)
    # The only control character that JSON does not escape.
    sys.stdout.write(text.replace("\x7f", "\\u007f") + "\n")


def warn(message: str) -> None:
    """Print a message to the standard error."""
    print_line("tokenward: ", message, error=True)


def _escape(character: str) -> str:
    if ord(character) <= _LAST_CONTROL:
        return f"\\u{ord(character):04x}"
    return json.dumps(character)[1:-1]

"""Puts what was measured into a document, between marks that say its name."""

import re
from collections.abc import Mapping


def with_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """Give a document with some of its generated blocks replaced; what lies outside them stays as it is.

    Args:
        text: the document.
        blocks: what comes between ``<!-- bench: NAME -->`` and ``<!-- /bench -->``, by name.

    Raises:
        LookupError: the document has no such block, or several of one name.
    """
    for name, body in blocks.items():
        mark = re.compile(
            rf"(?P<begin><!-- bench: {re.escape(name)} -->\n)(?:(?!<!-- bench: ).)*?(?P<end><!-- /bench -->)",
            re.DOTALL,
        )
        text, count = mark.subn(
            lambda found, body=body: f"{found['begin']}\n{body}\n\n{found['end']}", text
        )
        if count != 1:
            msg = f"The document has {count} blocks named {name!r}; there must be one."
            raise LookupError(msg)
    return text

"""Write the results into a document, between marks that name them."""

import re
from collections.abc import Mapping


def with_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """Return a document with some of its generated blocks replaced; all other text stays as it is.

    Args:
        text: the document.
        blocks: the text between ``<!-- bench: NAME -->`` and ``<!-- /bench -->``, by name.

    Raises:
        LookupError: the document has no block of a name, or several.
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
            msg = f"The document has {count} blocks named {name!r}; it must have exactly one."
            raise LookupError(msg)
    return text

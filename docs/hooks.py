"""Mathematics for the site: TeX becomes MathML when it is built, which browsers draw without a script or a network."""

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_DISPLAY = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """A page's HTML with its formulas as MathML."""
    html = _DISPLAY.sub(lambda found: convert(unescape(found[1]).strip(), display="block"), html)
    return _INLINE.sub(lambda found: convert(unescape(found[1]).strip()), html)

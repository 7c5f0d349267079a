"""The pages as templates (Jinja), styles and scripts, and the one function that puts the three into one page.

What a page shows is the business of the files that fill it in: `report_page.py` and `annotate_server.py`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["inline_page"]

FOLDER = Path(__file__).parent


def inline_page(name: str, context: Mapping[str, Any],
                filters: Mapping[str, Callable] | None = None) -> tuple[str, str]:
    """(page NAME.html with NAME.css and NAME.js in it, the hash by which a security policy knows the script).

    Text of the context is escaped; the template may use `style`, `script` and `script_hash` beside it.
    """
    import jinja2  # here, as a command that shows no page needs none
    from markupsafe import Markup

    engine = jinja2.Environment(loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True,
                                lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    engine.filters.update(filters or {})
    style, script = ((FOLDER / f"{name}.{ending}").read_text(encoding="utf-8") for ending in ("css", "js"))
    script_hash = "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = engine.get_template(f"{name}.html").render(style=Markup(style), script=Markup(script),
                                                      script_hash=script_hash, **context)
    return page, script_hash

"""For mkdocs: links that leave docs/ go to the repository, or lose their link where its address is not known."""

import re
from typing import Any


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """Rewrite `[text](../file)`; the address of the repository is `repo_url` of mkdocs.yml."""
    target = rf"[\1]({config.repo_url.rstrip('/')}/blob/HEAD/\2)" if config.repo_url else r"\1"
    return re.sub(r"\[([^\]]*)\]\(\.\./([^)\s]+)\)", target, markdown)

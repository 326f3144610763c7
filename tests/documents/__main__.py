"""`python -m tests.documents` writes the outputs and the generated regions of README and manual again."""

from __future__ import annotations

from tests.documents.generated import REGIONS
from tests.documents.pages import CONSOLE, DOCUMENTS, REGION
from tests.documents.printing import printed


def main() -> None:
    """Write each document again."""
    for path in DOCUMENTS.values():
        text = REGION.sub(
            lambda region: f"<!-- {region['name']} -->\n{REGIONS[region['name']]()}<!-- /{region['name']} -->",
            path.read_text(encoding="utf-8"),
        )
        text = CONSOLE.sub(lambda block: f"```console\n$ {block['command']}\n{printed(block['command'])}```", text)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

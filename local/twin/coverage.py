"""Write the table of operations in docs/twin.md: `python -m twin.coverage docs/twin.md`.

What is implemented is asked of the services themselves, what AWS has of botocore's models.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from twin.assembly import services
from twin.children import Children
from twin.protocol import OpenGate, Service
from twin.world import Container, World

BEGIN, END = "<!-- operations: begin -->", "<!-- operations: end -->"


async def generated() -> str:
    """The table of the services as the twin builds them, with nothing running."""
    nowhere, children = Path(tempfile.gettempdir()), Children()
    world = World(nowhere, "http://127.0.0.1:0", Container(nowhere, (nowhere,)), children)
    try:
        return table(services(world, OpenGate()))
    finally:
        children.stop_all()


def table(found: dict[str, Service]) -> str:
    """The generated part of the page: per service, the operations there are and how many AWS has."""
    parts = []
    for name, service in found.items():
        operations = service.implemented()
        count = f"{len(operations)} of {len(service.model.operation_names)} operations"
        parts.append(f"### {name}: {count}\n\n" + "\n".join(f"- {operation}" for operation in operations))
    return "\n\n".join(parts)


def written(page: str, operations: str) -> str:
    """The page with its generated part replaced."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{operations}\n\n{END}{rest.split(END)[1]}"


def main(arguments: list[str]) -> int:
    """Write the page, or with `--check` only compare it."""
    path = Path(arguments[-1])
    page = path.read_text()
    current = written(page, asyncio.run(generated()))
    if "--check" not in arguments:
        path.write_text(current)
    elif current != page:
        print(f"{path} is behind: run python -m twin.coverage {path}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

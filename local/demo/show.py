"""The demo on the terminal: a line for each thing that happened, and what is awaited below it.

Plain lines where the output is not a terminal.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from demo.aws import Entry


@dataclass
class Show:
    """What is shown, and the time of each stage in seconds."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    times: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def stage(self, title: str) -> Iterator[None]:
        """Names what is going on while it goes on, and keeps its time."""
        started = time.monotonic()
        self.console.print(f"\n[bold]{escape(title)}[/]")
        with self.console.status("", spinner="dots") as status:
            self._status = status
            yield
        seconds = time.monotonic() - started
        self.times.append((title, seconds))
        self.console.print(f"  [dim]{seconds:.1f} s[/]")

    def waiting(self, text: str) -> None:
        self._status.update(f"[dim]{escape(text)}[/]")

    def done(self, text: str) -> None:
        self.console.print(f"  [green]✓[/] {escape(text)}", soft_wrap=True)

    def detail(self, text: str) -> None:
        self.console.print(f"    [dim]{escape(text)}[/]", soft_wrap=True)

    def say(self, text: str) -> None:
        self.console.print(escape(text), soft_wrap=True)

    def ledger(self, entries: list[Entry]) -> None:
        table = Table(
            title="What was met, what was decided, and why (the ledger)", title_justify="left", box=None
        )
        for heading in ("at", "fact", "decision", "reason"):
            table.add_column(heading, header_style="bold", no_wrap=heading == "at", overflow="fold")
        for entry in entries:
            table.add_row(
                entry.at[11:19], *(escape(text) for text in (entry.fact, entry.decision, entry.reason))
            )
        self.console.print()
        self.console.print(table)

    def stage_times(self) -> None:
        table = Table(title="Time", title_justify="left", box=None, show_header=False)
        table.add_column(justify="right")
        table.add_column()
        for title, seconds in [*self.times, ("in all", sum(seconds for _, seconds in self.times))]:
            table.add_row(f"{seconds:.1f} s", escape(title))
        self.console.print()
        self.console.print(table)

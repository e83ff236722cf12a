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

    def decided(self, entry: Entry) -> None:
        self.console.print(
            f"  [cyan]→[/] [bold]{escape(entry.decision)}[/]: {escape(entry.reason)}", soft_wrap=True
        )

    def say(self, text: str) -> None:
        self.console.print(escape(text), soft_wrap=True)

    def ledger(self, entries: list[Entry]) -> None:
        """Each decision: when, on what fact, what, and why; those for nothing to do are small."""
        self.say("\nThe ledger: what was met, what was decided, and why")
        for entry in entries:
            at, fact, decision = entry.at[11:19], escape(entry.fact), escape(entry.decision)
            style = "dim" if entry.decision == "nothing" else "default"
            self.console.print(f"  [{style}]{at}  {fact} → [bold]{decision}[/][/]", soft_wrap=True)
            self.console.print(f"            [dim]{escape(entry.reason)}[/]", soft_wrap=True)

    def stage_times(self) -> None:
        table = Table(box=None, show_header=False)
        table.add_column(justify="right")
        table.add_column()
        for title, seconds in [*self.times, ("in all", sum(seconds for _, seconds in self.times))]:
            table.add_row(f"{seconds:.1f} s", escape(title))
        self.say("\nTime")
        self.console.print(table)

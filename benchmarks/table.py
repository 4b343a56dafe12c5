"""What a bench found: rows side by side for people, metrics for scripts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.table import Table as RichTable


@dataclass(frozen=True)
class Table:
    """`rows` under `columns`; `metrics` by name, ratios higher-is-better with 1.0 as good as the other side."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str
    metrics: dict[str, float]

    def show(self, out: TextIO) -> None:
        table = RichTable(title=self.title)
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*row)
        console = Console(file=out)
        console.print(table)
        console.print(self.note)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]

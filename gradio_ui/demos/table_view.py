"""What the dashboard shows of a table, from the choices that a person made. Knows no session."""

from __future__ import annotations

from typing import Any, TypedDict

import gradio as gr
import pandas as pd

from .table_tools import (
    AGGREGATES,
    COMPARISONS,
    KINDS,
    ROWS,
    describe,
    filtered,
    for_plot,
    numeric_columns,
)

SHOWN_ROWS = 200
MAX_FILTER = 200


class View(TypedDict):
    """The choices, in the order of the page's inputs."""

    filter_column: str
    comparison: str
    filter_value: str
    kind: str
    x: str
    y: str
    aggregate: str


def first_view(table: pd.DataFrame) -> View:
    """A plot that says something: the mean of the first number by the coarsest text column."""
    columns, numbers = list(table.columns), numeric_columns(table)
    words = [name for name in columns if table[name].dtype == "str"]
    return View(
        filter_column=columns[0],
        comparison=COMPARISONS[0],
        filter_value="",
        kind=KINDS[0],
        x=min(words, key=lambda name: table[name].nunique()) if words else columns[0],
        y=numbers[0] if numbers else ROWS,
        aggregate=AGGREGATES[0],
    )


def corrected(view: View, before: View, table: pd.DataFrame) -> View:
    """The view with what does not exist replaced by what it was before: values come from a
    browser, and the page may be older than the table."""
    allowed = {name: set(choices) for name, choices in choices_of(table).items()}
    merged = {
        name: value if name not in allowed or value in allowed[name] else before[name]  # type: ignore[literal-required]
        for name, value in view.items()
    }
    return View(**merged) | {"filter_value": view["filter_value"][:MAX_FILTER]}  # type: ignore[typeddict-item]


def choices_of(table: pd.DataFrame) -> dict[str, list[str]]:
    columns = list(table.columns)
    return {
        "filter_column": columns,
        "comparison": list(COMPARISONS),
        "kind": list(KINDS),
        "x": columns,
        "y": [ROWS, *numeric_columns(table)],
        "aggregate": list(AGGREGATES),
    }


def shown_choices(table: pd.DataFrame, view: View) -> list[Any]:
    """Updates of the inputs, in their order."""
    choices = choices_of(table)
    return [
        gr.update(choices=choices[name], value=value) if name in choices else value
        for name, value in view.items()
    ]


def results(name: str, table: pd.DataFrame, view: View) -> list[Any]:
    """Summary, table, statistics and one plot per kind. Raises `BadFilter`."""
    rows = rows_of(table, view)
    summary = f"**{name}** · {len(rows):,} of {len(table):,} rows · {rows.shape[1]} columns"
    if len(rows) > SHOWN_ROWS:
        summary += f" · the table shows the first {SHOWN_ROWS}"
    return [summary, readable_dates(rows.head(SHOWN_ROWS)), describe(rows), *plots(rows, view)]


def rows_of(table: pd.DataFrame, view: View) -> pd.DataFrame:
    return filtered(table, view["filter_column"], view["comparison"], view["filter_value"])


def readable_dates(rows: pd.DataFrame) -> pd.DataFrame:
    dates = rows.select_dtypes("datetime").columns
    return rows.assign(**{name: rows[name].astype("str").fillna("") for name in dates})


def plots(rows: pd.DataFrame, view: View) -> list[Any]:
    """One plot of the chosen kind; the others stay hidden."""
    if rows.empty:
        return [gr.update(visible=False)] * len(KINDS)
    points = for_plot(rows, view["kind"], view["x"], view["y"], view["aggregate"])
    shown = gr.update(value=points, x=points.columns[0], y=points.columns[-1], visible=True)
    return [shown if view["kind"] == kind else gr.update(visible=False) for kind in KINDS]

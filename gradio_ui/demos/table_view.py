"""What the dashboard shows of a table, from the choices that a person made. Knows no session."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pandas as pd
from django.utils.formats import number_format
from django.utils.translation import gettext

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


# The choices, by the names of the page's inputs and in their order.
View = dict[str, str]
INPUTS = ("filter_column", "comparison", "filter_value", "kind", "x", "y", "aggregate")


def first_view(table: pd.DataFrame) -> View:
    """A plot that says something: the mean of the first number by the coarsest text column."""
    columns, numbers = list(table.columns), numeric_columns(table)
    words = [name for name in columns if table[name].dtype == "str"]
    return {
        "filter_column": columns[0],
        "comparison": COMPARISONS[0],
        "filter_value": "",
        "kind": KINDS[0],
        "x": min(words, key=lambda name: table[name].nunique()) if words else columns[0],
        "y": numbers[0] if numbers else ROWS,
        "aggregate": AGGREGATES[0],
    }


def corrected(view: View, before: View, table: pd.DataFrame) -> View:
    """The view with what does not exist replaced by what it was before: values come from a
    browser, and the page may be older than the table."""
    allowed = choices_of(table)
    view = {k: v if k not in allowed or v in allowed[k] else before[k] for k, v in view.items()}
    return view | {"filter_value": view["filter_value"][:MAX_FILTER]}


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
        gr.update(choices=[(said(c, name), c) for c in choices[name]], value=value)
        if name in choices
        else value
        for name, value in view.items()
    ]


def said(choice: str, name: str) -> str:
    """The names of columns are the file's own."""
    is_ours = name in ("comparison", "kind", "aggregate") or (name, choice) == ("y", ROWS)
    return gettext(choice) if is_ours else choice


def results(name: str, table: pd.DataFrame, view: View) -> list[Any]:
    """Summary, table, statistics and one plot per kind. Raises `BadFilter`."""
    rows = rows_of(table, view)
    sentence = gettext("%(shown)s of %(rows)s rows · %(columns)s columns")
    summary = f"**{name}** · " + sentence % {
        "shown": number_format(len(rows), force_grouping=True),
        "rows": number_format(len(table), force_grouping=True),
        "columns": rows.shape[1],
    }
    if len(rows) > SHOWN_ROWS:
        summary += " · " + gettext("the table shows the first %(count)s") % {"count": SHOWN_ROWS}
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
    height = said(view["y"], "y")
    is_bar = view["kind"] == "Bar"
    if view["kind"] != "Scatter" and view["y"] != ROWS:
        words = {"aggregate": said(view["aggregate"], "aggregate"), "column": height}
        height = gettext("%(aggregate)s of %(column)s") % words
    shown = gr.update(
        value=points,
        x="x",
        y="y",
        x_title=view["x"],
        y_title=height,
        # Bars are compared by their length, so they begin at zero.
        y_lim=[min(0, points["y"].min()), 1.05 * max(0, points["y"].max())] if is_bar else None,
        visible=True,
    )
    return [shown if view["kind"] == kind else gr.update(visible=False) for kind in KINDS]

"""What the dashboard does with a table: filter, describe, aggregate for a plot, correlate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

Floats = npt.NDArray[np.float64]

# Stored as they stand here, and shown in the language of the reader.
KINDS = (_("Bar"), _("Line"), _("Scatter"))
ROWS = _("number of rows")
AGGREGATES = (_("mean"), _("sum"), _("median"), _("min"), _("max"))
COMPARISONS = (_("contains"), _("is"), _("is not"), _("at least"), _("at most"))
FINDING = (_("Column"), _("and"), "r", _("95 % from"), _("95 % to"), _("Rows"))
MAX_POINTS = 1_500
MAX_BARS = 40
BINS = 24
RESAMPLES = 400
MAX_PAIRS = 60


class BadFilter(Exception):
    """`str()` tells the person what is wrong with the filter."""


def numeric_columns(table: pd.DataFrame) -> list[str]:
    return [name for name in table.columns if pd.api.types.is_numeric_dtype(table[name])]


def filtered(table: pd.DataFrame, column: str | None, comparison: str, value: str) -> pd.DataFrame:
    """The rows whose `column` fits; all of them when the filter is incomplete."""
    value = value.strip()
    if not column or column not in table.columns or not value:
        return table
    cells = table[column]
    if comparison == "contains":
        return table[cells.astype("str").str.contains(value, case=False, regex=False)]
    wanted = like(cells, column, value)
    if comparison == "is":
        return table[cells == wanted]
    if comparison == "is not":
        return table[cells != wanted]
    return table[cells >= wanted] if comparison == "at least" else table[cells <= wanted]


def like(cells: pd.Series, column: str, value: str) -> object:
    """The value that somebody typed, as the type of the column it is compared with."""
    try:
        if pd.api.types.is_numeric_dtype(cells):
            return float(value.replace(",", "."))
        if pd.api.types.is_datetime64_any_dtype(cells):
            return pd.Timestamp(value)
    except ValueError as error:
        sentence = (
            gettext("“%(column)s” needs a number to compare with.")
            if pd.api.types.is_numeric_dtype(cells)
            else gettext("“%(column)s” needs a date such as 2025-03-31 to compare with.")
        )
        raise BadFilter(sentence % {"column": column}) from error
    return value


def describe(table: pd.DataFrame) -> pd.DataFrame:
    """One row per column: type, filled cells, different values, range, mean and median."""
    return pd.DataFrame([describe_column(str(name), table[name]) for name in table.columns])


def describe_column(name: str, column: pd.Series) -> dict[str, object]:
    filled = column.dropna()
    numeric = pd.api.types.is_numeric_dtype(column)
    dates = pd.api.types.is_datetime64_any_dtype(column)
    ordered = (numeric or dates) and len(filled) > 0
    common = filled.mode()
    kind = _("number") if numeric else _("date") if dates else _("text")
    return {
        gettext("Column"): name,
        gettext("Type"): gettext(kind),
        gettext("Filled"): f"{len(filled) / max(len(column), 1):.0%}",
        gettext("Different"): int(filled.nunique()),
        gettext("Lowest"): readable(filled.min()) if ordered else "",
        gettext("Highest"): readable(filled.max()) if ordered else "",
        gettext("Mean"): readable(filled.mean()) if ordered else "",
        gettext("Median"): readable(filled.median()) if ordered else "",
        gettext("Most common"): readable(common.iloc[0]) if len(common) else "",
    }


def readable(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}" if value == value.normalize() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, int | float | np.number):
        return f"{float(value):,.6g}" if abs(float(value)) < 1e6 else f"{float(value):,.0f}"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def for_plot(table: pd.DataFrame, kind: str, x: str, y: str, aggregate: str) -> pd.DataFrame:
    """The few points that a plot shows, in columns named "x" and "y" (in the plotting library a
    dot or bracket in a name would be a path).

    A scatter plot gets the rows themselves, a sample of many. Bars and lines get one point per x,
    with numbers and dates cut into bins when there are too many different ones.
    """
    if kind == "Scatter" and y != ROWS:
        points = pd.DataFrame({"x": table[x], "y": table[y]}).dropna()
        return points.sample(MAX_POINTS, random_state=0) if len(points) > MAX_POINTS else points
    different = table[x].nunique()
    across = binned(table[x]) if different > (BINS if kind == "Bar" else MAX_POINTS) else table[x]
    grouped = pd.DataFrame({"x": across, "y": 0 if y == ROWS else table[y]}).groupby("x")["y"]
    heights = (grouped.size() if y == ROWS else grouped.agg(aggregate)).dropna()
    if kind == "Bar" and len(heights) > MAX_BARS:
        heights = heights.sort_values(ascending=False).head(MAX_BARS)
    return heights.rename("y").reset_index()


def binned(column: pd.Series) -> pd.Series:
    """Numbers and dates become the lower end of one of `BINS` equal bins; text stays."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.to_datetime(pd.cut(column, BINS).map(left, na_action="ignore"))
    if pd.api.types.is_numeric_dtype(column):
        return pd.cut(column, BINS).map(left, na_action="ignore").astype(float)
    return column


def left(interval: pd.Interval) -> object:
    return interval.left


def correlations(table: pd.DataFrame) -> tuple[list[tuple[str, str]], pd.DataFrame]:
    """The pairs of numeric columns to look at and these columns themselves."""
    numbers = table[numeric_columns(table)]
    numbers = numbers.loc[:, numbers.nunique() > 1]
    return list(combinations(numbers.columns, 2))[:MAX_PAIRS], numbers


def bootstrap(
    pairs: Iterable[tuple[str, str]], numbers: pd.DataFrame, seed: int = 0
) -> Iterator[dict[str, object] | None]:
    """For each pair Pearson's r with the 95 % interval of bootstrap resamples; `None` for a pair
    that has too few rows in common, so that there is one step per pair."""
    random = np.random.default_rng(seed)
    for first, second in pairs:
        rows = numbers[[first, second]].dropna().to_numpy(dtype=float)
        r = float(pearson(rows[None])[0]) if len(rows) >= 3 else np.nan
        if np.isnan(r):
            yield None
            continue
        low, high = np.nanpercentile(resampled(rows, random), [2.5, 97.5])
        values = (
            first,
            second,
            round(r, 3),
            round(float(low), 3),
            round(float(high), 3),
            len(rows),
        )
        yield dict(zip(FINDING, values, strict=True))


def resampled(rows: Floats, random: np.random.Generator) -> Floats:
    """r of `RESAMPLES` resamples, some at a time to bound the memory."""
    at_once = max(1, 400_000 // len(rows))
    parts = []
    for start in range(0, RESAMPLES, at_once):
        count = min(at_once, RESAMPLES - start)
        parts.append(pearson(rows[random.integers(0, len(rows), size=(count, len(rows)))]))
    return np.concatenate(parts)


def pearson(samples: Floats) -> Floats:
    """r of the two columns of each sample; shape (samples, rows, 2) to (samples,)."""
    centred = samples - samples.mean(axis=1, keepdims=True)
    products = (centred[..., 0] * centred[..., 1]).sum(axis=1)
    spread = np.sqrt((centred**2).sum(axis=1).prod(axis=1))
    r: Floats = np.divide(products, spread, out=np.full(len(samples), np.nan), where=spread > 0)
    return r

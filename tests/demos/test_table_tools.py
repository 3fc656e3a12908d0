"""Filter, statistics, plot points and correlations of the dashboard."""

import numpy as np
import pandas as pd
import pytest

from gradio_ui.demos import table_tools as tools
from gradio_ui.demos import table_view
from gradio_ui.demos.csv_reader import parse, read_csv
from gradio_ui.demos.dashboard import SAMPLE
from gradio_ui.demos.table_tools import BadFilter

CSV = b"""city,price.eur,day,[odd] name
Oslo,10,2025-01-01,1
Rome,20,2025-01-02,2
Rome,40,2025-01-03,
oslo [x],,2025-01-04,4
"""


@pytest.fixture
def table() -> pd.DataFrame:
    return parse(CSV)


@pytest.mark.parametrize(
    ("column", "comparison", "value", "rows"),
    [
        ("city", "contains", "oslo", [0, 3]),
        ("city", "contains", "[x]", [3]),
        ("city", "is", "Rome", [1, 2]),
        ("city", "is not", "Rome", [0, 3]),
        ("price.eur", "is", "20", [1]),
        ("price.eur", "at least", "20", [1, 2]),
        ("price.eur", "at most", "19,9", [0]),
        ("day", "at least", "2025-01-03", [2, 3]),
        ("city", "is", "  ", [0, 1, 2, 3]),
        ("gone", "is", "Rome", [0, 1, 2, 3]),
        (None, "is", "Rome", [0, 1, 2, 3]),
    ],
)
def test_the_filter_keeps_the_rows_that_fit(
    table: pd.DataFrame, column: str | None, comparison: str, value: str, rows: list[int]
) -> None:
    assert tools.filtered(table, column, comparison, value).index.tolist() == rows


@pytest.mark.parametrize(("column", "kind"), [("price.eur", "a number"), ("day", "a date such as")])
def test_a_value_of_the_wrong_kind_is_explained(
    table: pd.DataFrame, column: str, kind: str
) -> None:
    with pytest.raises(BadFilter, match=kind):
        tools.filtered(table, column, "at least", "much")


def test_statistics_of_each_kind_of_column(table: pd.DataFrame) -> None:
    rows = tools.describe(table).set_index("Column")
    assert rows["Type"].tolist() == ["text", "number", "date", "number"]
    assert rows.loc["price.eur", "Filled"] == "75%"
    assert rows.loc["price.eur", "Highest"] == "40"
    assert rows.loc["price.eur", "Mean"] == "23.3333"
    assert rows.loc["day", "Lowest"] == "2025-01-01"
    assert rows.loc["city", "Most common"] == "Rome"
    assert rows.loc["city", "Mean"] == ""


def test_statistics_of_no_rows_at_all(table: pd.DataFrame) -> None:
    assert tools.describe(table.iloc[:0])["Filled"].tolist() == ["0%"] * 4


def test_bars_are_aggregated_per_group(table: pd.DataFrame) -> None:
    points = tools.for_plot(table, "Bar", "city", "price.eur", "mean")
    assert dict(zip(points["x"], points["y"], strict=True)) == {"Oslo": 10, "Rome": 30}
    counts = tools.for_plot(table, "Bar", "city", tools.ROWS, "mean")
    assert counts["y"].sum() == 4


@pytest.mark.parametrize("kind", tools.KINDS)
def test_every_choice_of_the_sample_gives_points_that_the_plot_can_draw(kind: str) -> None:
    table = read_csv(SAMPLE)
    numbers = tools.numeric_columns(table)
    for x in table.columns:
        for y in [tools.ROWS, *numbers]:
            points = tools.for_plot(table, kind, x, y, "median")
            assert list(points.columns) == ["x", "y"]
            assert 0 < len(points) <= tools.MAX_POINTS
            assert pd.api.types.is_numeric_dtype(points["y"])
            assert points["x"].dtype.kind in "ifM" or pd.api.types.is_string_dtype(points["x"])


def test_many_rows_become_few_points() -> None:
    many = pd.DataFrame({"n": np.arange(20_000.0), "m": np.arange(20_000.0)})
    assert len(tools.for_plot(many, "Bar", "n", "m", "mean")) <= tools.BINS
    assert len(tools.for_plot(many, "Line", "n", "m", "mean")) <= tools.MAX_POINTS
    assert len(tools.for_plot(many, "Scatter", "n", "m", "mean")) == tools.MAX_POINTS
    words = pd.DataFrame({"w": [f"word {n}" for n in range(5_000)], "m": range(5_000)})
    assert len(tools.for_plot(words, "Bar", "w", "m", "sum")) == tools.MAX_BARS


def test_the_first_view_fits_every_table(table: pd.DataFrame) -> None:
    for some in (table, table[["city"]], table[["day"]], table[["price.eur"]]):
        view = table_view.first_view(some)
        assert tuple(view) == table_view.INPUTS
        assert len(table_view.results("x.csv", some, view)) == 3 + len(tools.KINDS)


def test_choices_that_do_not_exist_are_not_taken_from_the_browser(table: pd.DataFrame) -> None:
    before = table_view.first_view(table)
    wanted = before | {"x": "__class__", "kind": "Pie", "y": "city", "filter_value": "x" * 1_000}
    view = table_view.corrected(wanted, before, table)
    assert view == before | {"filter_value": "x" * table_view.MAX_FILTER}


def test_correlations_find_what_moves_together() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=400)
    table = pd.DataFrame({"x": x, "same": 2 * x, "noise": random.normal(size=400), "c": 1.0})
    pairs, numbers = tools.correlations(table)
    found = {(f["Column"], f["and"]): f for f in tools.bootstrap(pairs, numbers) if f}
    assert "c" not in numbers  # a constant correlates with nothing
    assert found["x", "same"]["r"] == 1
    noise = found["x", "noise"]
    assert noise["95 % from"] < noise["r"] < noise["95 % to"]  # type: ignore[operator]
    assert noise["95 % from"] < 0 < noise["95 % to"]  # type: ignore[operator]
    expected = np.corrcoef(table["x"], table["noise"])[0, 1]
    assert noise["r"] == pytest.approx(expected, abs=0.001)


def test_a_pair_with_too_few_rows_is_a_step_without_a_finding() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": [np.nan, 1.0, 2.0]})
    pairs, numbers = tools.correlations(table)
    assert list(tools.bootstrap(pairs, numbers)) == [None]


def test_the_memory_of_a_large_bootstrap_is_bounded() -> None:
    import tracemalloc

    rows = np.random.default_rng(0).normal(size=(20_000, 2))
    tracemalloc.start()
    try:
        values = tools.resampled(rows, np.random.default_rng(0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(values) == tools.RESAMPLES
    assert peak < 40_000_000

"""Explore a CSV file. The table and every choice live in the session: they are there again after a
reload, in a second tab and after a restart of the server, and nobody else sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from gradio.i18n import I18nData

from gradio_ui import languages, with_session
from gradio_ui.words import word
from sessionstate import Session
from sessionstate.errors import StateTooLarge

from . import table_view
from .csv_reader import MAX_BYTES, MAX_COLUMNS, MAX_ROWS, BadFile, read_csv
from .page import header, problem
from .table_tools import AGGREGATES, COMPARISONS, KINDS, ROWS, BadFilter, bootstrap, correlations

SAMPLE = Path(__file__).with_name("bike_rentals.csv")

# All apps share the session, so each puts its name before its keys.
TABLE, NAME, VIEW, FINDINGS = (f"dashboard.{key}" for key in ("table", "name", "view", "findings"))


@with_session
@languages.here()
def open_file(path: str | None, session: Session) -> None:
    if path is None:
        raise problem(_("Choose a CSV file first."))
    keep(session, Path(path), Path(path).name)


@with_session
@languages.here()
def open_sample(session: Session) -> None:
    keep(session, SAMPLE, SAMPLE.name)


def keep(session: Session, path: Path, name: str) -> None:
    """Stores the file's table; when anything is wrong, what was there before stays."""
    try:
        table = read_csv(path)
        with session.atomic():
            session[TABLE], session[NAME] = table, name
            session[VIEW] = table_view.first_view(table)
            session.pop(FINDINGS, None)
    except BadFile as error:
        raise problem(str(error)) from None
    except StateTooLarge:
        raise problem(
            _("The table takes more room than a session has. Choose a part of it.")
        ) from None


@with_session
@languages.here()
def show(session: Session) -> list[Any]:
    """The whole page from the session alone, in the order of the outputs in `build`."""
    if TABLE not in session:
        return [gr.update(visible=False), *[gr.skip()] * (len(table_view.INPUTS) + 7)]
    table, view = session[TABLE], session[VIEW]
    return [
        gr.update(visible=True),
        *table_view.shown_choices(table, view),
        translated(session[FINDINGS]) if FINDINGS in session else None,
        *results(session),
    ]


@with_session
@languages.here()
def choose(
    filter_column: str,
    comparison: str,
    filter_value: str,
    kind: str,
    x: str,
    y: str,
    aggregate: str,
    session: Session,
) -> list[Any]:
    """Keeps the choices that the page shows and draws what they give."""
    given = (filter_column, comparison, filter_value, kind, x, y, aggregate)
    wanted = dict(zip(table_view.INPUTS, given, strict=True))
    require_table(session)
    session[VIEW] = table_view.corrected(wanted, session[VIEW], session[TABLE])
    return results(session)


@with_session
@languages.here()
def find_correlations(
    session: Session,
    progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio asks for it
) -> pd.DataFrame:
    """The long work: resamples every pair of number columns, of the rows that the filter leaves."""
    pairs, numbers = correlations(table_view.rows_of(require_table(session), session[VIEW]))
    found = []
    for done, finding in enumerate(bootstrap(pairs, numbers), start=1):
        progress((done, len(pairs)), desc=gettext("Comparing columns"), unit=gettext("pairs"))
        if finding:
            found.append(finding)
    if not found:
        raise problem(_("This needs two columns of numbers and at least three rows."))
    findings = pd.DataFrame(found).sort_values("r", key=abs, ascending=False, ignore_index=True)
    session[FINDINGS] = findings
    return translated(findings)


def translated(findings: pd.DataFrame) -> pd.DataFrame:
    return findings.rename(columns=gettext)


@with_session
def forget(session: Session) -> None:
    for key in (TABLE, NAME, VIEW, FINDINGS):
        session.pop(key, None)


def require_table(session: Session) -> pd.DataFrame:
    if TABLE not in session:
        raise problem(_("Open a CSV file first."))
    table: pd.DataFrame = session[TABLE]
    return table


def results(session: Session) -> list[Any]:
    try:
        return table_view.results(session[NAME], session[TABLE], session[VIEW])
    except BadFilter as error:
        raise problem(str(error)) from None


def build() -> gr.Blocks:
    # Uploads are read into the session at once; the files themselves are deleted within the hour.
    demo = gr.Blocks(delete_cache=(600, 3000))
    with demo:
        header(
            word("Dashboard"),
            word("Open a CSV file and look at it from all sides. Only you see it."),
        )
        with gr.Row(equal_height=True):
            upload = gr.File(
                label=word(
                    "CSV file, up to %(size)s MB, %(rows)s rows, %(columns)s columns",
                    size=MAX_BYTES // 1_000_000,
                    rows=MAX_ROWS,
                    columns=MAX_COLUMNS,
                ),
                file_types=[".csv", ".tsv", ".txt"],
                height=140,
                scale=3,
            )
            with gr.Column(scale=1, min_width=180):
                sample = gr.Button(word("Use the sample"))
                forget_data = gr.Button(word("Forget my data"))
        with gr.Column(visible=False) as explorer:
            summary = gr.Markdown()
            with gr.Row():
                filter_column = dropdown(word("Show rows where"))
                comparison = dropdown(word("Comparison"), COMPARISONS)
                filter_value = gr.Textbox(
                    label=word("Value"),
                    placeholder=word("all rows"),
                    max_length=table_view.MAX_FILTER,
                    scale=2,
                )
            with gr.Tabs():
                with gr.Tab(word("Plot")):
                    with gr.Row():
                        kind = gr.Radio(
                            list(KINDS), label=word("Kind"), value=KINDS[0], scale=3, min_width=290
                        )
                        x = dropdown(word("Across (x)"))
                        y = dropdown(word("Up (y)"), (ROWS,))
                        aggregate = dropdown(word("Combined by"), AGGREGATES)
                    plots = [
                        gr.BarPlot(visible=False, height=360, tooltip="all"),
                        gr.LinePlot(visible=False, height=360, tooltip="all"),
                        gr.ScatterPlot(visible=False, height=360, tooltip="all"),
                    ]
                with gr.Tab(word("Table")):
                    rows = gr.Dataframe(interactive=False, max_height=420, show_label=False)
                with gr.Tab(word("Columns")):
                    statistics = gr.Dataframe(interactive=False, show_label=False)
                with gr.Tab(word("Compare")):
                    gr.Markdown(
                        word(
                            "Which numbers move together? Pearson's r of each pair, with the range "
                            "that 95 % of the resamples fall into. This takes a moment."
                        ),
                        elem_classes="note",
                    )
                    compare = gr.Button(word("Compare all columns"), variant="primary")
                    findings = gr.Dataframe(interactive=False, show_label=False)

        choices: list[Any] = [filter_column, comparison, filter_value, kind, x, y, aggregate]
        drawn = [summary, rows, statistics, *plots]
        page = [explorer, *choices, findings, *drawn]

        demo.load(show, outputs=page, api_name="show")
        upload.upload(open_file, upload, api_name="open_file").success(
            show, outputs=page, api_visibility="private"
        ).then(lambda: None, outputs=upload, api_visibility="private")
        sample.click(open_sample, api_name="open_sample").success(
            show, outputs=page, api_visibility="private"
        )
        gr.on(
            # Never `change`: it is also sent for what `show` fills in, with the values before it.
            # Text that is pasted sends no `input`; leaving the field or Enter then counts.
            [*(choice.input for choice in choices), filter_value.submit, filter_value.blur],
            choose,
            choices,
            drawn,
            api_name="choose",
            trigger_mode="always_last",
            show_progress="minimal",
        )
        compare.click(find_correlations, outputs=findings, api_name="correlations")
        forget_data.click(forget, api_name="forget").success(
            show, outputs=page, api_visibility="private"
        )
    return demo


def dropdown(label: I18nData, choices: tuple[str, ...] = ()) -> gr.Dropdown:
    """The choices depend on the table. Gradio keeps them per connection and forgets them when the
    server restarts, so it must not refuse what it does not know; `table_view.corrected` does."""
    return gr.Dropdown(
        list(choices),
        label=label,
        value=choices[0] if choices else None,
        allow_custom_value=True,
        scale=2,
        min_width=140,
    )

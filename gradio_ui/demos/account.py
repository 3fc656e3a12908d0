"""What your own session holds, where it is stored, and which process answered."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from gradio_ui import with_session
from sessionstate import Session
from sessionstate.errors import NotStorable
from sessionstate.keys import is_public

from . import session_facts
from .page import facts, header

COUNTER = "account.counter"
MAX_KEY = 100
MAX_VALUE = 10_000

SIGN_OUT = """async () => {
    const answer = await fetch("/api/auth/logout", {method: "POST", credentials: "same-origin"});
    if (answer.ok || answer.status === 401) window.location.assign("/accounts/login/");
    else throw new Error("Signing out failed. Please try again.");
}"""


@with_session
def show(request: gr.Request, session: Session) -> tuple[str, list[list[str]], Any, str, Any]:
    return (
        facts(session_facts.about(session, request.username or "")),
        session_facts.contents(session),
        gr.update(choices=sorted(session)),
        counted(session),
        gr.update(visible=not session),
    )


@with_session
def count(session: Session) -> str:
    """Read and write as one: two tabs that count at the same time lose nothing."""
    with session.atomic():
        session[COUNTER] = session.get(COUNTER, 0) + 1
    return counted(session)


def counted(session: Session) -> str:
    times = session.get(COUNTER, 0)
    return f"Pressed **{times}** {'time' if times == 1 else 'times'} in this session."


@with_session
def pick(key: str | None, session: Session) -> str:
    """The value of a key as JSON, to be edited."""
    key = (key or "").strip()
    return session_facts.editable(key, session[key]) or "" if key in session else ""


@with_session
def put(key: str | None, value: str, session: Session) -> None:
    key = (key or "").strip()
    if not key or len(key) > MAX_KEY:
        raise problem(f"Give the key a name of up to {MAX_KEY} characters.")
    if not is_public(key):
        raise problem("This key belongs to the framework.")
    if len(value) > MAX_VALUE:
        raise problem(f"The value is longer than {MAX_VALUE:,} characters.")
    if key in session and session_facts.editable(key, session[key]) is None:
        raise problem(f"“{key}” holds something that cannot be edited as text.")
    try:
        session[key] = json.loads(value)
    except json.JSONDecodeError as error:
        raise problem(
            f"This is not JSON: {error.msg} at character {error.pos + 1}. Put text in quotes."
        ) from None
    except NotStorable as error:
        raise problem(f"This cannot be stored: {error}.") from None


@with_session
def delete(key: str | None, session: Session) -> None:
    key = (key or "").strip()
    if key not in session:
        raise problem("Choose one of the keys first.")
    del session[key]


def problem(sentence: str) -> gr.Error:
    return gr.Error(sentence, title="That did not work", print_exception=False)


def build() -> gr.Blocks:
    demo = gr.Blocks(title="Account")
    with demo:
        header("Account", "What this session holds for you, and where.")
        with gr.Row():
            with gr.Column(scale=3, min_width=300, variant="panel"):
                about = gr.Markdown(elem_classes="bare")
            with gr.Column(scale=2, min_width=260, variant="panel"):
                counter = gr.Markdown()
                press = gr.Button("Count")
                gr.Markdown(
                    "The number is there again after a reload, in a second tab and after a restart "
                    "of the server.",
                    elem_classes="note",
                )
                sign_out = gr.Button("Sign out", variant="primary")
                gr.Markdown(
                    "<a class='plain-link' href='/accounts/sessions/'>All my sign-ins</a>",
                    elem_classes="bare",
                )
        gr.Markdown("## In this session")
        table = gr.Dataframe(
            headers=session_facts.COLUMNS,
            interactive=False,
            show_label=False,
            buttons=[],
            max_height=320,
            wrap=True,
        )
        nothing = gr.Markdown(
            "Nothing yet. Press “Count”, or save a value of your own.",
            elem_classes="note",
            visible=False,
        )
        with gr.Accordion("Change a value", open=False):
            with gr.Row():
                key = gr.Dropdown(
                    [], label="Key", info="An existing one or a new one", allow_custom_value=True
                )
                value = gr.Textbox(
                    label="Value",
                    info='JSON, for example 42, "text" or [1, 2]',
                    max_length=MAX_VALUE,
                )
            with gr.Row():
                save = gr.Button("Save")
                remove = gr.Button("Delete this key", variant="stop")

        page = [about, table, key, counter, nothing]
        demo.load(show, outputs=page, api_name="show")
        press.click(count, outputs=counter, api_name="count").then(
            show, outputs=page, api_visibility="private", show_progress="hidden"
        )
        key.change(pick, key, value, api_name="pick", show_progress="hidden")
        save.click(put, [key, value], api_name="put").success(
            show, outputs=page, api_visibility="private"
        )
        remove.click(delete, key, api_name="delete").success(
            lambda: (None, ""), outputs=[key, value], api_visibility="private"
        ).success(show, outputs=page, api_visibility="private")
        sign_out.click(fn=None, js=SIGN_OUT)
    return demo

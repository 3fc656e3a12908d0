"""What your own session holds, where it is stored, and which process answered."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from django.utils.translation import gettext_noop as _
from django.utils.translation import ngettext

from gradio_ui import languages, with_session
from gradio_ui.words import word
from sessionstate import Session
from sessionstate.errors import NotStorable
from sessionstate.keys import is_public

from . import session_facts
from .page import facts, header, problem

COUNTER = "account.counter"
MAX_KEY = 100
MAX_VALUE = 10_000

# Where the request fails, the page that asks whether to sign out says why.
SIGN_OUT = """async () => {
    const answer = await fetch("/api/auth/logout", {method: "POST", credentials: "same-origin"});
    const isOut = answer.ok || answer.status === 401;
    window.location.assign(isOut ? "/accounts/login/" : "/accounts/logout/");
}"""


@with_session
@languages.here()
def show(request: gr.Request, session: Session) -> tuple[str, dict[str, Any], Any, str, Any]:
    return (
        facts(session_facts.about(session, request.username or "")),
        session_facts.contents(session),
        gr.update(choices=sorted(session)),
        counted(session),
        gr.update(visible=not session),
    )


@with_session
@languages.here()
def count(session: Session) -> str:
    """Read and write as one: two tabs that count at the same time lose nothing."""
    with session.atomic():
        session[COUNTER] = session.get(COUNTER, 0) + 1
    return counted(session)


def counted(session: Session) -> str:
    times = session.get(COUNTER, 0)
    sentence = ngettext(
        "Pressed **%(times)s** time in this session.",
        "Pressed **%(times)s** times in this session.",
        times,
    )
    return sentence % {"times": times}


@with_session
def pick(key: str | None, session: Session) -> str:
    """The value of a key as JSON, to be edited."""
    key = (key or "").strip()
    return session_facts.editable(key, session[key]) or "" if key in session else ""


@with_session
def put(key: str | None, value: str, session: Session) -> None:
    key = (key or "").strip()
    if not key or len(key) > MAX_KEY:
        raise problem(_("Give the key a name of up to %(limit)s characters."), limit=MAX_KEY)
    if not is_public(key):
        raise problem(_("This key belongs to the framework."))
    if len(value) > MAX_VALUE:
        raise problem(_("The value is longer than %(limit)s characters."), limit=MAX_VALUE)
    if key in session and session_facts.editable(key, session[key]) is None:
        raise problem(_("“%(key)s” holds something that cannot be edited as text."), key=key)
    try:
        session[key] = json.loads(value)
    except json.JSONDecodeError as error:
        raise problem(
            _("This is not JSON from character %(place)s on. Put text in quotes."),
            place=error.pos + 1,
        ) from None
    except NotStorable:
        raise problem(_("A session cannot hold this value.")) from None


@with_session
def delete(key: str | None, session: Session) -> None:
    key = (key or "").strip()
    if key not in session:
        raise problem(_("Choose one of the keys first."))
    del session[key]


def build() -> gr.Blocks:
    demo = gr.Blocks()
    with demo:
        header(word("Account"), word("What this session holds for you, and where."))
        with gr.Row():
            with gr.Column(scale=3, min_width=300, variant="panel"):
                about = gr.Markdown(elem_classes="bare")
            with gr.Column(scale=2, min_width=260, variant="panel"):
                counter = gr.Markdown()
                press = gr.Button(word("Count"))
                gr.Markdown(
                    word(
                        "The number is there again after a reload, in a second tab and after a "
                        "restart of the server."
                    ),
                    elem_classes="note",
                )
                sign_out = gr.Button(word("Sign out"), variant="primary")
                # Not inside of an f-string: there Babel finds no text to translate.
                text = word("All my sign-ins")
                link = f"<a class='plain-link' href='/accounts/sessions/'>{text}</a>"
                gr.Markdown(link, elem_classes="bare")
        heading = word("In this session")
        gr.Markdown(f"## {heading}")
        table = gr.Dataframe(
            headers=[""] * session_facts.COLUMNS,
            interactive=False,
            show_label=False,
            buttons=[],
            max_height=320,
            wrap=True,
        )
        nothing = gr.Markdown(
            word("Nothing yet. Press “Count”, or save a value of your own."),
            elem_classes="note",
            visible=False,
        )
        with gr.Accordion(word("Change a value"), open=False):
            with gr.Row():
                key = gr.Dropdown(
                    [],
                    label=word("Key"),
                    info=word("An existing one or a new one"),
                    allow_custom_value=True,
                )
                value = gr.Textbox(
                    label=word("Value"),
                    info=word('JSON, for example 42, "text" or [1, 2]'),
                    max_length=MAX_VALUE,
                )
            with gr.Row():
                save = gr.Button(word("Save"))
                remove = gr.Button(word("Delete this key"), variant="stop")

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

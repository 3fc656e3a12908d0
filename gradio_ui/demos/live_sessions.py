"""For staff: who is signed in, and ending a session. Whole session ids never leave the server."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, ParamSpec, TypeVar

import gradio as gr
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_noop as _

from gradio_ui import languages, with_session
from gradio_ui.words import word
from sessionstate import Session, logins, people
from sessionstate.ago import brief
from sessionstate.devices import describe
from sessionstate.handles import starting_with
from sessionstate.logins import Login
from sessionstate.threads import in_thread

from .page import header, problem

P = ParamSpec("P")
R = TypeVar("R")

MAX_READ = 5_000
MAX_SHOWN = 200
COLUMNS = [
    _("Session"),
    _("User"),
    _("Device"),
    _("Address"),
    _("Signed in"),
    _("Last used"),
    _("Size"),
]


async def as_staff(session: Session, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs `work` if the session's user is staff at this very moment. Every callback goes through
    here: that the page opens for staff only does not protect the functions behind it."""

    def checked() -> R:
        user = get_user_model().objects.filter(pk=session.user_id, is_active=True)
        if not user.filter(Q(is_staff=True) | Q(is_superuser=True)).exists():
            raise problem(_("Only staff may do this."))
        with languages.here():
            return work(*args, **kwargs)

    return await in_thread(checked)


@with_session
async def list_sessions(search: str, session: Session) -> tuple[dict[str, Any], str]:
    """A row per live session that fits the search, the last used first, and how many there are."""
    return await as_staff(session, listed, search, session.id)


@with_session
async def ask(short_id: str, session: Session) -> tuple[Any, Any, str]:
    """Opens the question whether to end this session; one's own needs a tick more."""
    login = await as_staff(session, find, short_id)
    mine = login.id == session.id
    question = await as_staff(session, question_about, login)
    return gr.update(visible=True), gr.update(visible=mine, value=False), question


@with_session
async def end_session(short_id: str, mine_too: bool, session: Session) -> None:
    """Ends the session whose id begins so. Ending one's own takes `mine_too`."""
    login = await as_staff(session, find, short_id)
    if login.id == session.id and not mine_too:
        raise problem(_("This is your own session. Tick the box if you want to sign yourself out."))
    if not await as_staff(session, logins.revoke, login.id):
        raise problem(_("This session has ended already."))
    with languages.here():
        gr.Info(gettext("Session %(session)s has ended.") % {"session": login.short_id})


def listed(search: str, own_id: str) -> tuple[dict[str, Any], str]:
    read = list(islice(logins.each(), MAX_READ))
    name = people.names(login.user for login in read)
    wanted = search.strip().lower()
    found = []
    for login in sorted(read, key=lambda login: login.used, reverse=True):
        row = row_of(login, name[login.user], own_id)
        if wanted in " ".join([*row, login.user_agent]).lower():
            found.append(row)
    users = len({login.user for login in read if login.user})
    table = {"headers": [gettext(name) for name in COLUMNS], "data": found[:MAX_SHOWN]}
    return table, summary(len(read), users, len(found) if wanted else None)


def summary(sessions: int, users: int, fitting: int | None) -> str:
    """`fitting`: how many fit the search, if there is one."""
    said = ngettext("%(count)s live session", "%(count)s live sessions", sessions)
    parts = [said % {"count": sessions}]
    said = ngettext("%(count)s signed-in user", "%(count)s signed-in users", users)
    parts.append(said % {"count": users})
    if fitting is not None:
        parts.append(gettext("%(count)s of the sessions fit") % {"count": fitting})
    if (sessions if fitting is None else fitting) > MAX_SHOWN:
        parts.append(gettext("the last used %(count)s are shown") % {"count": MAX_SHOWN})
    return ", ".join(parts)


def row_of(login: Login, name: str, own_id: str) -> list[str]:
    return [
        login.short_id,
        gettext("%(name)s (you)") % {"name": name} if login.id == own_id else name,
        describe(login.user_agent),
        login.ip or gettext("unknown"),
        brief(login.created),
        brief(login.used),
        filesizeformat(login.size),
    ]


def find(short_id: str) -> Login:
    short_id = short_id.strip()
    if not short_id:
        raise problem(_("Select a session in the table first."))
    found = starting_with(short_id)
    if not found:
        raise problem(_("There is no such session, or it has ended already."))
    if len(found) > 1:
        raise problem(_("Several sessions begin like this. End it in the admin."))
    return found[0]


def question_about(login: Login) -> str:
    sentence = gettext(
        "End session `%(session)s` of **%(user)s** (%(device)s, %(address)s)? It stops working at "
        "once."
    )
    return sentence % {
        "session": login.short_id,
        "user": people.names([login.user])[login.user],
        "device": describe(login.user_agent),
        "address": login.ip or gettext("no address"),
    }


def select(event: gr.SelectData) -> str:
    """The id of the row that was clicked."""
    return str(event.row_value[0])


def build() -> gr.Blocks:
    demo = gr.Blocks()
    with demo:
        header(
            word("Live sessions"),
            word("Who is signed in right now. Select a row to end its session."),
        )
        with gr.Row(equal_height=True):
            search = gr.Textbox(
                show_label=False,
                placeholder=word("Search"),
                max_length=100,
                container=False,
                scale=4,
                min_width=200,
            )
            refresh = gr.Button(word("Refresh"), scale=1, min_width=100)
        with gr.Row():
            with gr.Column(scale=3, min_width=200):
                summary = gr.Markdown(elem_classes="note")
            every = gr.Checkbox(label=word("Refresh every 10 seconds"), scale=1, min_width=230)
        table = gr.Dataframe(
            headers=[""] * len(COLUMNS),
            interactive=False,
            show_label=False,
            buttons=["fullscreen"],
            max_height=480,
        )
        with gr.Row(equal_height=True):
            selected = gr.Textbox(
                show_label=False,
                placeholder=word("Select a session"),
                max_length=64,
                container=False,
                scale=4,
                min_width=200,
            )
            end = gr.Button(word("End session"), variant="stop", scale=1, min_width=130)
        with gr.Column(visible=False, variant="panel") as confirm:
            question = gr.Markdown()
            mine_too = gr.Checkbox(
                label=word("This is the session I am using. Sign me out."), visible=False
            )
            with gr.Row():
                yes = gr.Button(word("Yes, end it"), variant="stop")
                no = gr.Button(word("Keep it"))
        # Off by default: a page that polls counts as use, and so the session would never be idle.
        timer = gr.Timer(10, active=False)

        listing = (list_sessions, search, [table, summary])
        gr.on(
            [demo.load, refresh.click, timer.tick, search.change],
            *listing,
            api_name="list",
            trigger_mode="always_last",
            show_progress="hidden",
        )
        every.change(lambda on: gr.Timer(active=on), every, timer, api_visibility="private")
        table.select(select, outputs=selected, api_visibility="private")
        end.click(ask, selected, [confirm, mine_too, question], api_visibility="private")
        no.click(close, outputs=[confirm, selected], api_visibility="private")
        yes.click(end_session, [selected, mine_too], api_name="end").success(
            close, outputs=[confirm, selected], api_visibility="private"
        ).then(*listing, api_visibility="private")
    return demo


def close() -> tuple[Any, str]:
    return gr.update(visible=False), ""

"""The demo apps. An app of your own is registered in the same way, in a module of this name."""

import gradio as gr
from django.utils.translation import gettext_lazy as _

from gradio_ui import register
from gradio_ui.demos import account, assistant, dashboard, live_sessions
from gradio_ui.demos.theme import page_options


@register(
    "assistant",
    title=_("Assistant"),
    description=_("A chat that remembers you, also after you sign out."),
    order=10,
    **page_options(),
)
def build_assistant() -> gr.Blocks:
    return assistant.build()


@register(
    "dashboard",
    title=_("Dashboard"),
    description=_("Explore a CSV file: table, statistics and plots."),
    groups=["analysts"],
    order=20,
    max_file_size="4mb",
    unsafe_eval=True,  # its charts are compiled in the browser
    **page_options(),
)
def build_dashboard() -> gr.Blocks:
    return dashboard.build()


@register(
    "sessions",
    title=_("Live sessions"),
    description=_("Who is signed in right now, and ending a session."),
    staff=True,
    order=30,
    **page_options(),
)
def build_live_sessions() -> gr.Blocks:
    return live_sessions.build()


@register(
    "account",
    title=_("Account"),
    description=_("What your session holds and where it is stored."),
    order=40,
    **page_options(),
)
def build_account() -> gr.Blocks:
    return account.build()

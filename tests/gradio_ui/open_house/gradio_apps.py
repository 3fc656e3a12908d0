"""An app for everybody, and one for people with an account."""

import time
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
from django.contrib.auth.models import AnonymousUser, User

from gradio_ui import current_session, register, requires_group, with_session
from sessionstate import Session, TabState, UserState


@with_session
def visit(session: Session, tab: TabState, state: UserState) -> list[int]:
    for counted in (session, tab, state):
        counted["visits"] = counted.get("visits", 0) + 1
    return [session["visits"], tab["visits"], state["visits"]]


@with_session
def remember(key: str, value: str, session: Session, state: UserState) -> str:
    session[key] = state[key] = value
    return value


@with_session
def recall(key: str, session: Session, state: UserState) -> list[str]:
    return [str(session.get(key, "")), str(state.get(key, ""))]


def who(request: gr.Request) -> list[str]:
    return [request.username or "", current_session().user_id]


@with_session
def whose(word: str, user: User | AnonymousUser) -> str:
    return f"{word} of {user.get_username() or 'a visitor'}"


@with_session
def whose_if_any(word: str, user: User | None = None) -> str:
    return f"{word} of {user}"


@with_session
def mine(word: str, user: User) -> str:
    return f"{word} of {user.username}"


def keep(value: str, kept: list[str]) -> tuple[list[str], str]:
    kept = [*kept, value]
    return kept, ",".join(kept)


@with_session
def take(path: str, session: Session) -> str:
    session["file"] = path
    return Path(path).read_text()


@with_session
def give(session: Session) -> str | None:
    return session.get("file")


@with_session
def count_up(limit: float, session: Session) -> Iterator[int]:
    for number in range(int(limit)):
        session["reached"] = number
        yield number
        time.sleep(0.05)


@requires_group("members")
def members_only() -> str:
    return "welcome back"


@register("open", title="Open house", public=True, mcp=True, order=920)
def build() -> gr.Blocks:
    with gr.Blocks() as demo:
        key, value = gr.Textbox(label="Key"), gr.Textbox(label="Value")
        answer, number = gr.JSON(), gr.Number(label="Number")
        file, kept = gr.File(label="File"), gr.State([])
        demo.load(visit, None, answer, api_name="visit")
        gr.Button("Remember").click(remember, [key, value], value, api_name="remember")
        gr.Button("Recall").click(recall, key, answer, api_name="recall")
        gr.Button("Who").click(who, None, answer, api_name="who")
        gr.Button("Keep").click(keep, [value, kept], [kept, value], api_name="keep")
        gr.Button("Take").click(take, file, value, api_name="take")
        gr.Button("Give").click(give, None, file, api_name="give")
        gr.Button("Count").click(count_up, number, number, api_name="count_up")
        for fn in (whose, whose_if_any, mine):
            gr.Button(fn.__name__).click(fn, key, value, api_name=fn.__name__)
        gr.Button("Members").click(members_only, None, value, api_name="members_only")
    return demo


@register("house", title="House", order=921)
def build_closed() -> gr.Blocks:
    return gr.Interface(lambda text: text, "text", "text")

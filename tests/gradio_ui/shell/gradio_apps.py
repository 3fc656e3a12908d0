"""Apps for what the site adds to their pages."""

import time
from collections.abc import Iterator

import gradio as gr

from gradio_ui import register, session_changed, with_session
from sessionstate import Session, UserState


@with_session
def add(item: str, session: Session) -> str:
    session["items"] = [*session.get("items", []), item]
    return ""


@with_session
def items(session: Session) -> str:
    return ", ".join(session.get("items", []))


@with_session
def late(session: Session) -> Iterator[str]:
    found = ", ".join(session.get("items", []))
    yield "…"
    time.sleep(3)
    yield found


@with_session
def colour(value: str, state: UserState) -> None:
    state["colour"] = value


@with_session
def what_colour(state: UserState) -> str:
    return str(state.get("colour", ""))


@with_session
def count(times: float, session: Session) -> float:
    """How often the page has been told."""
    session["told"] = session.get("told", 0) + 1
    return times + 1


def slowly() -> Iterator[int]:
    for number in range(1, 600):
        yield number
        time.sleep(0.1)


@register("notes", title="Notes", order=901)
def notes() -> gr.Blocks:
    with gr.Blocks() as demo:
        draft = gr.Textbox(label="Item", lines=2)
        gr.Button("Add").click(add, draft, draft, api_name="add")
        shown = gr.Textbox(label="Items", interactive=False)
        mine, theirs = gr.Textbox(label="Colour"), gr.Textbox(label="Chosen", interactive=False)
        gr.Button("Choose").click(colour, mine, None, api_name="colour")
        times = gr.Number(0, label="Told")
        number = gr.Number(label="Number")
        gr.Button("Slowly").click(slowly, None, number)
        gr.File(label="Upload")
        gr.on([demo.load, session_changed("items")], items, None, shown)
        gr.on([session_changed("colour")], what_colour, None, theirs)
        gr.on([session_changed("items")], count, times, times)
        gr.on([session_changed("items")], late, None, gr.Textbox(label="Late"))
    return demo


@register("bare-top", title="Without a bar", order=902, bar=False)
def bare_top() -> gr.Blocks:
    with gr.Blocks() as demo:
        gr.Textbox(label="Item")
    return demo


@register("aside", title="With a panel at the side", order=903)
def aside() -> gr.Blocks:
    with gr.Blocks(fill_height=True) as demo:
        with gr.Sidebar():
            gr.Markdown("Aside")
        gr.Textbox(label="Item")
    return demo


@register("guests", title="For guests", order=904, public=True)
def guests() -> gr.Blocks:
    with gr.Blocks() as demo:
        gr.Textbox(label="Item")
    return demo

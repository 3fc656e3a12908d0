"""Apps that are found and cannot be served, each for a reason of its own."""

from typing import Any

import gradio as gr
from django.contrib.auth.models import AbstractBaseUser, User

from gradio_ui import register, requires_group, with_session
from sessionstate import Session


@register("broken")
def build_broken() -> gr.Blocks:
    raise RuntimeError("a secret of the build")


@register("not-blocks")
def build_nothing() -> Any:
    return "a page"


shared = gr.Blocks()


@register("shared-1")
def build_shared() -> gr.Blocks:
    return shared


@register("shared-2")
def build_shared_again() -> gr.Blocks:
    return shared


@with_session
def batched(words: list[str], session: Session) -> list[list[str]]:
    return [words]


@register("batched")
def build_batched() -> gr.Blocks:
    return gr.Interface(batched, "text", "text", batch=True)


@requires_group("analysts")
def batched_for_some(words: list[str]) -> list[list[str]]:
    return [words]


@register("batched-for-some")
def build_batched_for_some() -> gr.Blocks:
    return gr.Interface(batched_for_some, "text", "text", batch=True)


@requires_group("analysts")
def example_for_some(word: str) -> str:
    return word


@register("cached-for-some")
def build_cached_for_some() -> gr.Blocks:
    return gr.Interface(
        example_for_some, "text", "text", examples=["a"], cache_examples=True, cache_mode="eager"
    )


@register("value-for-some")
def build_value_for_some() -> gr.Blocks:
    with gr.Blocks() as demo:
        gr.Textbox(requires_group("analysts")(lambda: "in everybody's page"))
    return demo


@with_session
def example(word: str, session: Session) -> str:
    return word


@register("cached-examples")
def build_cached_examples() -> gr.Blocks:
    return gr.Interface(example, "text", "text", examples=["a"], cache_examples=True)


@register("lazy-examples")
def build_lazy_examples() -> gr.Blocks:
    # Would be those of whoever opens one first.
    with gr.Blocks() as demo:
        word, answer = gr.Textbox(), gr.Textbox()
        gr.Examples(["a"], word, answer, example, cache_examples=True, cache_mode="lazy")
    return demo


@gr.cache
@with_session
def cached_call(word: str, session: Session) -> str:
    return word


@register("cached-calls")
def build_cached_calls() -> gr.Blocks:
    return gr.Interface(cached_call, "text", "text")


@with_session
def first_value(session: Session) -> str:
    return "in everybody's page"


@register("value-of-session")
def build_value_of_session() -> gr.Blocks:
    with gr.Blocks() as demo:
        gr.Textbox(first_value)
    return demo


@with_session
def batched_user(words: list[str], user: User) -> list[list[str]]:
    return [words]


@register("batched-user")
def build_batched_user() -> gr.Blocks:
    return gr.Interface(batched_user, "text", "text", batch=True)


class Stranger(AbstractBaseUser):
    """Not AUTH_USER_MODEL."""

    class Meta:
        abstract = True


@with_session
def for_strangers(word: str, user: Stranger) -> str:
    return word


@register("other-users")
def build_for_strangers() -> gr.Blocks:
    return gr.Interface(for_strangers, "text", "text")


@register("exits")
def build_exits() -> gr.Blocks:
    raise SystemExit(1)

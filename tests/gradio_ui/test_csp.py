"""The policy of an app's pages, from what the app says and what it is made of."""

import base64
import hashlib
from typing import Any

import gradio as gr
import pytest

from gradio_ui import compat, csp
from gradio_ui.compat import scripts
from gradio_ui.mount import mount_all
from gradio_ui.registry import RegistrationError, register

compat.prepare()

HEAD = (
    "<script>one()</script>\r\n<script src='x.js'></script><script>\r\nlet a = '<b>';\r\n</script>"
)


def build() -> gr.Blocks:
    with gr.Blocks() as demo:
        gr.Textbox()
    return demo


def directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in map(str.split, policy.split(";"))}


async def test_an_app_adds_what_it_asks_for_and_nothing_else(empty_registry: None) -> None:
    register("plain")(build)
    register(
        "more",
        unsafe_eval=True,
        csp={"img-src": ["https://tiles.example"], "frame-src": ["https://maps.example"]},
    )(lambda: build())
    mounts = mount_all()
    plain, more = (directives(mounts[slug].policy) for slug in ("plain", "more"))
    assert "frame-src" not in plain
    assert more["frame-src"] == ["'self'", "https://maps.example"]
    assert more["img-src"] == [*plain["img-src"], "https://tiles.example"]
    assert more["script-src"] == [*plain["script-src"], "'unsafe-eval'"]
    for policy in (plain, more):
        assert policy["frame-ancestors"] == policy["base-uri"] == ["'self'"]
        assert policy["object-src"] == ["'none'"]


@pytest.mark.parametrize(
    "sources",
    [
        {"image-src": ["https://x.example"]},
        {"frame-ancestors": ["*"]},
        {"default-src": ["*"]},
        {"img-src": "https://x.example"},
        {"img-src": ["https://x.example; script-src *"]},
        {"img-src": ["https://x.example *"]},
        {"img-src": ["{nonce}"]},
    ],
)
def test_what_is_no_source_of_a_directive_is_refused(
    empty_registry: None, sources: dict[str, Any]
) -> None:
    with pytest.raises(RegistrationError, match="csp of 'app' (has unknown|must have)"):
        register("app", csp=sources)


async def test_scripts_of_head_are_allowed_by_their_hash(empty_registry: None) -> None:
    register("headed", head=HEAD)(build)
    (mount,) = mount_all().values()
    texts = ("one()", "\nlet a = '<b>';\n")
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    wanted = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    assert directives(mount.policy)["script-src"][-2:] == wanted


async def test_an_app_that_needs_eval_and_does_not_say_so_is_named_in_the_log(
    empty_registry: None, caplog: pytest.LogCaptureFixture
) -> None:
    def needy() -> gr.Blocks:
        with gr.Blocks() as demo:
            gr.HTML("x")
            gr.Button().click(None, js="() => 1")
        return demo

    register("needy")(needy)
    mount_all()
    assert "'needy' uses gr.HTML, which" in caplog.text


def test_the_nonce_is_in_the_template_before_any_value_is() -> None:
    from gradio import routes

    environment = routes.templates.env
    assert environment.loader is not None
    source, *_ = environment.loader.get_source(environment, "frontend/index.html")
    tags = source.split("<script")[1:]
    assert len(tags) >= 5
    assert all(
        tag.startswith(f" nonce=\"{{{{ request.scope['{scripts.NONCE}'] }}}}\"") for tag in tags
    )
    assert csp.policy({}).startswith("default-src 'self'; script-src 'nonce-{nonce}' ")


def test_functions_of_an_app_are_known_before_anything_else_runs() -> None:
    from gradio import routes

    environment = routes.templates.env
    assert environment.loader is not None
    source, *_ = environment.loader.get_source(environment, "frontend/index.html")
    config, functions, *_ = (tag.partition(">")[2] for tag in source.split("<script")[1:])
    assert config.startswith("window.gradio_config = ")
    assert "const AsyncFunction = prototype.constructor;" in functions

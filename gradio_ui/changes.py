"""Telling the open pages of an app that the session has changed elsewhere.

    gr.on([demo.load, session_changed("cart")], show_cart, outputs=cart)

An app that has such a trigger makes its process tell what callbacks, views and the API write to
sessions and to the state of users (`accounts.live`); the page's script clicks a hidden button.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gradio_ui.running import running
from sessionstate import announce
from sessionstate.announce import News
from sessionstate.backends.base import Address, Kind
from sessionstate.keys import is_public
from sessionstate.signals import values_changed

if TYPE_CHECKING:
    import gradio

# The page's script looks for it (static/gradio_ui/shell/shell.js).
CLASS = "gradio-session-changed"


def session_changed(*keys: str) -> Any:
    """A trigger for `gr.on`: one of these keys, or any when none is given, was changed by another
    tab or device, in the `Session` or the `UserState`. Also after a time in which the page had no
    connection, since it cannot know then. Call it where the app is built."""
    import gradio

    # A hidden one is in the page nevertheless, with its text.
    button = gradio.Button(json.dumps(keys), visible="hidden", elem_classes=CLASS)
    return button.click


def follow_all(blocks: "gradio.Blocks") -> None:
    """What is told while a page still shows the change before is shown after that. Gradio leaves
    clicks out while the event of one is running, unless it is told otherwise."""
    buttons = _buttons(blocks)
    for fn in blocks.fns.values():
        if fn.trigger_mode == "once" and any(target in buttons for target, _ in fn.targets):
            fn.trigger_mode = "always_last"


def are_wanted(blocks: "gradio.Blocks") -> bool:
    return bool(_buttons(blocks))


def _buttons(blocks: "gradio.Blocks") -> set[int]:
    """Their ids."""
    return {number for number, b in blocks.blocks.items() if CLASS in (b.elem_classes or ())}


def tell_from_now_on() -> None:
    values_changed.connect(_tell, dispatch_uid=__name__)


def _tell(address: Address, keys: Iterable[str], **_: object) -> None:
    public = tuple(key for key in keys if is_public(key))
    call = running()
    by = (call.request.session_hash or "") if call else ""
    if public and address.kind is Kind.SESSION:
        announce.tell(News("session values", address.id, public, by))
    elif public and address.kind is Kind.USER:
        announce.tell(News("user values", address.id, public, by))

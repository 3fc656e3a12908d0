"""What cannot be served because nobody could say whose it is: refused before anybody calls it."""

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model

from gradio_ui import asked, marks, rules
from gradio_ui.compat import callbacks

if TYPE_CHECKING:
    import gradio
    from gradio.block_function import BlockFunction


class CannotMount(Exception):
    """What `build` returned cannot be served, for the reason given."""


def check(blocks: "gradio.Blocks") -> None:
    for block_fn in blocks.fns.values():
        check_function(block_fn)


def check_function(block_fn: "BlockFunction") -> None:
    """Raises `CannotMount`."""
    fn = block_fn.renderable.fn if block_fn.renderable else block_fn.fn
    name, classes = block_fn.name, asked.of(fn)
    if block_fn.batch:
        _refuse_batch(block_fn, classes)
    if not classes:
        return
    takes = _names(classes)
    if any(map(callbacks.is_cached, marks.chain(fn))):
        raise CannotMount(
            f"{name}() takes a {takes}, so what it returns is one person's, and gr.cache would "
            "give it to others: cache the part that is everybody's."
        )
    if any(map(callbacks.has_cached_examples, marks.chain(fn))):
        raise CannotMount(
            f"The function behind cached examples takes a {takes}, and examples are cached for "
            "everybody: set cache_examples=False."
        )
    users = tuple(filter(asked.is_user, classes))
    if users and not issubclass(get_user_model(), users):
        raise CannotMount(asked.wrong_user(str(name), users, get_user_model()))


def _refuse_batch(block_fn: "BlockFunction", classes: frozenset[type]) -> None:
    several = f"{block_fn.name}() is batched, so one call serves several people, and cannot"
    if classes:
        raise CannotMount(f"{several} take a {_names(classes)}.")
    if required := rules.of_event(block_fn):
        raise CannotMount(f"{several} be for {' and '.join(sorted(map(str, required)))} only.")


def _names(classes: frozenset[type]) -> str:
    return " and ".join(sorted(kind.__name__ for kind in classes))

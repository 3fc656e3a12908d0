"""A page whose parts are drawn anew (`gr.render`) while others of them are.

Gradio copies the page's components into a list before it describes them, so that another thread
may change them meanwhile. But it may also do so while the list is made: what Python clears away
then gives way to other threads. The event failed. Now it looks again.
"""

import functools
from collections.abc import Callable
from typing import Any

_ATTEMPTS = 10
_CHANGED = "changed size during iteration"


def install() -> None:
    from gradio.blocks import BlocksConfig

    if not hasattr(BlocksConfig.get_config, "__wrapped__"):
        BlocksConfig.get_config = _looking_again(BlocksConfig.get_config)  # type: ignore[method-assign]


def _looking_again(get_config: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(get_config)
    def config(*args: Any, **kwargs: Any) -> Any:
        for _ in range(_ATTEMPTS - 1):
            try:
                return get_config(*args, **kwargs)
            except RuntimeError as error:
                if _CHANGED not in str(error):
                    raise
        return get_config(*args, **kwargs)

    return config

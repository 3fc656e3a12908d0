"""Files of events, where processes share no directory: see `gradio_ui.transfers`.

Before Gradio reads what an event brings, and what the function has returned, the files that are
named there are brought here. After it has made its own of them, those are kept: a function may
store the path that it was given, and a page is told that of a result.
"""

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_noop as _

from gradio_ui import transfers
from gradio_ui.bodies import TooLarge
from gradio_ui.compat import inputs
from gradio_ui.storage import Unavailable
from gradio_ui.telling import untold

if TYPE_CHECKING:
    import gradio


def hook_files(blocks: "gradio.Blocks") -> None:
    blocks.preprocess_data = _around(blocks.preprocess_data)  # type: ignore[method-assign]
    blocks.postprocess_data = _around(blocks.postprocess_data)  # type: ignore[method-assign]


def _around(original: Any) -> Any:
    async def around(block_fn: Any, values: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            await transfers.bring(values)
            made = await original(block_fn, values, *args, **kwargs)
            await transfers.keep(made)
        except Unavailable as error:
            inputs.note(503)
            sentence = _("Files cannot be reached at the moment. Please try again.")
            raise untold(sentence) from error
        except TooLarge as error:
            inputs.note(413)
            raise untold(_("This file is too large.")) from error
        return made

    return around

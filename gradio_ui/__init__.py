"""Gradio apps behind Django accounts.

    from gradio_ui import register, with_session

Nothing in here imports Gradio until an app is built: `manage.py check`, `migrate` and `shell`
stay quick.
"""

from gradio_ui.changes import session_changed
from gradio_ui.injection import with_session
from gradio_ui.limited import limit
from gradio_ui.local_files import local_file
from gradio_ui.registry import register
from gradio_ui.roles import requires_group, requires_permission, requires_staff
from gradio_ui.running import current_session, current_state, current_user

__all__ = [
    "current_session",
    "current_state",
    "current_user",
    "limit",
    "local_file",
    "register",
    "requires_group",
    "requires_permission",
    "requires_staff",
    "session_changed",
    "with_session",
]

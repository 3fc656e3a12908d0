"""Gradio components beside Twisted.

Once Twisted is imported (daphne is an installed app), zope.interface has left a descriptor
`__provides__` on `abc.ABC`, which raises AttributeError when read through an instance of a
subclass. A Gradio component reads all its attributes while it is made, so none could be made,
in callbacks neither. An attribute of Gradio's own base class hides the descriptor for good;
removing it from `abc.ABC` would only last until zope puts it back.
"""


def shield_from_zope() -> None:
    from gradio.components.base import ComponentBase

    ComponentBase.__provides__ = None  # type: ignore[attr-defined]

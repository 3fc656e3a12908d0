"""Every use of what Gradio, zope.interface and AnyIO do not promise stands in this package, each
in a module that says why. `tests/gradio_ui/test_gradio_contracts.py` has a test for each, so an
upgrade that changes one fails there and not in production.
"""


def prepare() -> None:
    """Import Gradio in a state in which its components can be made. Takes seconds."""
    from gradio_ui import frontend
    from gradio_ui.compat import (
        components,
        downloads,
        environment,
        folders,
        inputs,
        owned_events,
        pages_frontend,
        renders,
        scripts,
        served,
        shortcuts,
        uploads,
        workers,
    )

    environment.configure()
    components.shield_from_zope()
    workers.adapt()
    owned_events.install()
    folders.install()
    uploads.install()
    downloads.install()
    inputs.install()
    pages_frontend.install(frontend.url())
    renders.install()
    scripts.mark()
    served.install()
    shortcuts.install()

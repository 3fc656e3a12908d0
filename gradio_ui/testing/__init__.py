"""Tests of Gradio apps: the site on real server processes, people who are signed in, calls.

With the pytest plugin `gradio_ui.testing.plugin`:

    def test_a_visit_is_counted(gradio_site, second_gradio_site):
        ada = gradio_site.sign_in("ada", groups=["analysts"])
        assert ada.open("hits").call("count", "Ada") == "Hello Ada, visit 1"
        page = ada.on(second_gradio_site).open("hits")
        assert page.call("count", "Ada") == "Hello Ada, visit 2"
        assert ada.session["visits"] == 2

The servers run on the test database; each test starts with an empty one.
"""

from gradio_ui.testing.people import CallFailed, NotAllowed, Page, Person
from gradio_ui.testing.site import Site, running_site

__all__ = ["CallFailed", "NotAllowed", "Page", "Person", "Site", "running_site"]

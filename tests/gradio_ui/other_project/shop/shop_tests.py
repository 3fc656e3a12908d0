import pytest

from gradio_ui.testing import NotAllowed


def test_as_ada_in_a_second_process(gradio_site, second_gradio_site):
    ada = gradio_site.sign_in("ada", groups=["analysts"])
    assert ada.open("hits").call("count", "Ada") == "Hello Ada, visit 1"
    page = ada.on(second_gradio_site).open("hits")
    assert page.call("count", "Ada") == "Hello Ada, visit 2"
    assert ada.session["visits"] == 2
    with pytest.raises(NotAllowed) as refused:
        gradio_site.sign_in("bob").open("hits")
    assert refused.value.status == 403


def test_a_visit_becomes_adas(gradio_site):
    visitor = gradio_site.visit()
    visitor.open("hello").call("count", "Ada")
    assert visitor.sign_in("ada").session["visits"] == 1

import httpx
import pytest

from feedback.models import Feedback
from gradio_ui.testing import NotAllowed, Site


def test_what_the_app_takes_the_api_and_the_admin_show(gradio_site: Site) -> None:
    ada = gradio_site.sign_in("ada")
    page = ada.open("feedback")
    assert page.call("mine") == (5, "")
    assert page.call("give", 4, "Quick") == "Thank you."
    assert page.call("give", 3, "Slow on Mondays") == "Changed. Thank you."
    assert page.call("mine") == (3, "Slow on Mondays")
    assert ada.session["feedback_given"] == 2

    api = f"{gradio_site.url}/api/feedback"
    assert httpx.get(f"{api}/summary").json() == {"count": 1, "stars": 3.0}
    answer = httpx.put(f"{api}/mine", json={"stars": 5}, headers=ada.headers)
    assert answer.json()["stars"] == 5
    assert str(Feedback.objects.get(user=ada.user)) == "★★★★★"


def test_another_user_has_feedback_of_their_own(gradio_site: Site) -> None:
    gradio_site.sign_in("ada").open("feedback").call("give", 1, "No")
    bob = gradio_site.sign_in("bob")
    assert bob.open("feedback").call("mine") == (5, "")
    bob.open("feedback").call("give", 3, "")
    assert Feedback.objects.count() == 2


def test_everybodys_is_for_those_who_may_see_it(gradio_site: Site) -> None:
    page = gradio_site.sign_in("ada").open("feedback")
    with pytest.raises(NotAllowed):
        page.call("everybody")
    page.call("give", 2, "Hm")
    boss = gradio_site.sign_in("eve", permissions=["feedback.view_feedback"])
    assert boss.open("feedback").call("everybody")["data"] == [["ada", "★★", "Hm"]]


@pytest.mark.parametrize("body", [{"stars": 6}, {"stars": 3, "text": "x" * 501}, {}])
def test_what_does_not_fit_is_refused(gradio_site: Site, body: dict[str, object]) -> None:
    ada = gradio_site.sign_in("ada")
    answer = httpx.put(f"{gradio_site.url}/api/feedback/mine", json=body, headers=ada.headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_without_a_login_nothing_but_the_summary(gradio_site: Site) -> None:
    answer = httpx.put(f"{gradio_site.url}/api/feedback/mine", json={"stars": 5})
    assert answer.status_code == 401
    documented = httpx.get(f"{gradio_site.url}/api/openapi.json").json()["paths"]
    assert "security" in documented["/api/feedback/mine"]["put"]
    assert "security" not in documented["/api/feedback/summary"]["get"]


def test_the_admin_lists_it(gradio_site: Site) -> None:
    gradio_site.sign_in("ada").open("feedback").call("give", 4, "Quick")
    boss = gradio_site.sign_in("boss", superuser=True)
    page = httpx.get(f"{gradio_site.url}/admin/feedback/feedback/", headers=boss.headers)
    assert page.status_code == 200
    assert "Quick" in page.text

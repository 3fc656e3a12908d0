"""Conversations that are kept on the server, as programs and the tables see them."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import handle_file

from gradio_ui.models import Conversation, Message
from gradio_ui.testing import CallFailed, Person, Site
from tests.servers import wait_for


def said(conversation: Conversation | None = None) -> list[tuple[str, Any, bool]]:
    found = (conversation or Conversation.objects.get()).messages.all()
    return [(message.role, message.content, message.complete) for message in found]


def ask(person: Person, method: str, path: str = "", **more: Any) -> httpx.Response:
    url = f"{person.site.url}/api/chats{path}"
    return httpx.request(method, url, headers=person.headers, **more)


def test_what_is_asked_and_answered_is_kept_and_goes_on(gradio_site: Site) -> None:
    ada = gradio_site.sign_in("ada")
    page = ada.open("kit-chat")
    assert page.stream("chat", "hi")[-1] == "0:HI"
    assert page.call("chat", "you") == "2:YOU"
    assert said() == [
        ("user", "hi", True),
        ("assistant", "0:HI", True),
        ("user", "you", True),
        ("assistant", "2:YOU", True),
    ]
    (listed,) = page.call("conversations")
    assert listed["title"] == "hi"


def test_each_tab_has_its_own_and_each_user_sees_their_own(
    gradio_site: Site, second_gradio_site: Site
) -> None:
    ada, bob = gradio_site.sign_in("ada"), gradio_site.sign_in("bob")
    ada.open("kit-chat").call("chat", "first")
    ada.on(second_gradio_site).open("kit-chat").call("chat", "second")
    bob.open("kit-chat").call("chat", "bob's")
    titles = [item["title"] for item in ada.open("kit-chat").call("conversations")]
    assert titles == ["second", "first"]
    again = second_gradio_site.sign_in("ada")
    assert [item["title"] for item in ask(again, "GET").json()] == ["second", "first"]
    assert [item["title"] for item in ask(bob, "GET").json()] == ["bob's"]


def test_an_answer_that_breaks_is_kept_as_far_as_it_came(gradio_site: Site) -> None:
    page = gradio_site.sign_in("ada").open("kit-chat")
    with pytest.raises(CallFailed):
        page.call("chat", "break half-way")
    so_far = [("user", "break half-way", True), ("assistant", "0:BREAK", False)]
    assert said() == so_far
    with pytest.raises(CallFailed, match="No answer today"):
        page.call("chat", "fail")
    assert said() == [*so_far, ("user", "fail", True)]


def test_an_answer_that_is_stopped_is_kept_as_far_as_it_came(gradio_site: Site) -> None:
    page = gradio_site.sign_in("ada").open("kit-chat")
    job = page.client.submit("slow " + "x" * 60, api_name="/chat")
    wait_for(lambda: len(job.outputs()) > 4)
    job.cancel()
    wait_for(lambda: Message.objects.filter(role="assistant").exists())
    (_, _, _), (role, content, complete) = said()
    assert role == "assistant" and content.startswith("0:SLOW") and not complete
    assert len(content) < 60


def test_a_conversation_that_was_deleted_meanwhile_stays_deleted(gradio_site: Site) -> None:
    ada = gradio_site.sign_in("ada")
    page = ada.open("kit-chat")
    job = page.client.submit("slow question", api_name="/chat")
    wait_for(lambda: len(job.outputs()) > 2)
    assert ask(ada, "DELETE", f"/{Conversation.objects.get().pk}").status_code == 204
    assert job.result().endswith("QUESTION")
    time.sleep(0.5)
    assert not Conversation.objects.exists() and not Message.objects.exists()
    page.call("chat", "again")
    assert [role for role, *_ in said()] == ["user", "assistant"]


def test_files_state_and_further_inputs_and_outputs_work(gradio_site: Site, tmp_path: Path) -> None:
    ada = gradio_site.sign_in("ada")
    note = tmp_path / "note.txt"
    note.write_text("hello")
    page = ada.open("kit-chats")
    message = {"text": "Look", "files": [handle_file(note)]}
    assert page.call("files", message) == "Look with 1 files, question 1"
    page.call("more", "hello", True)
    assert ada.state["asked"] == 1
    files = Conversation.objects.get(chat="files")
    (_, (file, text), _), answer = said(files)
    assert file["path"].endswith("note.txt") and text == "Look"
    assert answer == ("assistant", "Look with 1 files, question 1", True)
    assert files.title == "[note.txt] Look"
    more = Conversation.objects.get(chat="more")
    assert said(more) == [("user", "hello", True), ("assistant", "HELLO", True)]
    exported = ask(ada, "GET", f"/{files.pk}/export").text
    assert "[note.txt]" in exported and str(tmp_path) not in exported


def test_what_postgresql_does_not_take_is_not_given_to_it(gradio_site: Site) -> None:
    ada = gradio_site.sign_in("ada")
    ada.open("kit-chat").call("chat", "a\0b")
    conversation = Conversation.objects.get()
    assert conversation.title == "a\N{REPLACEMENT CHARACTER}b"
    assert "\0" not in str(said())
    renamed = ask(ada, "PATCH", f"/{conversation.pk}", json={"title": "c\0d"})
    assert renamed.json()["title"] == "c d"
    assert ask(ada, "GET", params={"app": "e\0f"}).json() == []


class TestAPI:
    def test_read_rename_export_delete(self, gradio_site: Site) -> None:
        ada = gradio_site.sign_in("ada")
        ada.open("kit-chat").call("chat", "What is it?")
        (listed,) = ask(ada, "GET", params={"app": "kit-chat"}).json()
        assert ask(ada, "GET", params={"app": "other"}).json() == []
        path = f"/{listed['id']}"
        whole = ask(ada, "GET", path).json()
        assert [message["text"] for message in whole["messages"]] == [
            "What is it?",
            "0:WHAT IS IT?",
        ]

        assert (
            ask(ada, "PATCH", path, json={"title": "  Its   name "}).json()["title"] == "Its name"
        )
        assert ask(ada, "PATCH", path, json={"title": " \n "}).status_code == 422

        markdown = ask(ada, "GET", f"{path}/export")
        assert markdown.headers["content-disposition"] == 'attachment; filename="its-name.md"'
        assert markdown.text.startswith("# Its name\n")
        assert "## You\n\nWhat is it?\n\n## Answer\n\n0:WHAT IS IT?\n" in markdown.text
        as_json = ask(ada, "GET", f"{path}/export", params={"format": "json"})
        assert as_json.json() == ask(ada, "GET", path).json()

        assert ask(ada, "DELETE", path).status_code == 204
        assert ask(ada, "GET", path).status_code == 404
        assert not Message.objects.exists()

    def test_another_user_finds_none_of_it(self, gradio_site: Site) -> None:
        ada, bob = gradio_site.sign_in("ada"), gradio_site.sign_in("bob")
        ada.open("kit-chat").call("chat", "secret")
        path = f"/{Conversation.objects.get().pk}"
        for method, where, body in [
            ("GET", path, None),
            ("GET", f"{path}/export", None),
            ("PATCH", path, {"title": "mine"}),
            ("DELETE", path, None),
        ]:
            answer = ask(bob, method, where, json=body)
            assert answer.status_code == 404 and "secret" not in answer.text
        assert httpx.get(f"{gradio_site.url}/api/chats").status_code == 401
        assert Conversation.objects.get().title == "secret"


def test_the_admin_shows_whose_and_when_and_not_what(gradio_site: Site) -> None:
    gradio_site.sign_in("ada").open("kit-chat").call("chat", "private words")
    boss = gradio_site.sign_in("boss", superuser=True)
    for path in ("", f"{Conversation.objects.get().pk}/change/"):
        url = f"{gradio_site.url}/admin/gradio_ui/conversation/{path}"
        page = httpx.get(url, headers=boss.headers)
        assert page.status_code == 200
        assert "private words" not in page.text and "kit-chat" in page.text

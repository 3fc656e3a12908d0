"""A file of the server in every spelling, at every door where a client may name a file."""

import contextlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.attacks.conftest import Target
from tests.attacks.people import API, Failed, Person, Tab, filedata

PASSWD = "/etc/passwd"
SPELLINGS = {
    "plain": PASSWD,
    "encoded": quote(PASSWD, safe=""),
    "encoded-twice": quote(quote(PASSWD, safe=""), safe=""),
    "address": f"file://{PASSWD}",
    "detour": f"/tmp/..{PASSWD}",
    "slashes": f"/{PASSWD}",
    "by-a-process": f"/proc/self/root{PASSWD}",
    "relative": f"../../../../../../..{PASSWD}",
}
AS_JSON = {"Content-Type": "application/json"}
# As programs of Model Context Protocol ask.
AS_PROGRAM = AS_JSON | {"Accept": "application/json, text/event-stream"}


def raw(value: Any, is_escaped: bool) -> bytes:
    """As JSON; `is_escaped`: each letter of a path as its number."""
    text = json.dumps(value)
    if is_escaped:
        for path in SPELLINGS.values():
            letters = "".join(f"\\u{ord(letter):04x}" for letter in path)
            text = text.replace(f'"{path}"', f'"{letters}"')
    return text.encode()


def by_a_run(bob: Person, file: Any, is_escaped: bool) -> str:
    body = raw({"data": [file]}, is_escaped)
    return bob.post(f"{API}/run/read", content=body, headers=AS_JSON).text


def by_an_event(bob: Person, file: Any, is_escaped: bool) -> str:
    tab = Tab(bob)
    body = {"data": [file], "fn_index": bob.fn("read"), "session_hash": tab.hash}
    content = raw(body, is_escaped)
    answer = bob.post(f"{API}/queue/join", content=content, headers=AS_JSON)
    if answer.status_code != 200:
        return answer.text
    with tab.stream() as messages:
        return str(list(messages))


def by_a_call(bob: Person, file: Any, is_escaped: bool) -> str:
    found = ""
    for way, body in (("call", {"data": [file]}), ("call/v2", {"file": file})):
        path = f"{API}/{way}/read"
        answer = bob.post(path, content=raw(body, is_escaped), headers=AS_JSON)
        found += answer.text
        if answer.status_code == 200:
            found += bob.get(f"{path}/{answer.json()['event_id']}").text
    return found


def by_what_an_event_is_about(bob: Person, file: Any, is_escaped: bool) -> str:
    body = raw({"data": [], "event_data": file}, is_escaped)
    return bob.post(f"{API}/run/removed", content=body, headers=AS_JSON).text


def by_a_component(bob: Person, file: Any, is_escaped: bool) -> str:
    body = {
        "component_id": bob.component("html"),
        "fn_name": "attach",
        "data": file,
        "session_hash": Tab(bob).hash,
    }
    content = raw(body, is_escaped)
    return bob.post(f"{API}/component_server", content=content, headers=AS_JSON).text


def by_a_tool(bob: Person, file: Any, is_escaped: bool) -> str:
    found = ""
    for given in (file, file["path"]):
        params = {"name": "read", "arguments": {"file": given}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        answer = bob.post(f"{API}/mcp/", content=raw(body, is_escaped), headers=AS_PROGRAM)
        assert '"isError":true' in answer.text, answer.text
        found += answer.text
    return found


def by_a_link_to_a_page(bob: Person, file: Any, is_escaped: bool) -> str:
    """To a page that has tried, and under the name of the file."""
    tab = Tab(bob)
    tab.predict("echo", "x")
    with contextlib.suppress(Failed):
        tab.predict("read", file)
    link = bob.get(f"{API}/deep_link", params={"session_hash": tab.hash}).json()
    assert link
    found = ""
    for name in (link, file["path"], f"../..{file['path']}"):
        for path in ("/", "/config"):
            answer = bob.get(path, params={"deep_link": name})
            # The page itself names the files of its own state, and no content of them.
            assert answer.status_code == 200
            assert name == link or '"deep_link_state":"invalid"' in answer.text
            found += answer.text
    return found


DOORS = [
    by_a_run,
    by_an_event,
    by_a_call,
    by_what_an_event_is_about,
    by_a_component,
    by_a_tool,
    by_a_link_to_a_page,
]


@pytest.mark.parametrize("is_escaped", [False, True], ids=["", "escaped"])
@pytest.mark.parametrize("path", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_a_file_of_the_server_is_nobodys(
    ours: Target, door: Callable[[Person, Any, bool], str], path: str, is_escaped: bool
) -> None:
    bob = ours.bob
    bob.answers.clear()
    assert "root:" not in door(bob, filedata(path), is_escaped)
    assert all(answer.status_code < 500 for answer in bob.answers)

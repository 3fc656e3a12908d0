"""Attacks on what a session_hash or an event id opens: state, streams, jobs.

Each returns whether it succeeded. The attacker knows the ids: they are in URLs, and so in logs.
"""

import contextlib
import json
import time
from typing import Any

import httpx

from tests.attacks.people import API, Failed, Person, Tab, Victim, new_hash


def hers(thief: Person, ada: Victim) -> Tab:
    """A page that says it is hers, with numbers of functions that anybody may know."""
    return Tab(thief, ada.hash, ada.person.fn)


def read_state(thief: Person, ada: Victim) -> bool:
    return ada.secret in hers(thief, ada).predict("show", None)


def read_state_without_the_queue(thief: Person, ada: Victim) -> bool:
    return ada.secret in hers(thief, ada).run("show", None)


def read_state_by_a_named_call(thief: Person, ada: Victim) -> bool:
    body = {"data": [None], "session_hash": ada.hash}
    event = called(thief.post(f"{API}/call/show", body))
    with Tab(thief).stream(f"{API}/call/show/{event}") as messages:
        return any(ada.secret in str(message) for message in messages)


def change_state(thief: Person, ada: Victim) -> bool:
    with contextlib.suppress(Failed):
        hers(thief, ada).predict("keep", "bob was here", None)
    return bool(ada.tab.run("show", None) != ada.secret)


def read_state_with_a_body_that_says_both(thief: Person, ada: Victim) -> bool:
    """Which of two equal names counts, is up to the parser."""
    mine = new_hash()
    for first, second in ((mine, ada.hash), (ada.hash, mine)):
        body = f'{{"data": [null], "session_hash": "{first}", "session_hash": "{second}"}}'
        if sent_raw(thief, ada, body.encode()):
            return True
    return False


def read_state_with_an_unusual_encoding(thief: Person, ada: Victim) -> bool:
    body = json.dumps({"data": [None], "session_hash": ada.hash})
    escaped = body.replace(ada.hash, "".join(f"\\u{ord(c):04x}" for c in ada.hash))
    spelled = body.replace("session_hash", "session\\u005fhash")
    raw = [escaped.encode(), spelled.encode()]
    raw += [body.encode(name) for name in ("utf-8-sig", "utf-16", "utf-16-le", "utf-32")]
    found = [sent_raw(thief, ada, one) for one in raw]
    return any(found)


def sent_raw(thief: Person, ada: Victim, body: bytes) -> bool:
    answer = thief.post(
        f"{API}/run/show", content=body, headers={"Content-Type": "application/json"}
    )
    return ada.secret in answer.text


def listen_in(thief: Person, ada: Victim) -> bool:
    return heard(thief, f"{API}/queue/data?session_hash={ada.running.hash}", ada.secret)


def listen_in_with_a_query_that_says_both(thief: Person, ada: Victim) -> bool:
    path = f"{API}/queue/data?session_hash="
    ways = ((new_hash(), ada.running.hash), (ada.running.hash, new_hash()))
    found = [heard(thief, f"{path}{a}&session_hash={b}", ada.secret) for a, b in ways]
    return any(found)


def listen_in_by_the_id_of_an_event(thief: Person, ada: Victim) -> bool:
    return heard(thief, f"{API}/call/count_for/{ada.event}", ada.secret)


def listen_in_by_her_hash_as_the_id_of_an_event(thief: Person, ada: Victim) -> bool:
    return heard(thief, f"{API}/call/count_for/{ada.running.hash}", ada.secret)


def listen_in_by_the_id_of_a_call_as_a_hash(thief: Person, ada: Victim) -> bool:
    """A call without a session_hash has its own id for one."""
    event = called(ada.person.post(f"{API}/call/echo", {"data": [ada.secret]}))
    if heard(thief, f"{API}/queue/data?session_hash={event}", ada.secret):
        return True
    return not heard(ada.person, f"{API}/call/echo/{event}", ada.secret)


def heard(thief: Person, path: str, secret: str) -> bool:
    """Whether it is in one of the first messages."""
    with contextlib.suppress(Failed), Tab(thief).stream(path) as messages:
        for number, message in enumerate(messages):
            if secret in str(message):
                return True
            if number > 5 or message["msg"] in ("unexpected_error", "heartbeat"):
                return False
    return False


def cancel_a_job(thief: Person, ada: Victim) -> bool:
    body = {
        "session_hash": ada.running.hash,
        "fn_index": ada.person.fn("count_for"),
        "event_id": ada.event,
    }
    return thief.post(f"{API}/cancel", body).status_code == 200 and ada.loses_her_job()


def cancel_a_job_under_his_own_hash(thief: Person, ada: Victim) -> bool:
    """Gradio takes the two apart: one ends the task, the other the generator."""
    fn = ada.person.fn("count_for")
    body = {"session_hash": new_hash(), "fn_index": fn, "event_id": ada.event}
    return thief.post(f"{API}/cancel", body).status_code == 200 and ada.loses_her_job()


def end_her_streams_by_a_heartbeat(thief: Person, ada: Victim) -> bool:
    """A heartbeat that ends is a page that was closed."""
    event = ada.tab.start("play", "music")
    playlist = next(m["output"]["data"][0]["url"] for m in played(ada) if event in str(m))
    # A beat is no JSON.
    with (
        contextlib.suppress(Failed, ValueError),
        Tab(thief).stream(f"{API}/heartbeat/{ada.hash}") as beats,
    ):
        next(beats)
    time.sleep(0.3)
    return ada.person.get(playlist).status_code == 404


def played(ada: Victim) -> list[Any]:
    with ada.tab.stream() as messages:
        return [m for m in messages if m["msg"] == "process_completed"]


def her_listening(ada: Victim) -> tuple[Tab, str]:
    """An event that ada's page feeds chunk by chunk."""
    tab = Tab(ada.person)
    tab.run("keep", ada.secret, None)
    return tab, tab.start("listen", "first", None)


def feed_her_stream(thief: Person, ada: Victim) -> bool:
    tab, event = her_listening(ada)
    with tab.stream() as messages:
        for message in messages:
            if message["msg"] == "process_streaming":
                break
        body = {"data": ["bob's word", None], "session_hash": tab.hash, "fn_index": 0}
        refused = thief.post(f"{API}/stream/{event}", body).status_code != 200
        if not refused:
            return any("bob's word" in str(message) for message in messages)
        ada.person.post(f"{API}/stream/{event}/close")
        return any("bob's word" in str(message) for message in messages)


def close_her_stream(thief: Person, ada: Victim) -> bool:
    tab, event = her_listening(ada)
    closed = thief.post(f"{API}/stream/{event}/close").status_code == 200
    if not closed:
        # Hers to close.
        assert ada.person.post(f"{API}/stream/{event}/close").status_code == 200
    with tab.stream() as messages:
        assert any(message["msg"] == "process_completed" for message in messages)
    return closed


def read_state_by_feeding_his_own_stream(thief: Person, ada: Victim) -> bool:
    """What he sends takes the place of what the event began with, session and all."""
    mine = Tab(thief, fns=ada.person.fn)
    event = mine.start("listen", "first", None)
    with mine.stream() as messages:
        for message in messages:
            if message["msg"] == "process_streaming":
                break
        body = {"data": ["second", None], "session_hash": ada.hash}
        if thief.post(f"{API}/stream/{event}", body).status_code != 200:
            thief.post(f"{API}/stream/{event}/close")
        else:
            message = next(m for m in messages if m["msg"] != "heartbeat")
            thief.post(f"{API}/stream/{event}/close")
            return ada.secret in str(message)
        return any(ada.secret in str(message) for message in messages)


def hear_her_sound(thief: Person, ada: Victim) -> bool:
    ada.tab.start("play", ada.secret)
    playlist = played(ada)[-1]["output"]["data"][0]["url"]
    listing = ada.person.get(playlist)
    segments = [line for line in listing.text.splitlines() if line.endswith(".aac")]
    folder = playlist.rsplit("/", 1)[0]
    assert segments and ada.secret in ada.person.get(f"{folder}/{segments[0]}").text
    names = ("playlist.m3u8", segments[0], "playlist-file")
    answers = [thief.get(f"{folder}/{name}") for name in names]
    return any(a.status_code == 200 for a in answers)


def call_a_function_rendered_for_her(thief: Person, ada: Victim) -> bool:
    """Its closure has her values, and its number exists in her session only."""
    fn = rendered(ada)["dependencies"][0]["id"]
    return ada.secret in str(hers(thief, ada).predict(fn))


def call_a_component_rendered_for_her(thief: Person, ada: Victim) -> bool:
    (component,) = (
        c["id"]
        for c in rendered(ada)["components"]
        if c["props"].get("elem_id", "").startswith("of")
    )
    bodies = {"component_id": component, "fn_name": "tell", "data": None, "session_hash": ada.hash}
    raw = json.dumps(bodies)
    answers = [
        thief.post(f"{API}/component_server", bodies),
        thief.post(f"{API}/component_server/", content=raw, headers={"Content-Type": "text/plain"}),
        # Multipart to one parser and not to the other.
        thief.post(
            f"{API}/component_server",
            content=raw,
            headers={"Content-Type": "Multipart/Form-Data; boundary=x"},
        ),
        thief.post(f"{API}/component_server", content=raw.encode("utf-16")),
    ]
    return any(ada.secret in answer.text for answer in answers)


def rendered(ada: Victim) -> Any:
    config = ada.person.config
    fn = next(d["id"] for d in config["dependencies"] if d.get("render_id") is not None)
    ada.tab.start(fn, None)
    with ada.tab.stream() as messages:
        done = next(m for m in messages if m["msg"] == "process_completed")
    return done["output"]["render_config"]


def link_to_what_she_sees(thief: Person, ada: Victim) -> bool:
    link = thief.get(f"{API}/deep_link", params={"session_hash": ada.hash})
    if link.status_code != 200 or not link.json():
        return False
    return thief.get("/config", params={"deep_link": link.json()}).status_code == 200


def called(answer: httpx.Response) -> str:
    if answer.status_code != 200:
        raise Failed(answer.text)
    event: str = answer.json()["event_id"]
    return event


ATTACKS = [
    read_state,
    read_state_without_the_queue,
    read_state_by_a_named_call,
    read_state_with_a_body_that_says_both,
    read_state_with_an_unusual_encoding,
    change_state,
    listen_in,
    listen_in_with_a_query_that_says_both,
    listen_in_by_the_id_of_an_event,
    listen_in_by_her_hash_as_the_id_of_an_event,
    listen_in_by_the_id_of_a_call_as_a_hash,
    cancel_a_job,
    cancel_a_job_under_his_own_hash,
    end_her_streams_by_a_heartbeat,
    feed_her_stream,
    close_her_stream,
    read_state_by_feeding_his_own_stream,
    hear_her_sound,
    call_a_function_rendered_for_her,
    call_a_component_rendered_for_her,
    link_to_what_she_sees,
]
# Those that bare Gradio lets anybody do who can reach the server.
BY_ANYBODY = {
    cancel_a_job,
    cancel_a_job_under_his_own_hash,
    end_her_streams_by_a_heartbeat,
    feed_her_stream,
    close_her_stream,
    hear_her_sound,
}

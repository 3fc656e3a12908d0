"""Attacks on functions that are not for the attacker, and on what an app's errors tell.

`visible=False` and `api_visibility="private"` are how bare Gradio hides a function.
"""

import contextlib
import json
from typing import Any

from tests.attacks.people import API, Failed, Person, Tab, Victim, new_hash
from tests.attacks.target import CONNECTION, PAYROLL, TITLE


def call_a_hidden_function_by_its_number(thief: Person, ada: Victim) -> bool:
    return PAYROLL in Tab(thief, fns=ada.person.fn).predict("payroll")


def call_a_hidden_function_by_its_name(thief: Person, ada: Victim) -> bool:
    found = [
        PAYROLL in thief.post(f"{API}/{way}/payroll", {"data": []}).text for way in ("run", "api")
    ]
    return any(found)


def call_a_hidden_function_under_another_name(thief: Person, ada: Victim) -> bool:
    """Where both are given, Gradio takes the number."""
    number = ada.person.fn("payroll")
    bodies: list[dict[str, Any]] = [
        {"data": [], "fn_index": number},
        {"data": [], "fn_index": str(number)},
        {"data": [], "fn_index": float(number)},
        {"data": [], "fn_index": number, "session_hash": new_hash()},
        {"data": [], "fn_index": number, "batched": True},
        {"data": [], "fn_index": number, "simple_format": True},
    ]
    raw = [json.dumps(body) for body in bodies]
    raw += [
        f'{{"data": [], "fn_index": {first}, "fn_index": {second}}}'
        for first, second in ((0, number), (number, 0))
    ]
    headers = {"Content-Type": "application/json"}
    found = [
        PAYROLL in thief.post(f"{API}/{way}/echo", content=body, headers=headers).text
        for way in ("run", "api")
        for body in raw
    ]
    return any(found)


def call_a_hidden_function_as_a_batch(thief: Person, ada: Victim) -> bool:
    tab = Tab(thief, fns=ada.person.fn)
    return PAYROLL in str(tab.predict("payroll", batched=True))


def call_a_hidden_function_by_a_call(thief: Person, ada: Victim) -> bool:
    found = False
    for way in ("call", "call/v2"):
        body: dict[str, Any] = {"data": []} if way == "call" else {}
        answer = thief.post(f"{API}/{way}/payroll", body)
        if answer.status_code == 200:
            event = answer.json()["event_id"]
            with (
                contextlib.suppress(Failed),
                Tab(thief).stream(f"{API}/{way}/payroll/{event}") as messages,
            ):
                found |= any(PAYROLL in str(message) for message in messages)
    return found


def read_the_errors_of_the_app(thief: Person, ada: Victim) -> bool:
    try:
        Tab(thief, fns=ada.person.fn).predict("fail", "x")
    except Failed as error:
        thief.failures.append("as it should")
        return CONNECTION in str(error)
    raise AssertionError("it fails")


def learn_what_the_app_is_about(thief: Person, ada: Victim) -> bool:
    """Gradio names the page to whoever may install it, before anybody signs in."""
    return TITLE in thief.get("/manifest.json").text


ATTACKS = [
    call_a_hidden_function_by_its_number,
    call_a_hidden_function_by_its_name,
    call_a_hidden_function_under_another_name,
    call_a_hidden_function_as_a_batch,
    call_a_hidden_function_by_a_call,
    read_the_errors_of_the_app,
    learn_what_the_app_is_about,
]
BY_ANYBODY = {learn_what_the_app_is_about}

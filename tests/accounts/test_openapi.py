"""The OpenAPI document is kept by a real server: requests made from it, valid ones and broken ones,
get the answers that it promises."""

from __future__ import annotations

import copy
import itertools
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import FailureGroup

from tests.servers import Site, manage

load_all_checks()
CHECKS = schemathesis.checks.CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
EXAMPLES = 12
PASSWORD = "correct horse battery"
# The API does not make any; more than the cases delete.
CONVERSATIONS = f"""
from django.contrib.auth.models import User
from gradio_ui.chats.store import Chat, append
for number in range({EXAMPLES + 1}):
    conversation = Chat(User.objects.get(username="tester").pk, "assistant").begin("Hello")
    append(conversation, "user", [("Hello", None)], after=0)
"""
METHODS = {"get", "put", "post", "delete", "patch"}


class Program:
    """Somebody who may be signed out at any time, and signs in again."""

    _numbers = itertools.count(1)
    _addresses = (f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in itertools.count(1))

    def __init__(self, site: Site) -> None:
        self.client = httpx.Client(base_url=site.url, timeout=60)
        self.headers: dict[str, str] = {}
        self.answer: dict[str, Any] = {}
        body = {"username": "tester", "password": PASSWORD, "email": "tester@example.com"}
        assert self._post("register", body).status_code == 201
        done = manage("shell", "-c", CONVERSATIONS, env=site.env)
        assert done.returncode == 0, done.stderr

    def _post(self, what: str, body: dict[str, str]) -> httpx.Response:
        return self.client.post(f"/api/auth/{what}", json=body, headers=self.fresh_address())

    def fresh_address(self) -> dict[str, str]:
        return {"X-Forwarded-For": next(self._addresses)}

    def sign_in(self) -> None:
        answer = self._post("login", {"username": "tester", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.answer = answer.json()
        self.headers = {"Authorization": f"Bearer {self.answer['access']}"}

    def stay_signed_in(self) -> None:
        if self.client.get("/api/auth/me", headers=self.headers).status_code != 200:
            self.sign_in()

    def make_real(self, case: Case) -> None:
        """Names what there is, which no generator would hit upon."""
        self.stay_signed_in()
        if "key_id" in case.path_parameters:
            keys = self.client.get("/api/keys", headers=self.headers).json()
            made = keys or [self._new_key()]
            case.path_parameters["key_id"] = made[0]["id"]
        if "conversation_id" in case.path_parameters:
            conversations = self.client.get("/api/chats", headers=self.headers).json()
            case.path_parameters["conversation_id"] = conversations[0]["id"]
        if "session_id" in case.path_parameters:
            case.path_parameters["session_id"] = self.answer["session_id"]
        if "key" in case.path_parameters:
            self.client.put("/api/session/data/key", json=[1], headers=self.headers)
            case.path_parameters["key"] = "key"
        if case.operation.path == "/api/auth/refresh":
            self.sign_in()  # its token is good for one use
        name = f"grace{next(self._numbers)}"
        bodies: dict[str, dict[str, Any]] = {
            "/api/auth/login": {"username": "tester", "password": PASSWORD},
            "/api/auth/refresh": {"refresh": self.answer["refresh"]},
            "/api/auth/register": {
                "username": name,
                "password": PASSWORD,
                "email": f"{name}@example.com",
            },
            "/api/keys": {"name": "made"},
            "/api/chats/{conversation_id}": {"title": "Its name"},
            "/api/session/data": {"key": [1]},
            "/api/session/data/{key}": {"key": [1]},
        }
        if case.operation.body:
            case.body = bodies[case.operation.path]
            case.media_type = "application/json"
        if case.headers and "If-Match" in case.headers:
            case.headers["If-Match"] = "*"

    def _new_key(self) -> dict[str, Any]:
        made = self.client.post("/api/keys", json={"name": "made"}, headers=self.headers)
        assert made.status_code == 201, made.text
        key: dict[str, Any] = made.json()
        return key


@pytest.fixture(scope="module")
def schema(proxied_site: Site) -> Any:
    return schemathesis.openapi.from_url(f"{proxied_site.url}/api/openapi.json")


@pytest.fixture(scope="module")
def program(proxied_site: Site) -> Iterator[Program]:
    program = Program(proxied_site)
    yield program
    program.client.close()


def exercise(schema: Any, program: Program, operations: Any) -> dict[str, set[int]]:
    """Calls every operation with generated cases; the statuses each one answered with. Raises at
    the first answer that the document does not allow."""
    seen: dict[str, set[int]] = defaultdict(set)
    for operation in operations:
        cases = st.one_of(
            operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        )

        # The same cases in every run; what fails once fails again.
        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases, real=st.booleans(), signed_in=st.integers(0, 5))
        def check(case: Case, real: bool, signed_in: int) -> None:
            if real:
                program.make_real(case)
            else:
                program.stay_signed_in()
            headers = program.headers if signed_in else {}
            answer = case.call(headers=headers | program.fresh_address(), timeout=60)
            seen[case.operation.label].add(answer.status_code)
            case.validate_response(answer, checks=CHECKS)

        check()
    return seen


@pytest.mark.parametrize("defect", ["undocumented status", "other shape"])
def test_a_broken_promise_is_found(schema: Any, program: Program, defect: str) -> None:
    document = copy.deepcopy(schema.raw_schema)
    me = document["paths"]["/api/auth/me"]["get"]
    if defect == "undocumented status":
        del me["responses"]["401"]
    else:
        document["components"]["schemas"]["Person"]["properties"]["id"] = {"type": "string"}
    broken = schemathesis.openapi.from_dict(document)
    broken.config.update(base_url=str(program.client.base_url))
    found = {
        "undocumented status": "Undocumented status code",
        "other shape": "Response violates schema",
    }[defect]
    with pytest.raises(FailureGroup, match=found):
        exercise(broken, program, [broken["/api/auth/me"]["GET"]])


def test_a_server_error_is_found(schema: Any, program: Program) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, status = b"{}", 500
        if scope["path"] == "/openapi.json":
            body, status = json.dumps(schema.raw_schema).encode(), 200
        headers = [(b"content-type", b"application/problem+json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    broken = schemathesis.openapi.from_asgi("/openapi.json", failing)
    with pytest.raises(FailureGroup, match="Server error"):
        exercise(broken, program, [broken["/api/auth/me"]["GET"]])


def test_every_operation_keeps_its_word(schema: Any, program: Program) -> None:
    operations = [result.ok() for result in schema.get_all_operations()]
    seen = exercise(schema, program, operations)
    assert len(seen) == len(operations) >= 20
    # No app of this site is public; where one is, see test_visitors.
    assert seen.pop("POST /api/auth/visit") == {403}
    for label, statuses in seen.items():
        assert any(status < 300 for status in statuses), f"{label} never worked: {statuses}"
        protected = label.split()[1].removeprefix("/api/auth/") not in {
            "login",
            "register",
            "refresh",
        }
        assert not protected or 401 in statuses, label

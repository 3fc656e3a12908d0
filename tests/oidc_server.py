"""The program of the fixture `oidc_provider`: an OpenID Connect provider on a port.

oidc-provider-mock speaks the protocol with Authlib's implementation, to which Authlib's PKCE is
added here. It asks for no password: whoever comes says who they are.
"""

import dataclasses
import os
import sys
from typing import Any

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import oidc_provider_mock._app as mock  # noqa: E402  # reads that when it is imported
from authlib.oauth2.rfc7636 import CodeChallenge  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

challenges: dict[str, dict[str, Any]] = {}


@dataclasses.dataclass(kw_only=True, frozen=True)
class Code(mock.AuthorizationCode):
    code_challenge: str
    code_challenge_method: str


class Grant(mock.AuthorizationCodeGrant):
    def save_authorization_code(self, code: str, request: Any) -> None:
        data = request.payload.data
        names = ("code_challenge", "code_challenge_method")
        challenges[code] = {name: data.get(name) for name in names}
        super().save_authorization_code(code, request)

    def query_authorization_code(self, code: str, client: Any) -> Any:
        found = super().query_authorization_code(code, client)
        return found and Code(**dataclasses.asdict(found), **challenges[code])


class Server(mock.flask_oauth2.AuthorizationServer):
    def register_grant(self, grant: Any, extensions: Any = ()) -> None:
        if grant is Grant:
            extensions = [*extensions, CodeChallenge(required=True)]
        super().register_grant(grant, extensions)


if __name__ == "__main__":
    mock.AuthorizationCodeGrant = Grant
    mock.flask_oauth2.AuthorizationServer = Server
    make_server(
        "127.0.0.1", int(sys.argv[1]), mock.app(require_nonce=True), threaded=True
    ).serve_forever()

"""The target as Gradio's documentation deploys it: mounted on FastAPI, with `auth`, on uvicorn.

python -m tests.attacks.bare PORT
"""

import sys
from collections.abc import Iterable, Iterator

import fastapi
import gradio
import uvicorn
from starlette.routing import BaseRoute, Route

from tests.attacks.target import PASSWORD
from tests.attacks.target.app import build

USERS = [("ada", PASSWORD), ("bob", PASSWORD)]


def walk(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    for route in routes:
        if isinstance(route, Route):
            yield route
        else:
            # FastAPI's included router.
            yield from walk(route.original_router.routes)  # type: ignore[attr-defined]


def main(port: int) -> None:
    parent = fastapi.FastAPI()
    app = gradio.mount_gradio_app(parent, build(), path="/gradio/target", auth=USERS)
    mounted = next(r.app for r in app.routes if getattr(r, "path", "") == "/gradio/target")

    @parent.get("/routes")
    def routes() -> list[tuple[str, str]]:
        """Method and path of everything that Gradio serves."""
        return [(method, route.path) for route in walk(mounted.routes) for method in route.methods]

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]))

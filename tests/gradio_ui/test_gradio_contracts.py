"""What we rely on without a promise: Gradio's private parts, zope.interface, AnyIO, threading.

Each test says what to look at in `gradio_ui/compat` when an upgrade breaks it.
"""

import asyncio
import hashlib
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
import threading
import time
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio.to_thread
import gradio as gr
import pytest
from fastapi import HTTPException
from gradio import processing_utils, queueing, route_utils
from gradio import routes as gradio_routes
from starlette.routing import BaseRoute, Route

from gradio_ui import compat, event_ids, frontend, names, places, routes
from gradio_ui.cluster import lost
from gradio_ui.compat import blocks as compat_blocks
from gradio_ui.compat import (
    environment,
    events,
    folders,
    inputs,
    observed,
    pages_frontend,
    pages_styles,
    queues,
    scripts,
    served,
)
from gradio_ui.compat import pages as compat_pages
from gradio_ui.limits import Booking
from gradio_ui.metrics import REGISTRY
from gradio_ui.mount import mount_all
from gradio_ui.ownership import Owner, Pages
from gradio_ui.passage import Passage
from gradio_ui.places import Place
from gradio_ui.registry import register
from gradio_ui.routes import Access, Body, Target
from gradio_ui.steps import Steps

compat.prepare()

ASSETS = frontend.directory() / "assets"


def run(script: str, **env: str) -> str:
    """Output of a fresh interpreter with this project's settings."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def simple() -> gr.Blocks:
    return gr.Interface(lambda text: text, "text", "text", api_name="echo")


@pytest.fixture
async def mounted(empty_registry: None) -> Any:
    # On a loop: without one Gradio makes loops that nobody closes.
    register("simple")(simple)
    (mount,) = mount_all().values()
    assert mount.failure is None
    return mount


# zope.interface (compat.components) -------------------------------------------------------


def test_twisted_still_spoils_components_without_the_cure() -> None:
    made = run(
        """
        import daphne.server
        import gradio as gr
        try: gr.Textbox()
        except AttributeError as error: print(error)
        """
    )
    assert "__provides__" in made, "zope or Gradio changed: compat.components may go"


def test_components_can_be_made_after_twisted() -> None:
    run(
        """
        import django; django.setup()
        import abc, sys, zope.interface
        assert "twisted.internet.reactor" in sys.modules
        from gradio_ui import compat; compat.prepare()
        del abc.ABC.__provides__
        zope.interface.implementedBy(abc.ABC)  # puts it back
        import gradio as gr
        class Own(gr.Textbox): pass
        [gr.Textbox(), gr.Dataframe(), gr.Chatbot(), Own()]
        """
    )


# Files (compat.blocks.mark_launched) ------------------------------------------------------


async def test_paths_are_only_checked_once_the_app_has_launched(mounted: Any) -> None:
    from gradio.context import LocalContext
    from gradio.exceptions import InvalidPathError
    from gradio.processing_utils import _check_allowed

    def check(blocks: gr.Blocks) -> None:
        LocalContext.blocks.set(blocks)
        _check_allowed("/etc/passwd", True)

    bare = simple()
    check(bare)  # the hole; when this raises, mark_launched may go
    with pytest.raises(InvalidPathError):
        check(mounted.blocks)
    LocalContext.blocks.set(None)


async def test_an_svg_is_only_trusted_until_the_app_has_launched(mounted: Any) -> None:
    from gradio.data_classes import _StaticFiles
    from gradio.processing_utils import move_files_to_cache

    def trusted(blocks: gr.Blocks) -> bool:
        LocalContext.blocks.set(blocks)
        path = Path(folders.folder()) / f"{id(blocks)}.svg"
        path.write_text("<svg/>")
        file = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
        move_files_to_cache(file, gr.File(render=False))
        return path in _StaticFiles.all_paths

    from gradio.context import LocalContext

    bare = simple()
    bare.has_launched = True
    assert trusted(bare)  # the hole; when this fails, `is_running` need not be set
    assert not trusted(mounted.blocks)
    LocalContext.blocks.set(None)


# Folders (compat.folders, compat.places) --------------------------------------------------


async def test_gradio_asks_for_its_directories_where_ours_answer() -> None:
    from gradio import mcp, processing_utils, route_utils, screen_recording_utils, utils

    for module in (utils, processing_utils, gr.blocks, gr.routes, gr.components.video):
        assert module.get_upload_folder is folders.folder
    assert utils.get_cache_folder is folders.examples
    assert processing_utils.is_in_or_equal is utils.is_in_or_equal
    with places.entered(Place("app", "7")):
        mine = environment.directory() / "users/7/app"
        found = {
            Path(given)
            for given in (
                utils.get_upload_folder(),
                gr.Image(render=False).GRADIO_CACHE,
                gr.routes.App().uploaded_file_dir,
                *(m.DEFAULT_TEMP_DIR for m in (mcp, route_utils, screen_recording_utils)),
            )
        }
        assert found == {mine}
        assert utils.get_cache_folder() == environment.directory() / "examples/app"


def test_every_path_is_compared_by_the_function_that_knows_folders() -> None:
    from gradio import processing_utils, route_utils, utils

    for function in (utils.is_allowed_file, utils._is_static_file):
        assert "is_in_or_equal(" in inspect.getsource(function)
    assert "is_allowed_file(" in inspect.getsource(processing_utils._check_allowed)
    assert "is_allowed_file(" in inspect.getsource(route_utils.file_fetch)
    assert "is_in_or_equal(" in inspect.getsource(processing_utils.check_all_files_in_cache)


def test_a_file_has_the_same_name_in_every_process() -> None:
    named = processing_utils.hash_bytes(b"content")
    expected = hashlib.sha256(b"gradio_ui" + b"content").hexdigest()
    assert named == expected, "See compat.folders: Gradio names files in another way."


def test_what_an_event_brings_and_returns_goes_through_two_methods(mounted: Any) -> None:
    for method, values in (("preprocess_data", "inputs"), ("postprocess_data", "predictions")):
        names = list(inspect.signature(getattr(gr.Blocks, method)).parameters)
        assert names[1:3] == ["block_fn", values], "See compat.stored."
        called = inspect.getsource(gr.Blocks.process_api).count(f"self.{method}(")
        assert called == 2, f"See compat.stored: of a batch and of others, not {called}."


def test_an_upload_lies_where_its_answer_says() -> None:
    source = inspect.getsource(route_utils.upload_fn)
    # Otherwise files are moved after the answer, when gradio_ui.named has looked for them.
    assert "upload_dir=upload_dir" in source and "os.rename(temp_file.file.name, dest)" in source
    assert "dir=self.upload_dir" in inspect.getsource(route_utils)


async def test_inputs_and_outputs_are_read_and_stored_in_the_place_of_the_event(
    mounted: Any,
) -> None:
    source = inspect.getsource(gr.Blocks.process_api)
    for step in ("preprocess_data", "call_function", "postprocess_data"):
        assert f"self.{step}(" in source
    # Nobody else calls it but the routes, the queue and MCP, by this name.
    assert "app.get_blocks().process_api(" in inspect.getsource(gr.routes.route_utils)
    result = await mounted.blocks.process_api(block_fn=0, inputs=["x"], request=None)
    assert result["data"] == ["x"]


# The id of an app (compat.blocks.pin_id) --------------------------------------------------


def test_an_app_has_the_same_id_in_every_process_and_another_when_it_changes() -> None:
    script = """
        import django; django.setup()
        from gradio_ui import compat; compat.prepare()
        import gradio as gr
        from gradio_ui.compat.blocks import pin_id
        def made(slug, outputs):
            blocks = gr.Interface(lambda text: text, "text", outputs); pin_id(blocks, slug)
            assert blocks.get_config_file()["app_id"] == blocks.app_id
            return blocks.app_id
        print(made("a", "text"), made("a", "text"), made("b", "text"), made("a", "number"))
    """
    first, second = run(script).split(), run(script, PYTHONHASHSEED="7").split()
    assert first == second
    assert first[0] == first[1]
    assert len(set(first)) == 3


# Environment (compat.environment) ---------------------------------------------------------


def test_gradio_reads_our_environment(mounted: Any) -> None:
    queue = mounted.blocks._queue
    assert queue.ANAYLTICS_CACHE_FREQUENCY == 1_000_000
    assert queue.ANALYTICS_MAX_EVENTS == 1
    assert mounted.blocks.analytics_enabled is False
    assert mounted.blocks.run_history is False
    from gradio.route_utils import DEFAULT_TEMP_DIR

    assert Path(DEFAULT_TEMP_DIR).is_relative_to(environment.directory())


def test_an_operators_own_value_stands() -> None:
    script = """
        import django, os; django.setup()
        print(os.environ["GRADIO_TEMP_DIR"])
    """
    assert run(script, GRADIO_TEMP_DIR="/somewhere").strip() == "/somewhere"


def test_nothing_asks_the_network_while_the_site_is_made() -> None:
    run(
        """
        import socket
        def refuse(*args): raise SystemExit(f"the network was asked: {args}")
        socket.getaddrinfo = refuse
        connect = socket.socket.connect
        socket.socket.connect = lambda self, to: (
            connect(self, to) if self.family == socket.AF_UNIX else refuse(to)
        )
        import gradiosession.asgi as site
        mounts = site.gradio_app.mounts.values()
        assert mounts and not any(mount.failure for mount in mounts)
        import threading, time
        time.sleep(0.5)
        """
    )


# The hook (compat.blocks.hook_calls) ------------------------------------------------------


def test_call_function_takes_what_the_hook_passes_on() -> None:
    names = list(inspect.signature(gr.Blocks.call_function).parameters)
    assert names[:5] == ["self", "block_fn", "processed_input", "iterator", "requests"]
    source = inspect.getsource(gr.Blocks.process_api)
    assert source.count("await self.call_function(") == source.count("call_function(") == 2


async def test_every_step_of_every_call_goes_through_the_hook(mounted: Any) -> None:
    blocks = mounted.blocks
    assert isinstance(blocks.call_function, Steps)
    result = await blocks.process_api(0, ["hello"])
    assert result["data"] == ["hello"]


# The queue (compat.queues, compat.events) -------------------------------------------------


def test_the_queue_sleeps_where_we_can_wake_it() -> None:
    source = inspect.getsource(queueing.Queue.start_processing)
    assert source.count("await asyncio.sleep(self.sleep_when_free)") == 3
    progress = inspect.getsource(queueing.Queue.start_progress_updates)
    assert progress.count("await asyncio.sleep(self.progress_update_sleep_when_free)") == 2


async def test_the_queue_waits_for_the_bell_and_not_for_the_clock(mounted: Any) -> None:
    queue = mounted.blocks._queue
    pause = queue.sleep_when_free
    assert pause == queues.PAUSE
    assert queue.progress_update_sleep_when_free == queues.PAUSE
    slow = queues.Pause(30)
    slow.bell = pause.bell
    queue._pause = slow
    started = time.monotonic()
    sleeping = asyncio.create_task(queueing.asyncio.sleep(queue.sleep_when_free))
    await asyncio.sleep(0.05)
    assert not sleeping.done()
    with pytest.raises(AttributeError):
        await queue.push(body=None, request=None, username=None)
    await sleeping
    # Rung while nobody slept: the next sleep is over at once.
    slow.bell.set()
    await queueing.asyncio.sleep(queue.sleep_when_free)
    await queueing.asyncio.sleep(0.01)  # others are asyncio's
    assert time.monotonic() - started < 5
    assert queueing.asyncio.Event is asyncio.Event


def test_the_queue_takes_the_first_and_appends_to_a_list() -> None:
    # What `compat.fair` puts in its place has an order of its own.
    group = queueing.EventQueue("group", 1)
    assert group.queue == [] and type(group.queue) is list
    assert inspect.getsource(queueing).count(".queue.append(") == 1
    push = inspect.getsource(queueing.Queue.push)
    assert "event_queue.queue.append(event)" in push
    assert "broadcast_estimations(event.concurrency_id, len(event_queue.queue) - 1)" in push
    assert "first_event = event_queue.queue[0]" in inspect.getsource(queueing.Queue.get_events)
    told = inspect.getsource(queueing.Queue.broadcast_estimations)
    assert "for rank, event in enumerate(event_queue.queue)" in told
    assert "after is None or rank >= after" in told


async def test_users_take_turns_and_are_told_their_place(mounted: Any) -> None:
    blocks = mounted.blocks
    queue, fn = blocks._queue, blocks.fns[0]
    queue.create_event_queue_for_fn(fn)
    group = queue.event_queue_per_concurrency_id[fn.concurrency_id]
    pages = Pages(is_busy=lambda name: False, forget=lambda name: None)
    told: dict[str, list[int]] = {}
    queue.send_message = lambda event, message: told.setdefault(event.name, []).append(message.rank)

    def arrive(*names: str) -> None:
        for name in names:
            user = name.rstrip("0123456789")
            owner = Owner(f"session-of-{user}", user)
            passed = Passage("simple", owner, pages, None, None, Booking(user))  # type: ignore[arg-type]
            scope = {"type": "http", **passed.entry()}
            event = queueing.Event(None, fn, gr.routes.fastapi.Request(scope), user)
            event.name = name  # type: ignore[attr-defined]
            group.queue.append(event)
            queue.broadcast_estimations(fn.concurrency_id, len(group.queue) - 1)

    def waiting() -> list[str]:
        return [event.name for event in group.queue]

    def serve() -> str:
        ((event,), _, _) = queue.get_events()
        name: str = event.name
        return name

    arrive("ada1", "ada2", "ada3", "ada4")
    assert serve() == "ada1"
    # Who has had nothing yet is next, then one each.
    arrive("bob1", "bob2", "eve1")
    assert waiting() == ["bob1", "eve1", "ada2", "bob2", "ada3", "ada4"]
    # Each was told when it came, and when somebody came in front of it.
    assert told["ada4"] == [3, 3, 4, 5]
    assert told["bob1"] == [0] and told["bob2"] == [2, 3] and told["eve1"] == [1]
    assert [serve() for _ in range(3)] == ["bob1", "eve1", "ada2"]
    # Coming back at once is no way to be first again.
    arrive("eve2", "bob3")
    assert waiting() == ["bob2", "eve2", "ada3", "bob3", "ada4"]
    # Nor does it count for ever what somebody once wanted, and had called off.
    for event in list(group.queue):
        if event.name.startswith("ada"):
            group.queue.remove(event)
    arrive("ada5", "bob4")
    assert waiting() == ["bob2", "eve2", "bob3", "ada5", "bob4"]
    order = waiting()
    assert [serve() for _ in order] == order
    assert waiting() == []


def test_events_pass_where_they_are_counted(mounted: Any) -> None:
    # See compat.observed: metrics, and the fields of lines in the log.
    def named(method: Any) -> list[str]:
        return list(inspect.signature(method).parameters)

    assert named(queueing.Queue.process_events)[:2] == ["self", "events"]
    assert named(queueing.Queue.remove_from_queue) == ["self", "event_id"]
    assert named(queueing.Queue.clean_events) == ["self", "session_hash", "event_id"]
    assert "self.process_events, events" in inspect.getsource(queueing.Queue.start_processing)
    assert "enqueue_time: float = time.monotonic()" in inspect.getsource(
        queueing.Event.__mro__[2].__init__
    )
    # Whether it was taken, and why not.
    assert '"queue_full"' in inspect.getsource(queueing.Queue.push)
    assert mounted.blocks._queue.meter


async def test_events_that_never_run_are_counted_once(mounted: Any) -> None:
    blocks = mounted.blocks
    queue, fn = blocks._queue, blocks.fns[0]
    queue.create_event_queue_for_fn(fn)
    group = queue.event_queue_per_concurrency_id[fn.concurrency_id]
    pages = Pages(is_busy=lambda name: False, forget=lambda name: None)

    def wait() -> Any:
        passed = Passage("simple", Owner("s", "ada"), pages, None, None, Booking("ada"))  # type: ignore[arg-type]
        asked = {"method": "POST", "path": "/queue/join", "headers": []}
        scope = {"type": "http", **asked, **passed.entry()}
        event = queueing.Event("page", fn, gr.routes.fastapi.Request(scope), "ada")
        queue.event_ids_to_events[event._id] = event
        group.queue.append(event)
        return event

    def counted() -> list[float | None]:
        name = "gradiosession_events_total"
        return [
            REGISTRY.get_sample_value(name, {"app": "simple", "outcome": outcome})
            for outcome in ("cancelled", "stopped")
        ]

    cancelled, stopped = (number or 0 for number in counted())
    wait()
    await queue.clean_events(session_hash="page")
    await queue.clean_events(session_hash="page")
    assert counted() == [cancelled + 1, stopped]
    event = wait()
    await queue.remove_from_queue(event._id)
    await queue.remove_from_queue(event._id)
    assert counted() == [cancelled + 2, stopped]
    wait()
    events.abort(blocks, "A word.")
    events.abort(blocks, "A word.")
    assert counted() == [cancelled + 2, stopped + 1]


def test_what_gradio_prints_of_a_failure_goes_to_the_log(mounted: Any) -> None:
    for module in (queueing, gradio_routes, route_utils):
        assert "    traceback.print_exc()\n" in inspect.getsource(module), module
        assert isinstance(module.traceback, observed._Traceback)  # type: ignore[attr-defined]


def test_the_queue_has_what_is_needed_to_end_its_events(mounted: Any) -> None:
    queue = mounted.blocks._queue
    assert queue.pending_event_ids_session == {}
    assert queue.event_ids_to_events == {}
    assert queue.pending_messages_per_session.get("nobody") is None


# Pages and events (compat.pages, compat.owned_events) --------------------------------------


async def test_nobodys_page_falls_out_of_gradio(mounted: Any) -> None:
    blocks = mounted.blocks
    assert blocks.state_holder.capacity > 10**9
    assert blocks._queue.pending_messages_per_session.max_size > 10**9
    blocks.state_holder["page"]
    blocks._queue.pending_messages_per_session["page"] = asyncio.Queue()
    blocks.pending_streams["page"]["run"] = {}
    compat_pages.forget(blocks, "page")
    assert "page" not in blocks.state_holder
    assert "page" not in blocks._queue.pending_messages_per_session
    assert "page" not in blocks.pending_streams


async def test_an_event_says_whose_it_is(mounted: Any) -> None:
    owner = Owner("a-session", "7")
    pages = Pages(is_busy=lambda name: False, forget=lambda name: None)
    booking = Booking("7")
    passage = Passage("simple", owner, pages, None, None, booking)  # type: ignore[arg-type]
    scope = {"type": "http", **passage.entry()}
    event = queueing.Event(None, mounted.blocks.fns[0], gr.routes.fastapi.Request(scope), "ada")
    assert event_ids.belongs(event._id, "a-session")
    assert not event_ids.belongs(event._id, "another")
    # Gradio keeps what belongs to an event without a page under the event's own id.
    assert event.session_hash == event._id
    assert len(pages) == 1
    assert booking.event_id == event._id


# Threads (compat.workers, compat.exits) ---------------------------------------------------


async def test_worker_threads_do_not_hold_the_interpreter() -> None:
    name, is_daemon = await anyio.to_thread.run_sync(
        lambda: (threading.current_thread().name, threading.current_thread().daemon)
    )
    assert name == "AnyIO worker thread"
    assert is_daemon, "AnyIO makes its threads another way now: see compat.workers"


@pytest.mark.django_db(transaction=True)
async def test_worker_threads_close_their_connections_after_each_call() -> None:
    from django.db import connection

    def query() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return int(cursor.fetchone()[0])

    limiter = anyio.CapacityLimiter(1)
    assert await anyio.to_thread.run_sync(query, limiter=limiter) == 1
    is_open = await anyio.to_thread.run_sync(
        lambda: connection.connection is not None, limiter=limiter
    )
    assert not is_open, "AnyIO fetches its calls another way now: see compat.workers"


def test_a_running_worker_does_not_hold_the_interpreter() -> None:
    run(
        """
        import django; django.setup()
        from gradio_ui import compat; compat.prepare()
        import anyio, asyncio, time
        async def main():
            task = asyncio.create_task(anyio.to_thread.run_sync(time.sleep, 1000))
            await asyncio.sleep(0.1)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        """
    )


def test_the_last_call_comes_while_threads_still_work() -> None:
    out = run(
        """
        from concurrent.futures import ThreadPoolExecutor
        from gradio_ui.compat.exits import before_threads_end
        pool = ThreadPoolExecutor(1)
        pool.submit(int).result()
        before_threads_end(lambda: print("worked", pool.submit(int).result()))
        """
    )
    assert out.strip() == "worked 0"


# Input (compat.inputs) --------------------------------------------------------------------


async def test_input_that_does_not_fit_is_told_apart_from_a_mistake_of_the_app(
    mounted: Any,
) -> None:
    blocks, (fn, *_) = mounted.blocks, mounted.blocks.fns.values()
    statuses: dict[int, int] = {}
    with inputs.noting(statuses):
        assert (await blocks.process_api(fn, ["text"]))["data"] == ["text"]
        assert statuses == {}
        with pytest.raises(gr.Error, match="This input does not fit."):
            await blocks.process_api(fn, [])
        assert statuses == {500: 422}


def chosen(event: gr.SelectData) -> str:
    return str(event.value)


@pytest.mark.parametrize("said", [None, "x", 1, [], {}])
def test_an_event_that_does_not_fit_is_told_apart_as_well(said: Any) -> None:
    """It is made of what the page says of it where Gradio adds to the arguments."""
    assert gr.blocks.special_args(chosen)[2] == 0  # type: ignore[attr-defined]
    statuses: dict[int, int] = {}
    with inputs.noting(statuses), pytest.raises(gr.Error, match="This input does not fit."):
        gr.blocks.special_args(chosen, [], None, gr.EventData(None, said))  # type: ignore[attr-defined]
    assert statuses == {500: 422}


# Functions of components (compat.served) --------------------------------------------------


async def test_the_editor_keeps_drawings_by_user_and_only_some(mounted: Any) -> None:
    editor = gr.ImageEditor()

    def draw(name: str, index: str = "null") -> None:
        said = {"type": "layer", "index": index, "id": name}
        editor.accept_blobs(SimpleNamespace(data=said, files=[("blob", b"x")]))

    with places.entered(Place("app", "ada")):
        draw("hers", "1")
        assert editor.blob_storage["hers"].layers == [None, b"x"]
        for index in ("1000000000", "-1", "x", str(served.MAX_LAYERS)):
            with pytest.raises(HTTPException):
                draw("hers", index)
    with places.entered(Place("app", "bob")):
        assert "hers" not in editor.blob_storage
        for number in range(50):
            draw(str(number))
        assert len(editor.blob_storage) == served.MAX_DRAWINGS
    with places.entered(Place("app", "ada")):
        assert list(editor.blob_storage) == ["hers"]
    assert not gr.ImageEditor().blob_storage


async def test_the_editor_keeps_no_more_bytes_than_may_be_sent(
    mounted: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GRADIO_UI_MAX_UPLOAD, settings.GRADIO_UI_MAX_VISITOR_BYTES = 100, 50
    editor = gr.ImageEditor()

    def draw(name: str, size: int, kind: str = "layer", index: str = "0") -> None:
        said = {"type": kind, "index": index, "id": name}
        editor.accept_blobs(SimpleNamespace(data=said, files=[("blob", b"x" * size)]))

    with places.entered(Place("app", "ada")):
        draw("one", 60)
        draw("two", 30)
        assert list(editor.blob_storage) == ["one", "two"]
        draw("two", 30, index="1")
        assert list(editor.blob_storage) == ["two"]
        with pytest.raises(HTTPException):
            draw("two", 41, "background")
        draw("two", 40, "composite")
    with places.entered(Place("app", "visitor-1")), pytest.raises(HTTPException):
        draw("one", 51)
    later = time.monotonic() + served.KEPT + 1
    monkeypatch.setattr(served.time, "monotonic", lambda: later)
    with places.entered(Place("app", "bob")):
        draw("his", 1)
    with places.entered(Place("app", "ada")):
        assert not editor.blob_storage


def test_only_the_route_of_components_has_its_arguments_made_by_this_name() -> None:
    assert inspect.getsource(gr.routes).count("special_args(") == 1


# Routes (gradio_ui.routes) ----------------------------------------------------------------


def walk(found: Iterable[BaseRoute]) -> Iterator[Route]:
    for route in found:
        if isinstance(route, Route):
            yield route
        else:
            # FastAPI's included router; anything else has to be looked at.
            yield from walk(route.original_router.routes)  # type: ignore[attr-defined]


def example(path: str) -> str:
    """A path that this route would match."""
    values = {"component_id": "1", "size": "192", "environment": "client"}
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda match: values.get(match[1], "a.ts"), path)


def test_every_route_of_gradio_is_in_the_table(mounted: Any) -> None:
    unknown = []
    count = 0
    for route in walk(mounted.app.routes[0].app.routes):
        found = routes.find(example(route.path))
        count += 1
        if found is None or not (route.methods or set()) <= found.methods:
            unknown.append((route.path, route.methods))
    assert count > 60
    assert not unknown, f"Gradio has routes that gradio_ui.routes does not know: {unknown}"


def test_the_table_says_what_a_route_names(mounted: Any) -> None:
    """Each parameter with the name of one of ours is looked for where it is: in the path, in the
    query, or in a body. And a route that is for a function or a component says so."""
    wrong = []
    for route in walk(mounted.app.routes[0].app.routes):
        found = routes.find(example(route.path))
        if found is None or found.access is Access.REFUSED:
            continue
        in_path = set(re.findall(r"\{(\w+)", route.path))
        in_body = set()
        for model in typing.get_type_hints(route.endpoint, localns=vars(gr.routes)).values():
            in_body |= set(getattr(model, "model_fields", ()))
        named = set(found.named_in(example(route.path)))
        if named & set(names.KEYS) != in_path & set(names.KEYS):
            wrong.append((route.path, "in the path"))
        if in_body & set(names.KEYS) and found.body is not Body.JSON:
            wrong.append((route.path, "in the body"))
        if "api_name" in in_path and "event_id" not in in_path:
            by_number = "fn_index" in in_body
            if "api_name" not in named or (found.target is Target.FUNCTION) is not by_number:
                wrong.append((route.path, "the function"))
    assert not wrong, f"gradio_ui.routes does not know where these name something: {wrong}"


def test_the_table_refuses_what_it_does_not_know() -> None:
    for path in ("", "//", "/config/x", "/static/", "/gradio_api", "/gradio_api/x", "/\n"):
        assert routes.find(path) is None, path
    assert routes.find("/second", {"second"}) is routes.find("/")
    found = routes.find("/gradio_api/startup-events")
    assert found is not None and found.access is Access.REFUSED


async def test_a_second_start_of_the_queue_is_what_the_refused_route_would_do() -> None:
    # The reason to refuse /startup-events; when Gradio checks, it may be open.
    blocks = simple()
    blocks._queue.start()
    before = len(asyncio.all_tasks())
    blocks.run_startup_events()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) > before
    blocks._queue.close()
    await asyncio.sleep(0.05)


def test_mounting_keeps_to_what_the_mount_decides(mounted: Any) -> None:
    assert mounted.blocks.show_error is False
    assert mounted.blocks.footer_links == ["api", "settings"]
    assert mounted.blocks.ssr_mode is False
    assert mounted.blocks.has_launched is True
    assert compat_blocks.Steps is Steps


# Chats (compat.chat) ----------------------------------------------------------------------


CHAT = """
import django; django.setup()
from gradio_ui import compat; compat.prepare()
from gradio_ui.compat.chat import AnsweringChat
chat = AnsweringChat(lambda message, history: message, editable=True)
"""


def test_every_exchange_of_a_chat_ends_in_the_event_that_we_use() -> None:
    out = run(
        f"""{CHAT}
ends = [fn for fn in chat.fns.values() if fn.fn and fn.fn.__name__ == "_save_conversation"]
print(len(ends), all(chat.saved_conversations in fn.outputs for fn in ends))
print(chat._save_conversation(None, [], []) == chat._save_conversation(None, [], []))
"""
    )
    # Submit, retry, undo, option and edit.
    assert out.split() == ["5", "True", "False"], "Chats work another way now: see compat.chat"


def test_the_page_names_its_files_where_we_rewrite_it() -> None:
    """Otherwise each app has its own copies in the browser: see compat.pages_frontend."""
    source = (frontend.directory() / "index.html").read_text()
    assert source.count(pages_frontend.SCRIPT) == 1
    assert source.count(pages_frontend.RESIZER) == source.count(pages_frontend.RESIZED) == 1
    assert source.count(pages_frontend.MANIFEST) == 1
    assert len(pages_frontend.STYLE.findall(source)) == 1
    assert "./assets/" not in pages_frontend.STYLE.sub("", source.replace("src=", "", 1)).replace(
        '"./assets/index-', "", 1
    )
    script = re.search(r'src="\./(assets/[^"]+)"', source)
    style = re.search(r'href="(\./assets/[^"]+)"', source)
    assert script and style
    entry = (frontend.directory() / script[1]).read_text()
    assert style[1] in entry, "The script looks for another link"
    assert "querySelector(`link[href='${" in "".join(
        path.read_text() for path in (frontend.directory() / "assets").glob("core-*.js")
    )
    assert "import.meta.url" in entry, "Assets are no longer found from where the script is"


def test_the_scripts_say_which_styles_they_load() -> None:
    changed = "The scripts load styles in another way, so each is asked for alone: see {}"
    config = {"layout": {"id": 0}, "components": []}
    styles = pages_styles.of(config)
    assert styles is not None, changed.format("compat.pages_styles")
    for at, name in enumerate(("index", "core", "HistoryStorageControl")):
        assert styles.contained[at].startswith(f"{frontend.url()}assets/{name}-")

    sources = {path: path.read_text() for path in ASSETS.glob("*.js")}
    (core,) = (text for path, text in sources.items() if path.name.startswith("core-"))
    types = set(re.findall(r"(\w+):\{(?:base|example|component):\(\)=>", core)) - {"core"}
    known = pages_styles._sheets()
    assert known is not None
    assert types == set(known.types), "Components are named in another way"
    files = {path.name for path in ASSETS.glob("*.css")}
    assert {name for names in known.types.values() for name in names} < files

    (page,) = (text for path, text in sources.items() if "`/theme.css?v=${" in text)
    where = re.search(
        r"createElement\(`style`\),document\.head\.appendChild.{,150}await \w+\([^;]*theme\.css"
        r"[^;]*document\.head\),\w+\(\w+\)\.stylesheets&&await Promise\.all\(",
        page,
    )
    assert where, "What the config names is not added after the theme: see compat/styles.html"
    for path in ASSETS.glob("*.css"):
        text = re.sub(r'"[^"]*"', "", path.read_text())
        assert text.count("{") == text.count("}"), f"Nothing can stand behind {path.name}"


def test_unknown_scripts_leave_the_styles_to_gradio(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"layout": {"id": 0}, "components": []}
    read = pages_styles._read
    for part in ("`stylesheet`", "import(`./Index-", "import(`./Blocks-", "textbox:{", ".f||("):
        monkeypatch.setattr(
            pages_styles, "_read", lambda name, part=part: read(name).replace(part, "")
        )
        pages_styles._sheets.cache_clear()
        assert pages_styles.of(config) is None, part
    monkeypatch.undo()
    pages_styles._sheets.cache_clear()
    assert pages_styles.of(config) is not None


def test_the_theme_names_its_fonts_where_we_rewrite_it() -> None:
    css = gr.themes.Default()._get_theme_css()
    assert pages_frontend.FONTS in css
    blocks: Any = SimpleNamespace(theme_css=css, theme_hash="", config={})
    pages_frontend.locate_fonts(blocks, "/static/g/")
    assert "url('/static/g/static/fonts/" in blocks.theme_css
    assert "'static/" not in blocks.theme_css
    assert blocks.theme_hash
    assert blocks.config["theme_hash"] == blocks.theme_hash


def test_what_a_chat_function_gives_becomes_messages() -> None:
    out = run(
        f"""{CHAT}
print(chat.as_messages("hello", "user"))
print(chat.as_messages({{"text": "look", "files": ["a.png"]}}, "user"))
"""
    )
    assert out.splitlines() == [
        "[{'role': 'user', 'content': 'hello'}]",
        "[{'role': 'user', 'content': [{'path': 'a.png'}, 'look']}]",
    ]


def test_the_frontend_makes_functions_of_js_as_functions_js_expects() -> None:
    assets = Path(gr.__file__).parent / "templates/frontend/assets"
    source = "".join(path.read_text() for path in assets.glob("*.js"))
    for part in (
        "=Object.getPrototypeOf(async function(){}).constructor",
        r".trim().replace(/;+$/,``);try{",
        r"(`return (\n${",
    ):
        assert part in source, f"Gradio makes functions of js= another way: {part} is gone"


def test_the_page_has_places_for_the_site_s_own_part() -> None:
    from gradio import routes

    loader = routes.templates.env.loader
    assert loader is not None
    source, *_ = loader.get_source(routes.templates.env, "frontend/index.html")
    head, body = (source.index(f"request.scope['{key}']") for key in (scripts.HEAD, scripts.BODY))
    gradio_script, app = source.index('type="module"'), source.index("<gradio-app")
    assert head < gradio_script < body < app, "The template of the page is another: compat.scripts"


def test_the_frontend_speaks_as_the_scripts_of_the_shell_expect() -> None:
    assets = Path(gr.__file__).parent / "templates/frontend/assets"
    sources = [path.read_text() for path in assets.glob("*.js")]
    for part, what in {
        "window.__gradio_session_hash__=": "the name of a page (shell.js)",
        "matchMedia(`(prefers-color-scheme: dark)`)?.addEventListener(": "dark pages (theme.js)",
        "s.msg===`close_stream`": "the end of a stream (requests.js)",
        "if(!c)await Promise.all(Object.keys(e).map(t=>e[t](s)))": "messages to all (requests.js)",
        "case`process_completed`:return`error`in e.output?": "failed events (requests.js)",
        "e?.error===": "connections that are lost (requests.js)",
    }.items():
        assert any(part in source for source in sources), f"Gradio has another way for {what}"
    # One, which reloads pages while they are developed: streams are fetched, so their status is
    # known to requests.js.
    eventsources = sum(source.count("new EventSource(") for source in sources)
    assert eventsources == 1, "Gradio listens to streams in another way"


def test_gradio_client_takes_a_failure_for_that_of_all_its_events() -> None:
    from gradio_client import client, utils

    ours, _, _ = lost.last_words((), None).partition(b"\n\n")
    message = json.loads(ours.removeprefix(b"data: "))
    words = utils.ServerMessage.server_stopped.value
    assert message["message"] == words, "gradio_client knows other words (cluster.lost)"
    source = inspect.getsource(client.Client.stream_messages)
    assert 'resp.get("message", "")' in source, "gradio_client looks for them elsewhere"
    config = (Path(__file__).parents[2] / "deploy/nginx/gradiosession.conf").read_text()
    found = re.search(r"return 200 'data: (\{.*\})\\n", config)
    # By the title is told apart what nginx says, after which a page may ask for the rest.
    assert found and json.loads(found[1]) == message | {"title": "Stopped"}

"""Attacks on files: hers, and the server's own.

Each returns whether it succeeded. The attacker knows the paths: they are in URLs and answers.
"""

import contextlib
import io
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from tests.attacks.people import API, Failed, Person, Tab, Victim, filedata
from tests.servers import BASE_DIR

PASSWD = "/etc/passwd"


def fetch_her_file(thief: Person, ada: Victim) -> bool:
    paths = [
        f"{API}/file={ada.path}",
        f"{API}/file={quote(ada.path, safe='')}",
        f"{API}/file=/tmp/..{ada.path}",
        f"{API}/file/{ada.path.lstrip('/')}",
    ]
    found = [thief.get(path).content == ada.content for path in paths]
    return any(found)


def learn_of_her_file(thief: Person, ada: Victim) -> bool:
    return thief.client.head(f"{API}/file={ada.path}").status_code == 200


def fetch_a_file_made_for_her(thief: Person, ada: Victim) -> bool:
    found = False
    for fn in ("make_file", "make_download"):
        file = ada.tab.predict(fn, ada.secret)
        assert ada.person.get(f"{API}/file={file['path']}").text == ada.secret
        found |= thief.get(f"{API}/file={file['path']}").text == ada.secret
    return found


def hand_in_her_file(thief: Person, ada: Victim) -> bool:
    return handed_in(thief, ada, ada.path, ada.secret)


def hand_in_a_file_of_the_server(thief: Person, ada: Victim) -> bool:
    return handed_in(thief, ada, PASSWD, "root:")


def hand_in_the_project(thief: Person, ada: Victim) -> bool:
    return handed_in(thief, ada, str(BASE_DIR / "manage.py"), "#!/usr/bin/env python")


def handed_in(thief: Person, ada: Victim, path: str, content: str) -> bool:
    """As an input of every component that takes files, queued and not."""
    file = filedata(path)
    inputs: dict[str, Any] = {
        "read": file,
        "read_all": [file],
        "read_gallery": [{"image": file, "caption": None}],
        "read_message": {"text": "", "files": [file]},
    }
    found = False
    for fn, data in inputs.items():
        for way in (Tab.run, Tab.predict):
            with contextlib.suppress(Failed):
                found |= content in way(Tab(thief, fns=ada.person.fn), fn, data)
    return found


def hand_in_a_file_in_escaped_letters(thief: Person, ada: Victim) -> bool:
    letters = "".join(f"\\u{ord(letter):04x}" for letter in PASSWD)
    meta = '"meta": {"_type": "gradio.FileData"}'
    found = False
    for name in ("path", "p\\u0061th"):
        body = f'{{"data": [{{"{name}": "{letters}", {meta}}}]}}'
        answer = thief.post(
            f"{API}/run/read", content=body, headers={"Content-Type": "application/json"}
        )
        found |= "root:" in answer.text
    return found


def hand_in_a_file_with_two_paths(thief: Person, ada: Victim) -> bool:
    mine = thief.upload(b"mine") if thief.name != "nobody" else "/tmp/x"
    meta = '"meta": {"_type": "gradio.FileData"}'
    found = False
    for first, second in ((mine, PASSWD), (PASSWD, mine)):
        body = f'{{"data": [{{"path": "{first}", "path": "{second}", {meta}}}]}}'
        answer = thief.post(
            f"{API}/run/read", content=body, headers={"Content-Type": "application/json"}
        )
        found |= "root:" in answer.text
    return found


def hand_in_her_file_as_what_an_event_is_about(thief: Person, ada: Victim) -> bool:
    """As the page tells which file was removed."""
    file, fns = filedata(ada.path), ada.person.fn
    found = ada.secret in thief.post(f"{API}/run/removed", {"data": [], "event_data": file}).text
    with contextlib.suppress(Failed):
        found |= ada.secret in Tab(thief, fns=fns).predict("removed", event_data=file)
    return found


def hand_a_file_of_the_server_to_a_component(thief: Person, ada: Victim) -> bool:
    return handed_to_a_component(thief, ada, PASSWD, "root:")


def hand_her_file_to_a_component(thief: Person, ada: Victim) -> bool:
    return handed_to_a_component(thief, ada, ada.path, ada.secret)


def handed_to_a_component(thief: Person, ada: Victim, path: str, content: str) -> bool:
    component = ada.person.component("html")
    answer = thief.serve(component, "attach", filedata(path), "a-hash-of-his")
    return content in answer.text


def show_a_file_in_a_chat(thief: Person, ada: Victim) -> bool:
    """A file that a callback hands back is copied to where it can be fetched."""
    content = [{"type": "file", "file": filedata(PASSWD)}]
    messages = Tab(thief, fns=ada.person.fn).predict(
        "read_chat", [{"role": "user", "content": content}]
    )
    path = messages.split("'path': '")[1].split("'")[0]
    return "root:" in thief.get(f"{API}/file={path}").text


def follow_a_link_out_of_his_folder(thief: Person, ada: Victim) -> bool:
    """As a callback makes one that unpacks an archive."""
    if thief.name == "nobody":
        raise Failed("has no folder")
    link = Path(thief.upload(secrets.token_bytes(8))).with_name("link.txt")
    link.symlink_to(PASSWD)
    try:
        fetched = thief.get(f"{API}/file={link}").text
        with contextlib.suppress(Failed):
            fetched += Tab(thief).predict("read", filedata(str(link)))
        return "root:" in fetched
    finally:
        link.unlink()


def fetch_what_a_link_to_her_page_holds(thief: Person, ada: Victim) -> bool:
    """Gradio keeps it as a file beside the uploads."""
    ada.tab.predict("keep", ada.secret, None)
    ada.tab.predict("echo", ada.secret)
    link = ada.person.get(f"{API}/deep_link", params={"session_hash": ada.hash}).json()
    assert link
    found = False
    for folder in list(Path(ada.path).parents)[:5]:
        answer = thief.get(f"{API}/file={folder}/deep_links/{link}/state.json")
        found |= answer.status_code == 200
    return found


def watch_her_upload(thief: Person, ada: Victim) -> bool:
    with uploading(ada.person, "letter-to-a-lawyer.txt") as upload_id:
        path = f"{API}/upload_progress?upload_id={upload_id}"
        with thief.client.stream("GET", path) as answer:
            if answer.status_code != 200:
                answer.read()
                return False
            return any("letter-to-a-lawyer" in line for line in answer.iter_lines())


def end_her_upload(thief: Person, ada: Victim) -> bool:
    """The progress that her page shows is over when his file is there."""
    with uploading(ada.person, "long.txt") as upload_id:
        files = {"files": ("short.txt", b"x")}
        answer = thief.client.post(f"{API}/upload?upload_id={upload_id}", files=files)
        return answer.status_code == 200


@contextlib.contextmanager
def uploading(person: Person, name: str) -> Iterator[str]:
    """An upload that takes as long as the block."""
    upload_id, done, begun = secrets.token_hex(6), threading.Event(), threading.Event()
    head = (
        f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    ).encode()

    def body() -> Iterator[bytes]:
        yield head + b"first part"
        begun.set()
        while not done.wait(0.1):
            yield b"."
        yield b"\r\n--x--\r\n"

    answers = []

    def send() -> None:
        with person.new_client() as client:
            headers = {"Content-Type": "multipart/form-data; boundary=x"}
            path = f"{API}/upload?upload_id={upload_id}"
            answers.append(client.post(path, content=body(), headers=headers))

    thread = threading.Thread(target=send)
    thread.start()
    begun.wait(5)
    # The server has read it.
    done.wait(0.3)
    try:
        yield upload_id
    finally:
        done.set()
        thread.join()
    assert answers[0].status_code == 200, answers[0].text


def take_her_picture(thief: Person, ada: Victim) -> bool:
    """The editor keeps what a page has drawn under a name that the page makes up."""
    editor, name = ada.person.component("editor"), secrets.token_hex(6)
    picture = io.BytesIO()
    Image.new("RGB", (2, 2), (1, 2, 3)).save(picture, "png")
    form = {
        "component_id": str(editor),
        "fn_name": "accept_blobs",
        "session_hash": ada.hash,
        "type": "background",
        "index": "null",
        "id": name,
    }
    ada.person.client.post(
        f"{API}/component_server", data=form, files={"file": ("blob", picture.getvalue())}
    ).raise_for_status()
    payload = {"id": name, "background": None, "layers": [], "composite": None}
    try:
        colour = Tab(thief, fns=ada.person.fn).predict("edited", payload)
        if colour == "nothing":
            raise Failed("his own editor is empty")
        return "1, 2, 3" in colour
    finally:
        with contextlib.suppress(Failed):
            ada.tab.predict("edited", payload)


ATTACKS: list[Callable[[Person, Victim], bool]] = [
    fetch_her_file,
    learn_of_her_file,
    fetch_a_file_made_for_her,
    hand_in_her_file,
    hand_in_a_file_of_the_server,
    hand_in_the_project,
    hand_in_a_file_in_escaped_letters,
    hand_in_a_file_with_two_paths,
    hand_in_her_file_as_what_an_event_is_about,
    hand_her_file_to_a_component,
    hand_a_file_of_the_server_to_a_component,
    show_a_file_in_a_chat,
    follow_a_link_out_of_his_folder,
    fetch_what_a_link_to_her_page_holds,
    watch_her_upload,
    end_her_upload,
    take_her_picture,
]

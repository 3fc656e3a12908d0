"""The app that is attacked: everything by which one user of a Gradio app could reach another.

Plain Gradio, so that the same Blocks run bare and behind the gate.
"""

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from tests.attacks.target import CONNECTION, PAYROLL, TITLE


def without_an_encoder(sound: gr.Audio) -> gr.Audio:
    """Its chunks are sent as they are."""

    def encode(output_id: str, data: bytes) -> Any:
        return {"data": data, "duration": 1.0, "extension": ".aac"}

    async def flush(output_id: str) -> None:
        return None

    sound._encode_chunk, sound.flush_stream_output = encode, flush
    return sound


def keep(word: str, kept: str) -> tuple[str, str]:
    return kept, word


def show(kept: str) -> str:
    return kept


def echo(word: str) -> str:
    return word


def count(start: float) -> Iterator[float]:
    for number in itertools.count(int(start)):
        yield number
        time.sleep(0.1)


def count_for(word: str, kept: str) -> Iterator[str]:
    for number in itertools.count():
        yield f"{kept} {number}"
        time.sleep(0.1)


_released: set[str] = set()


def wait(word: str) -> Iterator[str]:
    """Says nothing from its first step to the moment that somebody releases it."""
    yield "waiting"
    while word not in _released:
        time.sleep(0.05)
    yield "done"


def release(word: str) -> str:
    _released.add(word)
    return word


def listen(word: str, kept: str) -> str:
    return f"{word} {kept}"


def play(word: str) -> Iterator[bytes]:
    for _ in range(2):
        yield word.encode()


def read(file: str | None) -> str:
    return Path(file).read_text(errors="replace")[:200] if file else ""


def read_all(files: list[str] | None) -> str:
    return " ".join(read(file) for file in files or [])


def read_gallery(pictures: list[Any] | None) -> str:
    return " ".join(read(picture[0]) for picture in pictures or [])


def read_message(message: dict[str, Any]) -> str:
    return read_all(message["files"])


def read_chat(messages: list[Any]) -> str:
    return str(messages)


def make_file(word: str) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
        file.write(word)
    return file.name


def fail(word: str) -> str:
    raise RuntimeError(f"cannot connect to {CONNECTION}")


def edited(picture: dict[str, Any]) -> str:
    background = picture["background"]
    return "nothing" if background is None else str(background.getpixel((0, 0)))


def payroll() -> str:
    return PAYROLL


def whisper(word: str) -> str:
    return f"heard {word}"


def chosen(event: gr.SelectData) -> str:
    return f"{event.value} at {event.index}"


def removed(event: gr.DeletedFileData) -> str:
    return read(event.file.path)


def attach(file: dict[str, Any]) -> str:
    return read(file["path"])


def build(guard: Callable[[Any], Any] = lambda fn: fn) -> gr.Blocks:
    """`guard` is put on the function that is not for bob; bare Gradio has nothing of the kind."""
    public = Path(__file__).parent
    with gr.Blocks(title=TITLE) as demo:
        kept = gr.State("nothing")
        word, answer = gr.Textbox(label="Word"), gr.Textbox(label="Answer")
        number = gr.Number()
        open_to_all: dict[str, Any] = {"concurrency_limit": None}

        gr.Button().click(keep, [word, kept], [answer, kept], api_name="keep", **open_to_all)
        gr.Button().click(show, kept, answer, api_name="show", **open_to_all)
        gr.Button().click(echo, word, answer, api_name="echo", **open_to_all)
        gr.Button().click(count, number, number, api_name="count", **open_to_all)
        gr.Button().click(count_for, [word, kept], answer, api_name="count_for", **open_to_all)
        gr.Button().click(wait, word, answer, api_name="wait", **open_to_all)
        gr.Button().click(release, word, answer, api_name="release", **open_to_all)
        gr.Button().click(fail, word, answer, api_name="fail")
        gr.Button(visible=False).click(
            guard(payroll), None, answer, api_name="payroll", api_visibility="private"
        )

        camera = gr.Image(streaming=True, sources="webcam")
        camera.stream(listen, [word, kept], answer, api_name="listen", time_limit=60, **open_to_all)
        sound = without_an_encoder(gr.Audio(streaming=True))
        gr.Button().click(play, word, sound, api_name="play", **open_to_all)

        file, files = gr.File(), gr.File(file_count="multiple")
        gr.Button().click(read, file, answer, api_name="read")
        gr.Button().click(read_all, files, answer, api_name="read_all")
        gr.Button().click(read, gr.Image(type="filepath"), answer, api_name="read_image")
        gr.Button().click(
            read_gallery, gr.Gallery(type="filepath"), answer, api_name="read_gallery"
        )
        gr.Button().click(read_message, gr.MultimodalTextbox(), answer, api_name="read_message")
        gr.Button().click(read_chat, gr.Chatbot(), answer, api_name="read_chat")
        gr.Button().click(make_file, word, file, api_name="make_file")
        gr.Button().click(make_file, word, gr.DownloadButton(), api_name="make_download")

        editor = gr.ImageEditor(type="pil", elem_id="editor")
        gr.Button().click(edited, editor, answer, api_name="edited")
        explorer = gr.FileExplorer(root_dir=public, elem_id="explorer", file_count="single")
        gr.Button().click(read, explorer, answer, api_name="explored")
        word.select(chosen, None, answer, api_name="chosen")
        file.delete(removed, None, answer, api_name="removed")
        gr.HTML(server_functions=[whisper, attach], elem_id="html")
        gr.DeepLinkButton()

        @gr.render(inputs=kept, triggers=[gr.Button().click])
        def rendered(secret: str) -> None:
            def tell(word: str = "") -> str:
                return f"rendered {secret}"

            gr.HTML(server_functions=[tell], elem_id=f"of {secret}")
            told = gr.Textbox()
            gr.Button().click(tell, None, told, api_name="tell")

        gr.ChatInterface(lambda message, history: f"You said {message}", api_name="chat")
    return demo

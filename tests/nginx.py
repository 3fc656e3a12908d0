"""nginx from Debian, with everything that it writes in a directory of the test's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import component, running

_FRAME = """
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
{user}
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  include {directory}/conf.d/*.conf;
}}
"""


@contextmanager
def nginx(directory: Path, port: int, **files: str) -> Iterator[None]:
    """`files`: what goes into conf.d, by name; they listen on `port`."""
    program = component("nginx")
    (directory / "conf.d").mkdir(parents=True)
    for name, text in files.items():
        (directory / f"conf.d/{name}.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(_FRAME.format(directory=directory, user=user))
    command = [program, "-e", f"{directory}/error.log", "-c", f"{directory}/nginx.conf"]
    with running(command, port, directory):
        yield

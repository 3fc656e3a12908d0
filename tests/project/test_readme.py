"""The README's code is run as it stands there."""

import contextlib
import io
import re
from pathlib import Path

from tests.servers import BASE_DIR, SiteFactory

README = (BASE_DIR / "README.md").read_text()


def test_the_app_and_the_client_of_the_readme_work(
    live_server_factory: SiteFactory, tmp_path: Path
) -> None:
    app, client = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    package = tmp_path / "myapp"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "gradio_apps.py").write_text(app)
    site = live_server_factory(env={"EXTRA_APPS": "myapp", "PYTHONPATH": str(tmp_path)})
    output = io.StringIO()
    code = compile(client.replace("http://127.0.0.1:8000", site.url), "README.md", "exec")
    with contextlib.redirect_stdout(output):
        exec(code, {})
    assert output.getvalue().splitlines()[-1] == "Hello Ada, visit 1"


def test_every_setting_of_the_environment_is_in_the_table() -> None:
    sources = "".join(
        (BASE_DIR / "gradiosession" / name).read_text() for name in ("settings.py", "env.py")
    )
    names = set(re.findall(r"""env\.\w+\(\s*"([A-Z_]+)\"""", sources)) | {"DJANGO_ENV_FILE"}
    assert len(names) > 20
    assert {name for name in names if f"`{name}`" not in README} == set()

"""Sphinx's settings: `make docs` builds these pages into site/."""

project = "Gradio Session"
author = "the authors of Gradio Session"
copyright = author
extensions = ["myst_parser"]
html_theme = "furo"
html_title = project
html_static_path: list[str] = []
html_copy_source = False
html_show_sphinx = False
exclude_patterns = ["examples"]
# `[text](page.md#heading)` works here as it does where Markdown is shown as it is, and a link to
# a page or a heading that does not exist is a warning.
myst_heading_anchors = 3
nitpicky = True

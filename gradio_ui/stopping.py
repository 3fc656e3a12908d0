"""Whether this process is about to stop. Without Gradio, for who has to answer quickly."""

is_draining = False
# Requests that are not answered yet, those that stay open among them.
answering = 0

"""Whether this process is about to stop. Without Gradio, for who has to answer quickly."""

is_draining = False

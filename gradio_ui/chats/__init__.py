"""Conversations of `gr.ChatInterface`, kept on the server.

`gradio_ui.chats.interface.ChatInterface` takes the place of Gradio's; `gradio_ui.models` has the
tables, `store` what can be done with them, `recording` what is written while an answer is made.
"""

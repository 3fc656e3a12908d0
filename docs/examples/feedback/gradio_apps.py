import gradio as gr

from feedback.models import Feedback
from gradio_ui import register, requires_permission, with_session
from sessionstate import Session


@with_session
def give(stars: int, text: str, session: Session) -> str:
    Feedback.objects.update_or_create(
        user_id=session.user_id, defaults={"stars": stars, "text": text[:500]}
    )
    session["feedback_given"] = session.get("feedback_given", 0) + 1
    return "Thank you." if session["feedback_given"] == 1 else "Changed. Thank you."


@with_session
def mine(session: Session) -> tuple[int, str]:
    feedback = Feedback.objects.filter(user_id=session.user_id).first()
    return (feedback.stars, feedback.text) if feedback else (5, "")


@requires_permission("feedback.view_feedback")
def everybody() -> list[list[str]]:
    return [
        [feedback.user.username, "★" * feedback.stars, feedback.text]
        for feedback in Feedback.objects.select_related("user")
    ]


@register("feedback", title="Feedback", description="Say what you think.")
def build() -> gr.Blocks:
    with gr.Blocks(title="Feedback") as demo:
        with gr.Tab("Yours"):
            stars = gr.Slider(1, 5, value=5, step=1, label="Stars")
            text = gr.Textbox(label="Why?", lines=3, max_length=500)
            send = gr.Button("Send", variant="primary")
            thanks = gr.Markdown()
            send.click(give, [stars, text], thanks, api_name="give")
            demo.load(mine, None, [stars, text], api_name="mine")
        with gr.Tab("Everybody's") as tab:
            table = gr.Dataframe(headers=["Who", "Stars", "Why"], interactive=False)
            tab.select(everybody, None, table, api_name="everybody")
    return demo

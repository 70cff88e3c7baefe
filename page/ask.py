"""Questions about the photo, and the conversation about it."""

import gradio as gr

from encoders.heatmap import overlay
from runtime.errors import SettingError
from vqa import Answer
from vqa.answer import to_sentence, without_unlikely

from .correct import correction
from .session import PhotoSession
from .site import HIDDEN, MODEL_TURN, NO_ANSWERER, Models, Site, user_errors


def ask(models: Models, session: PhotoSession | None, question: str) -> tuple[PhotoSession, list[Answer]]:
    """Answer a question about the photo: encoded once for the captioner and, where it sees alike, for the answerer.

    The conversation in `session` goes on by one turn.
    """
    answerer = models.answerer
    if not session:
        raise SettingError("there is no photo yet; choose one first.")
    if answerer is None:
        raise SettingError(NO_ANSWERER)
    look = session.look
    if look is None or look.answerer is not answerer:
        alike = answerer.shares_encoder_with(session.captioner)
        look = session.look = answerer.look_at(session.features) if alike else answerer.look(session.photo)
    answers = look.ask(question)
    session.add_turn(question.strip(), to_sentence(answers))
    return session, answers


def answer_updates(session: PhotoSession, answers: list[Answer]) -> tuple:
    """The conversation, bars, where the model looked over all glimpses, no question, the text to correct."""
    best = answers[0]
    picture = gr.update(visible=False)
    if len(best.attention):
        label = f"Where it looked: “{best.text}”"
        heat = overlay(session.photo, best.attention.mean(0), session.look.answerer.preprocessing)
        picture = gr.update(value=heat, label=label, alt_text=label, visible=True)
    return list(session.talk), {a.text: a.probability for a in without_unlikely(answers)}, picture, "", best.text


def ask_visibility(models: Models) -> tuple:
    """The conversation and the question's box where there is a model for questions, else a word on how to get one."""
    available = models.answerer is not None
    return gr.update(visible=available), gr.update(visible=available), gr.update(visible=not available)


def save_answer(corrections, session: PhotoSession, text: str) -> None:
    """Keep the right answer to the last question."""
    corrections.add_answer(session.photo, session.talk[-2]["content"], text)


def ask_panel(site: Site, session: gr.State, tab: gr.Tab, photo_changed) -> None:
    """Questions about the photo and the conversation so far, which ends with the next photo (`photo_changed`)."""
    with gr.Column(visible=False, elem_id="ask") as panel, gr.Row(equal_height=False):
        with gr.Column():
            talk = gr.Chatbot(label="Conversation about this photo", height=None, min_height=150, max_height=420,
                              render_markdown=False, buttons=[], feedback_options=None,
                              placeholder="Ask what the caption leaves out.")  # fmt: skip
            question = gr.Textbox(label="Question", placeholder="What colour is it?", max_length=1000, submit_btn="Ask")
            none = gr.Markdown(NO_ANSWERER, visible=False)
        with gr.Column(visible=False) as result:
            bars = gr.Label(label="Likeliest answers", show_heading=False, num_top_classes=5)
            picture = gr.Image(
                interactive=False, format="jpeg", buttons=["download", "fullscreen"], elem_classes="looked"
            )
            right = correction(site, session, "The right answer", save_answer)

    @user_errors()
    def answer(current: PhotoSession | None, question: str):
        return gr.update(visible=True), *answer_updates(*ask(site.models, current, question))

    def clear_conversation(current: PhotoSession | None) -> None:
        if current:
            current.talk = ()

    question.submit(answer, [session, question], [result, talk, bars, picture, question, right],
                    show_progress="hidden", **HIDDEN, **MODEL_TURN)  # fmt: skip
    talk.clear(clear_conversation, session, None, show_progress="hidden", **HIDDEN)
    photo_changed.then(lambda current: (gr.update(visible=bool(current)), gr.update(visible=False), [], ""),
                session, [panel, result, talk, question], show_progress="hidden", **HIDDEN)  # fmt: skip
    # Retraining may have brought the first model for questions while the page was open.
    for event in (photo_changed.then, tab.select):
        event(
            lambda: ask_visibility(site.models),
            None,
            [talk, question, none],
            show_progress="hidden",
            queue=False,
            **HIDDEN,
        )

"""Questions about the photo, and the conversation about it."""

import gradio as gr

from encoders.heatmap import overlay
from runtime.errors import SettingError
from vqa import Answer
from vqa.answer import spoken

from .correct import correction
from .session import Seen
from .site import HIDDEN, MODEL_TURN, NO_ANSWERER, Models, Site, told


def ask(models: Models, seen: Seen | None, question: str) -> tuple[Seen, list[Answer]]:
    """Answer a question about the photo: encoded once for the captioner and, where it sees alike, for the answerer.

    The conversation in `seen` goes on by one turn.
    """
    answerer = models.answerer
    if not seen:
        raise SettingError("there is no photo yet; choose one first.")
    if answerer is None:
        raise SettingError(NO_ANSWERER)
    look = seen.look
    if look is None or look.answerer is not answerer:
        alike = answerer.sees_like(seen.captioner)
        look = seen.look = answerer.look_at(seen.features) if alike else answerer.look(seen.photo)
    answers = look.ask(question)
    seen.add_turn(question.strip(), spoken(answers))
    return seen, answers


def shown_answers(seen: Seen, answers: list[Answer]) -> tuple:
    """The conversation, bars, where the model looked over all glimpses, no question, the text to correct."""
    best = answers[0]
    picture = gr.update(visible=False)
    if len(best.attention):
        label = f"Where it looked: “{best.text}”"
        heat = overlay(seen.photo, best.attention.mean(0), seen.look.answerer.preprocessing)
        picture = gr.update(value=heat, label=label, alt_text=label, visible=True)
    return list(seen.talk), {a.text: a.probability for a in answers}, picture, "", best.text


def can_ask(models: Models) -> tuple:
    """The conversation and the question's box where there is a model for questions, else a word on how to get one."""
    there = models.answerer is not None
    return gr.update(visible=there), gr.update(visible=there), gr.update(visible=not there)


def keep_answer(kept, seen: Seen, text: str) -> None:
    """Keep the right answer to the last question."""
    kept.add_answer(seen.photo, seen.talk[-2]["content"], text)


def ask_panel(site: Site, seen: gr.State, tab: gr.Tab, looked) -> None:
    """Questions about the photo and the conversation so far, which ends with the next photo (`looked`, the event)."""
    with gr.Column(visible=False, elem_id="ask") as panel, gr.Row(equal_height=False):
        with gr.Column():
            talk = gr.Chatbot(label="Conversation about this photo", height=420, render_markdown=False, buttons=[],
                              feedback_options=None, placeholder="Ask what the caption leaves out.")  # fmt: skip
            question = gr.Textbox(label="Question", placeholder="What colour is it?", max_length=1000, submit_btn="Ask")
            none = gr.Markdown(NO_ANSWERER, visible=False)
        with gr.Column(visible=False) as result:
            bars = gr.Label(label="Likeliest answers", show_heading=False, num_top_classes=5)
            picture = gr.Image(
                interactive=False, format="jpeg", buttons=["download", "fullscreen"], elem_classes="looked"
            )
            right = correction(site, seen, "The right answer", keep_answer)

    @told()
    def answer(now: Seen | None, question: str):
        return gr.update(visible=True), *shown_answers(*ask(site.models, now, question))

    def forget(now: Seen | None) -> None:
        if now:
            now.talk = ()

    question.submit(answer, [seen, question], [result, talk, bars, picture, question, right],
                    show_progress="hidden", **HIDDEN, **MODEL_TURN)  # fmt: skip
    talk.clear(forget, seen, None, show_progress="hidden", **HIDDEN)
    looked.then(lambda now: (gr.update(visible=bool(now)), gr.update(visible=False), [], ""),
                seen, [panel, result, talk, question], show_progress="hidden", **HIDDEN)  # fmt: skip
    # Retraining may have brought the first model for questions while the page was open.
    for event in (looked.then, tab.select):
        event(lambda: can_ask(site.models), None, [talk, question, none], show_progress="hidden", queue=False, **HIDDEN)

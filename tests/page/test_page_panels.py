"""The page's panels, from their functions: looking, asking, many photos, correcting, and what a failure shows."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import gradio as gr
import pytest
from captioner_toys import small_captioner
from toys import square
from vqa_toys import PRE, small_answerer

from captioner import SearchSettings
from captioner.album import Entry
from captioner.caption import Caption
from encoders.heatmap import overlay
from page.ask import answer_updates, ask, ask_visibility, save_answer
from page.look import attention_update, caption_photo, caption_updates, search_settings
from page.many import report, tile
from page.page import page
from page.site import FAILED, SHOWN_SIDE, Models, Site, user_errors
from runtime.errors import PhotoError, SettingError
from vqa import Answerer, Look


@pytest.fixture(scope="module")
def models():
    return Models(small_captioner(), small_answerer())


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    square("red", "left").resize((2000, 1500)).save(path)
    return str(path)


@pytest.fixture
def session(models, photo):
    return caption_photo(models, photo, SearchSettings(n=3))


@pytest.fixture
def forwards(models, monkeypatch):
    """How often each model's encoder ran."""
    counts = {"captioner": 0, "answerer": 0}

    def count(name):
        model = getattr(models, name)
        encode = model.encode

        def counted(pixels):
            counts[name] += 1
            return encode(pixels)

        monkeypatch.setattr(model, "encode", counted)

    count("captioner"), count("answerer")
    return counts


def alike(models) -> Models:
    """The same captioner, and an answerer that has its encoder."""
    own = models.answerer
    encoder = models.captioner.network.encoder
    shared = Answerer.build(encoder, own.vocabulary, own.answers, models.captioner.preprocessing)
    shared.network.eval()
    return Models(models.captioner, shared)


def test_a_photo_is_shown_small_and_described_as_ever(models, session, photo):
    assert max(session.photo.size) == SHOWN_SIDE
    words, whole, tiles, others, text = caption_updates(session)
    caption = session.caption
    assert caption.text == text == models.captioner(session.photo).text
    assert words == [(word.text, word.probability) for word in caption.words]
    assert whole["alt_text"] == caption.text and whole["value"].size == session.photo.size
    assert [label for _, label in tiles] == [f"{w.text} {w.probability:.0%}" for w in caption.words]
    assert others.count("<li>") == 2 and all(other.text in others for other in caption.alternatives)


def test_a_caption_may_have_no_words(models, session, photo):
    nothing = replace(
        session, caption=Caption("", (), 0.0, session.caption.attention[:0], (Caption("", (), 0.0, None),))
    )
    words, whole, tiles, others, text = caption_updates(nothing)
    assert words == [("(no words)", None)] and whole["alt_text"] == "(no words)" and "Choose" not in whole["label"]
    assert "<li>(no words)</li>" in others and tiles == [] and text == ""
    assert attention_update(nothing, gr.SelectData(None, {"index": 0, "value": "(no words)"})) == gr.skip()
    assert tile(Entry("photo.png", Path(photo), nothing.caption, None))[1] == "(no words)"


def test_a_chosen_word_shows_where_the_model_looked_for_it(session):
    for index, word in enumerate(session.caption.words):
        shown = attention_update(session, gr.SelectData(None, {"index": index, "value": word.text}))
        heat = overlay(session.photo, session.caption.attention[index], session.captioner.preprocessing)
        assert shown["value"].tobytes() == heat.tobytes()
        assert word.text in shown["alt_text"] and f"{word.probability:.0%}" in shown["alt_text"]


def test_the_controls_are_settings():
    assert search_settings("Search", 5, 0.8, 10, 0.5, 3, 12) == SearchSettings(beam=5, n=5, max_length=12)
    drawn = SearchSettings(sample=True, n=3, temperature=0.8, top_k=10, top_p=0.5, seed=3, max_length=12)
    assert search_settings("Sample", 5, 0.8, 10, 0.5, 3, 12) == drawn


def test_one_encoding_serves_the_caption_and_every_question(models, photo, forwards):
    both = alike(models)
    session = caption_photo(both, photo, SearchSettings())
    for question in ("what colour is the square?", "is it red?"):
        session, answers = ask(both, session, question)
        assert answers[0].text == both.answerer.look_at(session.features).ask(question)[0].text
    assert forwards["captioner"] == 1 and len(session.talk) == 4


def test_an_answerer_with_eyes_of_its_own_looks_once(models, session, forwards):
    for question in ("what colour is the square?", "is it red?"):
        session, _ = ask(models, session, question)
    assert forwards == {"captioner": 0, "answerer": 1}


def test_a_new_model_answers_the_next_question(models, session):
    session, before = ask(models, session, "is it red?")
    new = Models(models.captioner, small_answerer(("perhaps", "never")))
    session, after = ask(new, session, "is it red?")
    assert {a.text for a in after} == {"perhaps", "never"} and session.look.answerer is new.answerer
    assert len(session.talk) == 4 and before[0].text in session.talk[1]["content"]


def test_the_conversation_says_when_it_is_not_sure(models, session):
    model = small_answerer()
    for model.threshold, start in ((0.0, ""), (1.1, "Not sure: ")):
        now, answers = ask(Models(models.captioner, model), session, " is it red? ")
        asked, caption = now.talk[-2:]
        assert asked == {"role": "user", "content": "is it red?"}
        assert caption["content"].startswith(start + answers[0].text)


def handlers(models, tmp_path) -> dict:
    """The page's handlers by name."""

    async def build():  # in a loop, since Gradio else makes one that it leaves open
        return page(Site(models, tmp_path))

    return {event.name: event.fn for event in asyncio.run(build()).fns.values()}


def test_handlers_of_one_session_drop_nothing_of_each_other(models, session, tmp_path, monkeypatch):
    """Both questions are asked, and the caption is said anew, before the first of them is answered."""
    events, together, look = handlers(models, tmp_path), Barrier(3, timeout=60), Look.ask

    def slow(self, question, *more):
        together.wait()
        return look(self, question, *more)

    monkeypatch.setattr(Look, "ask", slow)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(events["answer"], session, question) for question in ("is it red?", "is it blue?")]
        before = session.caption
        shown = events["recaption"](session, "Search", 2, 1.0, 0, 1.0, 1, 3)
        together.wait()
        assert all(len(answer.result()) == 6 for answer in answers)  # none of which is the session's state
    assert session.caption is not before and len(session.caption.words) <= 3 and len(shown) == 5
    assert {turn["content"] for turn in session.talk if turn["role"] == "user"} == {"is it red?", "is it blue?"}
    assert [turn["role"] for turn in session.talk] == ["user", "assistant"] * 2
    events["clear_conversation"](session)
    assert session.talk == ()


def test_answers_are_bars_and_a_heat_map(models, session):
    now, answers = ask(models, session, "is it red?")
    talk, bars, picture, question, text = answer_updates(now, answers)
    assert talk == list(now.talk) and question == "" and text == answers[0].text
    assert bars == {a.text: a.probability for a in answers} and len(bars) == 5
    assert picture["value"].tobytes() == overlay(session.photo, answers[0].attention.mean(0), PRE).tobytes()
    blind = Models(models.captioner, small_answerer())
    now, answers = ask(blind, session, "is it red?")
    empty = [type(a)(a.text, a.probability, a.sure, a.attention[:0]) for a in answers]
    assert answer_updates(now, empty)[2] == gr.update(visible=False)
    unlikely = [replace(answers[0], text=text, probability=p) for text, p in (("a", 0.004), ("b", 0.01), ("c", 0.0099))]
    assert answer_updates(now, unlikely)[1] == {"a": 0.004, "b": 0.01}


def test_asking_too_early_is_a_sentence(models, session):
    with pytest.raises(SettingError, match="there is no photo yet"):
        ask(models, None, "is it red?")
    with pytest.raises(SettingError, match="python -m training vqa"):
        ask(Models(models.captioner), session, "is it red?")


def test_questions_are_asked_only_where_a_model_answers(models):
    for now, there in ((Models(models.captioner), False), (models, True)):  # retraining may bring the first one
        talk, question, none = (shown["visible"] for shown in ask_visibility(now))
        assert (talk, question, none) == (there, there, not there)


WRITING = {
    "save",
    "train",
    "unpack_upload",
    "check",
    "choices",
    "refresh",
    "view",
    "swap",
    "pack",
    "stop_it",
    "resume_it",
}


def test_a_page_on_a_network_without_a_password_has_nothing_that_writes(models, tmp_path):
    """Not hidden: the handlers are not there."""

    async def build():  # in a loop, since Gradio else makes some that it leaves open
        return [page(Site(models, tmp_path, writable=writable)) for writable in (True, False)]

    pages = asyncio.run(build())
    ours, others = ({event.name for event in page.fns.values()} for page in pages)
    assert ours >= WRITING and not others & WRITING and {"look", "answer", "caption_album", "caption", "ask"} <= others
    labels = [[part["props"].get("label") for part in page.config["components"]] for page in pages]
    assert [found.count("Not right? Correct it") for found in labels] == [2, 0]
    assert not any(tmp_path.iterdir())


def test_an_album_tells_what_is_bad_and_how_many_are_shown(models, monkeypatch):
    monkeypatch.setattr("page.many.TILES", 1)
    caption = Caption("a dog", (), 0.0, None)
    entries = [Entry(f"{n}.png", Path(f"{n}.png"), caption, None) for n in range(2)]
    bad = Entry("<b>.png", Path("<b>.png"), None, "<b>.png is empty.")
    caption = report([*entries, bad])
    assert "2 of 3 photos captioned" in caption and "The first 1 are shown" in caption
    assert caption.count("<li>") == 1 and "<b>.png" not in caption
    assert "are shown" not in report(entries[:1])


def test_corrections_become_data_to_train_on(models, session, tmp_path):
    from training.readers import read_captions
    from training.readers.questions import read_questions

    site = Site(models, tmp_path)
    kept = site.storage.corrections
    assert kept is site.storage.corrections and len(kept) == 0
    session, _ = ask(models, session, "is it red?")
    kept.add_caption(session.photo, "a red square")
    save_answer(kept, session, "yes")
    assert len(kept) == 2
    assert read_captions(kept.captions_folder).records[0].captions == ("a red square",)
    question = read_questions(kept.questions_folder).records[0]
    assert question.question == "is it red?" and question.answers == ("yes",)


def test_a_users_mistake_is_its_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(gr.Error) as error, user_errors():
        raise PhotoError(f"{tmp_path}/glimpse-1/ab12/<img>.png is empty (0 bytes).")
    assert error.value.message == "&lt;img&gt;.png is empty (0 bytes)." and not error.value.print_exception


def test_any_other_failure_tells_the_log_and_not_the_visitor(caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as error, user_errors():
        raise RuntimeError("/home/ann/secret")
    assert error.value.message == FAILED and error.value.__suppress_context__
    assert "/home/ann/secret" in caplog.text

"""For programs: `/caption` and `/ask`, with the command lines' options and JSON."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from pathlib import Path

import gradio as gr

from captioner import SearchSettings
from runtime.errors import SettingError
from vqa.answer import to_json

from .site import MODEL_TURN, NO_ANSWERER, Site, user_errors
from .uploads import require_upload


def with_type_checks(blocks: gr.Blocks, call: Callable) -> Callable:
    """Wrap an endpoint: each value is checked against the type in its signature before it is called.

    Gradio keeps a session for each program that calls, half a megabyte for hours; it is let go here with the answer.
    """
    types = {name: p.annotation for name, p in signature(call).parameters.items() if name not in ("photo", "request")}

    @user_errors()
    @wraps(call)
    def wrapper(photo, *values):
        *values, request = values
        for sessions in (blocks.state_holder.session_data, blocks.state_holder.time_last_used):
            sessions.pop(request.session_hash, None)
        for (name, kind), value in zip(types.items(), values, strict=True):
            if not isinstance(value, (int, float) if kind is float else kind):
                raise SettingError(f"{name} is {value!r}; give a value of type {kind.__name__}.")
        return call(photo, *values)

    return wrapper


def endpoints(site: Site, blocks: gr.Blocks) -> None:
    """`/caption` and `/ask`, with the command lines' options and JSON."""

    def caption(
        photo: gr.FileData,
        beam: int = 3,
        sample: bool = False,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        n: int = 3,
        max_length: int = 30,
        seed: int = 1,
        request: gr.Request | None = None,
    ) -> dict:
        """Say what is in a photo, with each word's probability and the next best captions.

        Args:
            photo: the photo, uploaded.
            beam: sentences kept at each word; 1 is greedy.
            sample: draw words at random instead, as temperature, top_k, top_p and seed say.
            temperature: below 1 surer, above 1 bolder.
            top_k: sample from the so many likeliest words; 0 for all.
            top_p: sample from the likeliest words of this total probability.
            n: captions to give, the best and its alternatives; at most the beam.
            max_length: most words of a caption.
            seed: of sampling.
        """
        settings = SearchSettings(beam=beam, sample=sample, temperature=temperature, top_k=top_k, top_p=top_p,
                                  n=n if sample else min(n, beam), max_length=max_length, seed=seed)  # fmt: skip
        path = Path(require_upload(photo.get("path") if isinstance(photo, dict) else None))
        return {"image": path.name, **site.models.captioner(path, settings).to_json()}

    def ask(photo: gr.FileData, question: str, top: int = 5, request: gr.Request | None = None) -> dict:
        """Answer a question about a photo: the likeliest answers with probabilities, and whether the best is sure.

        Args:
            photo: the photo, uploaded.
            question: in words, such as: what colour is the dog?
            top: answers to give, best first.
        """
        if site.models.answerer is None:
            raise SettingError(NO_ANSWERER)
        path = Path(require_upload(photo.get("path") if isinstance(photo, dict) else None))
        return {"image": path.name, "question": question, **to_json(site.models.answerer.look(path).ask(question, top))}

    for call in (caption, ask):
        gr.api(with_type_checks(blocks, call), api_name=call.__name__, **MODEL_TURN)

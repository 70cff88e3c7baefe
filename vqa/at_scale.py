"""The answerer as `scale` takes it: what it answers about photos, as rows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from runtime.errors import PhotoError

from .model import BUNDLED, load
from .predictor import Look
from .question import clean_question


@dataclass(frozen=True)
class Answers:
    """A `scale.job.Job`: the likeliest answer to each question about each photo.

    Attributes:
        model: a model folder, or the bundled one.

    Raises:
        QuestionError: a question that cannot be read, or is too long.
    """

    questions: tuple[str, ...]
    model: str = BUNDLED

    def __post_init__(self):
        for question in self.questions:
            clean_question(question)

    def about(self) -> dict:
        return {"questions": list(self.questions)}

    def schema(self):
        import pyarrow

        text = pyarrow.string()
        return [("question", text), ("answer", text), ("probability", pyarrow.float64()), ("sure", pyarrow.bool_())]

    def start(self) -> Callable[[Iterable], Iterator[tuple[object, list[dict] | PhotoError]]]:
        answerer = load(self.model)

        def work(photos: Iterable) -> Iterator[tuple[object, list[dict] | PhotoError]]:
            for photo, look in answerer.stream(photos):
                yield photo, self._rows(look) if isinstance(look, Look) else look

        return work

    def _rows(self, look: Look) -> list[dict]:
        answered = zip(self.questions, look.ask_all(self.questions, 1), strict=True)
        return [
            {"question": question, "answer": best.text, "probability": round(best.probability, 4), "sure": best.sure}
            for question, (best,) in answered
        ]

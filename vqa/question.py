"""A question as a person types it, made safe to read."""

from runtime.errors import QuestionError

MAX_LENGTH = 1000  # characters of a question; people ask in fewer than 200


def clean_question(question: str) -> str:
    """A question as it is read: control characters and runs of white space become one space.

    Raises:
        QuestionError: it is no text, empty, or longer than `MAX_LENGTH`.
    """
    if not isinstance(question, str):
        raise QuestionError(f"a question is text, not {type(question).__name__}; ask it in words.")
    if len(question) > MAX_LENGTH:
        raise QuestionError(f"the question has {len(question):,} characters; ask it in at most {MAX_LENGTH:,}.")
    text = " ".join("".join(c if c.isprintable() else " " for c in question).split())
    if not text:
        raise QuestionError("the question is empty; ask something, such as: what colour is the car?")
    return text

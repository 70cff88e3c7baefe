"""COCO-QA's questions as the captions that they were made from."""

import re

_COLOUR = re.compile(r"what (is|are|was|were) the colou?r of ")
_OTHER_ORDER = re.compile(r"(where|what (do|does|did|(is|are|was|were) (the|a|an|this|that|some|two|there)))\b")
_PLURAL = {"is": "are", "was": "were"}
_VERB = re.compile(r"\b(do|does|did|there)\b")


def caption_from(question: str, answer: str) -> str | None:
    """The caption that a question of COCO-QA (Ren et al. 2015) was made from, or None where its words were moved.

    The questions were made by putting `what` or `how many` for a word, so that the answer in its place gives the
    sentence again: "what is parked by the curb", "bus" -> "a bus is parked by the curb".
    """
    if _COLOUR.match(question):
        thing = _COLOUR.sub("", question)
        return f"{thing} {'are' if _is_plural(thing) else 'is'} {answer}"
    if question.startswith("how many "):
        counted = question.removeprefix("how many ")
        return None if _VERB.search(counted) else f"{answer} {counted}"
    if _OTHER_ORDER.match(question):
        return None
    if _is_plural(answer):
        question = re.sub(r"^what (is|was)\b", lambda found: f"what {_PLURAL[found[1]]}", question)
    article = "" if _is_plural(answer) else "an " if answer[0] in "aeiou" else "a "
    return re.sub(r"\bwhat\b", article + answer, question, count=1)


def _is_plural(noun: str) -> bool:
    return noun.endswith("s") and not noun.endswith(("ss", "us"))

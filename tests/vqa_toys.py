"""Small data for VQA tests: the coloured squares of `toys` with questions about them, a model that never learnt."""

import json
from pathlib import Path

import torch
from toys import COLOURS, SIDES, square

from encoders.cnn import ImageEncoder
from encoders.images import Preprocessing
from encoders.text import Vocabulary
from vqa import Answerer, AnswerSet, HeadSettings

QUESTIONS = ["what colour is the square?", "on which side is it?", "is it red?"]
PRE = Preprocessing(size=32)
SIZES = {"embedding_size": 16, "question_size": 32, "attention_size": 16, "hidden_size": 32, "dropout": 0.1}


def answers_to(colour: str, side: str) -> list[str]:
    return [colour, side, "yes" if colour == "red" else "no"]


def question_folder(folder: Path, *, copies: int = 4) -> Path:
    """A table of questions: every colour on every side, `copies` times to train on, once to validate and to test on."""
    rows = []
    folder.mkdir(parents=True, exist_ok=True)
    for split, shades in (("train", range(0, 10 * copies, 10)), ("val", [15]), ("test", [25])):
        for shade in shades:
            for colour in COLOURS:
                for side in SIDES:
                    name = f"{split}-{colour}-{side}-{shade}.png"
                    square(colour, side, shade).save(folder / name)
                    for question, answer in zip(QUESTIONS, answers_to(colour, side), strict=True):
                        row = {"image": name, "question": question, "answer": answer, "split": split}
                        rows.append(row | {"type": question.split()[0]})
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def small_answerer(answers=("red", "green", "blue", "yellow", "left", "right", "yes", "no"), **settings) -> Answerer:
    """A model that never learnt anything, with weights large enough to answer every question differently."""
    torch.manual_seed(0)
    sizes = {"embedding_size": 16, "question_size": 24, "attention_size": 8, "hidden_size": 32, "dropout": 0.2}
    made = Answerer.build(
        ImageEncoder("tiny", image_size=32),
        Vocabulary.build(QUESTIONS),
        AnswerSet(tuple(answers)),
        PRE,
        HeadSettings(**sizes | settings),
        about={"licence": "none"},
    )
    made.network.eval()
    with torch.no_grad():
        for name, weight in made.network.named_parameters():
            if not name.startswith("encoder.") and weight.ndim > 1:
                weight.normal_(std=0.1 if "output" in name else 0.5)  # no answer beyond doubt
    return made

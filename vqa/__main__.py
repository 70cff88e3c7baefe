"""The command line: `python -m vqa PHOTO "QUESTION" ...`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from runtime.command import SOME_FAILED, command_line, print_error, run
from runtime.errors import PhotoError, QuestionError, SettingError, printable
from scale.command import RAY, Address, ImageColumn, Workers, check_engine_options, run_at_scale

app = command_line()


@app.command()
def main(
    photo: Annotated[str, typer.Argument(help="A photo; with --engine ray, what very many are in.")],
    questions: Annotated[list[str] | None, typer.Argument(help="Questions about it, each in quotes.")] = None,
    model: Annotated[str, typer.Option(help="A model folder, or bundled-vqa.")] = "bundled-vqa",
    top: Annotated[int | None, typer.Option(help="Answers to each question, best first [default: 5; as text, without those under 1%].")] = None,
    engine: Annotated[str | None, typer.Option(help="onnx, onnx-int8 (faster, in 8 bits), torch, or ray: very many photos [default: onnx where it can].")] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    attention: Annotated[Path | None, typer.Option(help="Save a picture of where the model looked.")] = None,
    out: Annotated[Path | None, typer.Option(help="With --engine ray: the folder that answers are written into.")] = None,
    workers: Workers = None,
    address: Address = None,
    image_column: ImageColumn = None,
):  # fmt: skip
    """Answer questions about a photo. It is encoded once for all of them; a question that cannot be read is reported."""
    from encoders.formats import PHOTO_SUFFIXES

    from .model import load

    if not questions:
        raise SettingError('there is no question; ask it behind the photo: python -m vqa dog.jpg "what is it doing?"')
    for question in questions:
        if question.lower().endswith(PHOTO_SUFFIXES):
            raise SettingError(
                f'{printable(question)} is no question; ask about one photo at a time: python -m vqa PHOTO "QUESTION"'
            )
    cluster = {"--out": out, "--workers": workers, "--address": address, "--image-column": image_column}
    check_engine_options(
        engine, out=out, only_ray=cluster, never_ray={"--json": json_lines, "--attention": attention, "--top": top}
    )
    if engine == RAY:
        from .at_scale import Answers

        job = Answers(tuple(questions), model)
        run_at_scale(job, [photo], out, workers=workers, address=address, column=image_column)
        return
    whole, top, photo = json_lines or top is not None, 5 if top is None else top, Path(photo)
    if top < 1:
        raise SettingError(f"top is {top}; ask for at least 1 answer.")
    if attention:
        from encoders.heatmap import picture_format

        picture_format(attention)  # better to fail now than after the answer
    answerer = load(model, engine=engine)
    if attention and not answerer.engine.glimpses:
        raise SettingError(
            "this model does not choose where to look; --attention needs one trained with --pooling glimpse."
        )
    try:
        look = answerer.look(photo)
    except PhotoError as error:
        _report(photo, None, error, json_lines=json_lines)
        raise typer.Exit(SOME_FAILED) from None
    result = [(question, _ask(look, question, top, whole=whole)) for question in questions]
    for question, answers in result:
        _report(photo, question, answers, json_lines=json_lines, alone=len(result) == 1)
    answered = [(question, answers) for question, answers in result if isinstance(answers, list)]
    if attention and answered:
        _draw(photo, answered, answerer.preprocessing, attention)
    if len(answered) < len(result):
        raise typer.Exit(SOME_FAILED)


def _ask(look, question: str, top: int, *, whole: bool):
    """The `top` best answers, or only the likely ones of them; or what is wrong with the question."""
    from .answer import without_unlikely

    try:
        answers = look.ask(question, top)
        return answers if whole else without_unlikely(answers)
    except QuestionError as error:
        return error


def _report(photo: Path, question: str | None, result, *, json_lines: bool, alone: bool = True) -> None:
    from .answer import to_json

    failed = isinstance(result, Exception)
    if failed:
        print_error(f"error: {result}")
    if json_lines:
        asked = {} if question is None else {"question": question}
        print(json.dumps({"image": printable(photo)} | asked | ({"error": str(result)} if failed else to_json(result))))
    elif not failed:
        listed = ", ".join(f"{a.text} ({a.probability:.0%})" for a in result)
        text = listed if result[0].sure else f"not sure; perhaps {listed}"
        print(text if alone else f"{printable(question)}{'' if question.rstrip().endswith('?') else ':'} {text}")


def _draw(photo: Path, answered: list, preprocessing, target: Path) -> None:
    """A tile for each glimpse of each question, labelled with the best answer and which look it is."""
    from encoders.heatmap import save_picture, strip
    from encoders.images import open_photo

    title = "; ".join(f"{printable(question)} {_best(answers[0])}" for question, answers in answered)
    looks = [
        (f"{best.text}, look {n}" if len(best.attention) > 1 else best.text, best.probability, p)
        for _, (best, *_) in answered
        for n, p in enumerate(best.attention, 1)
    ]
    picture = strip(open_photo(photo), title, looks, preprocessing)
    save_picture(picture, target)


def _best(answer) -> str:
    return answer.text if answer.sure else f"perhaps {answer.text}"


if __name__ == "__main__":
    run(app)

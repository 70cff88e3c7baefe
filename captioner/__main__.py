"""The command line: `python -m captioner PHOTO|FOLDER ...`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from runtime.command import SOME_FAILED, command_line, print_error, run
from runtime.errors import PhotoError, SettingError, printable
from scale.command import RAY, Address, ImageColumn, Workers, check_engine_options, run_at_scale

from .album import photos_in
from .captions_file import CaptionsFile

KEPT = "and keep the captions they have; to caption them anew, give another --out."
app = command_line()


@app.command()
def main(
    photos: Annotated[list[str], typer.Argument(help="Photos, or folders of them.")],
    model: Annotated[str, typer.Option(help="A model folder, or bundled-captioner.")] = "bundled-captioner",
    beam: Annotated[int | None, typer.Option(help="Sentences kept at each word; 1 is greedy [default: 3].")] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Draw words at random instead.")] = False,
    temperature: Annotated[float, typer.Option(help="Temperature of sampling: below 1 safer, above 1 bolder.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="Sample from this many of the likeliest words; 0: from all.")] = 0,
    top_p: Annotated[float, typer.Option(help="Sample from the likeliest words that together have this probability.")] = 1.0,
    n: Annotated[int | None, typer.Option(help="Sentences for each photo [default: 1; as JSON, --beam].")] = None,
    max_length: Annotated[int, typer.Option(help="Most words of a sentence.")] = 30,
    length_penalty: Annotated[float, typer.Option(help="Rank by log-probability / length ** this.")] = 0.7,
    no_repeat: Annotated[int, typer.Option(help="Never say a run of this many words twice; 0: allow it.")] = 2,
    unknown: Annotated[bool, typer.Option("--unknown", help="Allow the word <unk>, which stands for all unknown ones.")] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of sampling [default: 1].")] = None,
    engine: Annotated[str | None, typer.Option(help="onnx, onnx-int8 (faster, in 8 bits), torch, or ray: very many photos [default: onnx where it can].")] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    out: Annotated[Path | None, typer.Option(help="Append JSON lines to this file; photos it holds are skipped. Ray: a folder.")] = None,
    attention: Annotated[Path | None, typer.Option(help="Save a picture of where the model looked (one photo).")] = None,
    workers: Workers = None,
    address: Address = None,
    image_column: ImageColumn = None,
):  # fmt: skip
    """Say what is in photos. A folder is captioned photo by photo; a file that cannot be opened is reported and passed over."""
    from .model import load
    from .search_settings import SearchSettings

    only_ray = {"--workers": workers, "--address": address, "--image-column": image_column}
    never_ray = {"--json": json_lines, "--attention": attention, "--n": n}
    check_engine_options(engine, out=out, only_ray=only_ray, never_ray=never_ray)
    _check_ways_to_choose(sample=sample, beam=beam, seed=seed)
    beam, seed = 3 if beam is None else beam, 1 if seed is None else seed
    if n is None:
        n = beam if (json_lines or out) and not sample and engine != RAY else 1
    settings = SearchSettings(
        beam=beam, sample=sample, temperature=temperature, top_k=top_k, top_p=top_p, max_length=max_length,
        n=n, length_penalty=length_penalty, no_repeat=no_repeat, unknown=unknown, seed=seed,
    )  # fmt: skip
    if engine == RAY:
        _very_many(model, settings, photos, out, workers=workers, address=address, column=image_column)
        return
    sources = photos_in(photos)
    if attention:
        _check_attention(attention, len(sources))
    captions_file = CaptionsFile(out) if out else None  # better to fail now than after the first batch of photos
    done = captions_file.images if captions_file else set()
    todo = [photo for photo in sources if printable(photo) not in done]
    if done:
        print_error(f"{len(sources) - len(todo):,} of {len(sources):,} photos are in {printable(out)} already, {KEPT}")
    captioner = load(model, engine=engine)
    failed = 0
    for photo, result in _with_bar(captioner.stream(todo, settings), len(todo)):
        failed += isinstance(result, PhotoError)
        _report(printable(photo), result, json_lines=json_lines, out=captions_file, alone=len(todo) == 1)
        if attention and not isinstance(result, PhotoError):
            _draw(photo, result, captioner.preprocessing, attention)
    _summarise(len(todo), failed, out)
    if failed:
        raise typer.Exit(SOME_FAILED)


def _check_ways_to_choose(*, sample: bool, beam: int | None, seed: int | None) -> None:
    if sample and beam is not None:
        raise SettingError("--beam and --sample are two ways to choose words; leave one of them out.")
    if seed is not None and not sample:
        raise SettingError("--seed only changes sampling; add --sample, or leave it out.")


def _very_many(model: str, settings, photos: list[str], out: Path, **how) -> None:
    from .at_scale import Captions

    run_at_scale(Captions(model, settings), photos, out, **how)


def _with_bar(stream: Iterator, total: int) -> Iterator:
    """The stream, with a bar on standard error. Only where both are on one screen do captions go through the bar."""
    if total < 2:
        yield from stream
        return
    from rich.console import Console  # a twentieth of a second
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as bar:
        yield from bar.track(stream, total, description="captioning")


def _report(name: str, result, *, json_lines: bool, out: CaptionsFile | None, alone: bool) -> None:
    line = json.dumps(
        {"image": name, **({"error": str(result)} if isinstance(result, PhotoError) else result.to_json())}
    )
    if out:
        if not isinstance(result, PhotoError):  # a bad file is tried again by the next run
            out.add(line)
    elif json_lines:
        print(line, flush=True)
    if isinstance(result, PhotoError):
        print_error(f"error: {result}")
    elif not json_lines and not out:
        for sentence in (result, *result.alternatives):
            print(sentence.text if alone else f"{name}: {sentence.text}", flush=True)


def _summarise(photos: int, failed: int, out: Path | None) -> None:
    if photos and out:
        print_error(f"{photos - failed:,} captions are new in {printable(out)}.")
    if failed and photos > 1:
        print_error(f"{failed:,} of {photos:,} photos could not be opened.")


def _check_attention(target: Path, photos: int) -> None:
    """Fail before any work where its picture could not be drawn or saved after it."""
    from encoders.heatmap import picture_format

    if photos > 1:
        raise SettingError(f"--attention draws one photo, not {photos}; name a single one.")
    picture_format(target)


def _draw(photo: Path, caption, preprocessing, target: Path) -> None:
    from encoders.heatmap import save_picture, strip
    from encoders.images import open_photo

    looks = [(w.text, w.probability, p) for w, p in zip(caption.words, caption.attention, strict=True)]
    picture = strip(open_photo(photo), caption.text, looks, preprocessing)
    save_picture(picture, target)


if __name__ == "__main__":
    run(app)

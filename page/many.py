"""Many photos in one go: an album with its captions, and files to download."""

import html
import tempfile
from pathlib import Path

import gradio as gr

from captioner.album import Entry, uploaded_album, write_coco, write_csv, write_jsonl
from encoders.images import open_photo
from runtime.errors import SettingError

from .site import HIDDEN, NO_WORDS, TILE, Site, user_errors
from .uploads import accept_only_uploads

TILES = 120  # photos shown of an album; the files to download hold all of it
WRITERS = {"captions.csv": write_csv, "captions.jsonl": write_jsonl, "captions.json": write_coco}


def tile(entry: Entry) -> tuple:
    """A small picture of a photo, and its caption."""
    photo = open_photo(entry.path, min_side=TILE)
    photo.thumbnail((TILE * 2, TILE * 2))
    return photo, entry.caption.text or NO_WORDS


def report(entries: list[Entry]) -> str:
    """How many photos were captioned, and the files that could not be opened (HTML)."""
    bad = [html.escape(entry.error) for entry in entries if entry.error]
    good = len(entries) - len(bad)
    text = f"<p><b>{good:,} of {len(entries):,} photos captioned.</b>"
    text += f" The first {TILES} are shown; the files hold all.</p>" if good > TILES else "</p>"
    return text + (f"<ul>{''.join(f'<li>{error}</li>' for error in bad)}</ul>" if bad else "")


def many_panel(site: Site) -> None:
    """Many photos in one go: a progress bar, a gallery, and files to download."""
    gr.Markdown(
        "Choose photos, a zip of them or a whole folder. A file that cannot be opened is listed; the rest go on."
    )
    with gr.Row(equal_height=False):
        files = gr.File(label="Photos, or a zip", file_count="multiple", height=180, type="filepath", scale=3)
        with gr.Column(min_width=160, scale=1):
            folder = gr.UploadButton("Choose a folder", file_count="directory", type="filepath")
            start = gr.Button("Caption them", variant="primary")
    accept_only_uploads(files)
    accept_only_uploads(folder)
    with gr.Column(visible=False) as result:
        report_html = gr.HTML()
        with gr.Row():
            downloads = [gr.DownloadButton(name, size="sm") for name in WRITERS]
        gallery = gr.Gallery(label="Captions", columns=4, fit_columns=False, object_fit="cover", format="jpeg")

    def caption_album(chosen: list[str] | None, progress=gr.Progress()):  # noqa: B008 - how Gradio asks for one
        with user_errors(), tempfile.TemporaryDirectory() as scratch:
            if not chosen:
                raise SettingError("there are no photos yet; choose some, or a zip of them.")
            total, stream = uploaded_album(site.models.captioner, chosen, Path(scratch))
            entries = []
            for entry in stream:
                entries.append(entry)
                progress((len(entries), total), desc=entry.name, unit="photos")
            tiles = [tile(entry) for entry in [e for e in entries if e.caption][:TILES]]
            paths = [Path(scratch) / name for name in WRITERS]
            for path in paths:
                WRITERS[path.name](entries, path)
            yield gr.update(visible=True), report(entries), tiles, *map(str, paths)  # copied before this goes on

    folder.upload(lambda chosen: chosen, folder, files, **HIDDEN)
    outputs = [result, report_html, gallery, *downloads]
    start.click(caption_album, files, outputs, show_progress_on=files, concurrency_limit=1, **HIDDEN)

"""The page: upload a photo, read what Glimpse sees in it, ask about it, caption many, correct what is wrong, retrain.

python app.py [--host H] [--port P] [--captioner DIR] [--vqa DIR] [--engine NAME] [--workspace DIR]
              [--data-root DIR] [--compare DIR] [--auth USER:PASSWORD | --auth-file FILE] [--allowed-host NAME]
              [--behind-proxy] [--mcp]
"""

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

import captioner
import vqa
from page.compare import load_captioners
from page.guard import Hosts, is_loopback
from page.login import read_login
from page.page import page
from page.serve import serve
from page.site import Models, Site
from page.uploads import upload_folder
from runtime.bundled import is_bundled
from runtime.command import command_line, print_error, run
from runtime.errors import ModelError, SettingError, printable

app = command_line()


def _models(captioner_name: str, vqa_name: str, engine: str | None) -> Models:
    """The models by their names. The page also works without the bundled model for questions."""
    describer = captioner.load(captioner_name, engine=engine)
    encoder = describer.engine.encoder if captioner_name == captioner.BUNDLED else None
    try:
        return Models(describer, vqa.load(vqa_name, encoder=encoder, engine=engine))
    except ModelError as error:
        if vqa_name != vqa.BUNDLED:
            raise
        print_error(f"questions are off: {error}")
        return Models(describer)


def _absolute(model: str) -> str:
    """A model's name where it is looked for from another folder."""
    return model if is_bundled(model) else str(Path(model).resolve())


@app.command()
def main(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0, or ::, for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 7860,
    captioner: Annotated[str, typer.Option(help="A captioner's folder, or bundled-captioner.")] = captioner.BUNDLED,
    vqa: Annotated[str, typer.Option(help="The folder of a model for questions, or bundled-vqa.")] = vqa.BUNDLED,
    engine: Annotated[
        str | None, typer.Option(help="onnx, onnx-int8 (faster, in 8 bits) or torch [default: onnx where it can].")
    ] = None,
    workspace: Annotated[Path, typer.Option(help="Folder for corrections and runs.")] = Path("glimpse-workspace"),
    data_root: Annotated[Path | None, typer.Option(help="Folder of data sets that may be trained on.")] = None,
    compare: Annotated[
        Path | None, typer.Option(help="A study's folder, or any of captioners: the tab Inside shows what each says.")
    ] = None,
    auth: Annotated[
        str | None,
        typer.Option(
            envvar="GLIMPSE_AUTH", help="USER:PASSWORD that visitors must give; others on this machine see it."
        ),
    ] = None,
    auth_file: Annotated[Path | None, typer.Option(help="A file with USER:PASSWORD, which none but you sees.")] = None,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="A further name that the page may be asked by; may be given several times.")
    ] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="Believe the X-Forwarded headers of a reverse proxy before the page.")
    ] = False,
    mcp: Annotated[bool, typer.Option("--mcp", help="Offer /caption and /ask as MCP tools too.")] = False,
):
    """Serve Glimpse's page."""
    login = read_login(auth, auth_file)
    os.environ.pop("GLIMPSE_AUTH", None)  # not for the trainings that the page begins
    hosts = Hosts(host.strip("[]").lower(), tuple(allowed_host or ()))
    if mcp and not find_spec("mcp"):
        raise SettingError("--mcp needs an extra that is not installed; run: pip install '.[mcp]'")
    if data_root and not data_root.is_dir():
        raise SettingError(f"{printable(data_root)} is no folder; give the folder of your data sets with --data-root.")
    site = Site(
        _models(captioner, vqa, engine),
        workspace.resolve(),
        writable=bool(login) or (is_loopback(hosts.served) and not behind_proxy),
        local_only=not login,
        data_root=data_root and data_root.resolve(),
        initial_models={"captioner": _absolute(captioner), "vqa": _absolute(vqa)},
        compared=load_captioners(compare) if compare else {},
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that the temporary folder goes
    with upload_folder() as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        serve(page(site), hosts, port, login, behind_proxy=behind_proxy, mcp=mcp)


if __name__ == "__main__":
    run(app)

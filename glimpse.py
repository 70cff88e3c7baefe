"""`glimpse caption | ask | serve | check | train | ...`: one command over the packages' own command lines.

Nothing is imported before the command is known, so that `glimpse --help` answers at once.
"""

import difflib
import runpy
import sys

# name -> what `python -m` would run, and what it does
COMMANDS: dict[str, tuple[list[str], str]] = {
    "caption": (["captioner"], "say what is in photos"),
    "ask": (["vqa"], "answer questions about a photo"),
    "serve": (["app"], "open the page, where all of this is done with a mouse"),
    "check": (["training", "check"], "look through a data set before training on it"),
    "train": (["training"], "train a captioner, a VQA model or an encoder"),
    "evaluate": (["training", "evaluate"], "score a model on photos it has not seen"),
    "share": (["training", "share"], "write a model folder of half the size, to give to others"),
    "export": (["training", "export"], "make a model's ONNX graphs, to use it without PyTorch"),
    "study": (["training", "study"], "measure what the lectures say of recurrent networks"),
}
EXAMPLES = (
    "glimpse caption photo.jpg",
    'glimpse ask photo.jpg "what color is the dog?"',
    "glimpse train captioner --data DATA --out runs/mine --start-from bundled-captioner",
)


def help_text() -> str:
    """What `glimpse --help` prints."""
    lines = [f"  {name:10}{what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join([
        "Captions and answers for your photos, on your own computer.",
        "", "Usage: glimpse COMMAND ...", "", "Commands:", *lines,
        "", "Examples:", *(f"  {example}" for example in EXAMPLES),
        "", "`glimpse COMMAND --help` lists a command's options, `glimpse --version` tells which Glimpse this is.",
    ])  # fmt: skip


def main() -> None:
    """Run the command that `sys.argv` names; exit status 2 where there is none."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name in ("--help", "-h", "help"):
        print(help_text())
        return
    if name == "--version":
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"glimpse {version('glimpse')}")
        except PackageNotFoundError:  # run from its folder
            print("glimpse is not installed; run: pip install .", file=sys.stderr)
            raise SystemExit(2) from None
        return
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        meant = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(COMMANDS)}."
        print(f"error: glimpse has no command {name!r}; {meant}", file=sys.stderr)
        raise SystemExit(2)
    (module, *fixed), _ = COMMANDS[name]
    sys.argv = [f"glimpse {name}" if not fixed else "glimpse", *fixed, *rest]
    runpy.run_module(module, run_name="__main__")


if __name__ == "__main__":
    main()

"""The command lines of `python -m training`, one file a command, and how a run is drawn on a terminal."""

"""The options of `python -m training`, as trees of frozen dataclasses: their defaults, their help, what is refused."""

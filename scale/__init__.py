"""Photos by the million through a model: cut into parts, worked on by Ray's processes, written as Parquet.

Knows no model: a `Job` says what is made of photos. `parts` cuts what is given, `reading` opens a part, `job` works on
one, `folder` keeps what is written, `cluster` is the one file that knows Ray, `command` what command lines share.
"""

"""The lectures' claims on recurrent networks, measured: each study makes a table and a figure."""

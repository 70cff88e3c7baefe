"""What the page keeps on disk: runs, data sets, corrections, and reports of them. The page imports no other room."""

from .columns import columns_of
from .show_run import check_html, error_html, samples_html, scores_html, status_html
from .workspace import Workspace

__all__ = ["Workspace", "check_html", "columns_of", "error_html", "samples_html", "scores_html", "status_html"]

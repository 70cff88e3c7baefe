"""What the page keeps on disk: runs, data sets, corrections, and reports of them."""

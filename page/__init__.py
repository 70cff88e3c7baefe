"""What a visitor sees, one file a tab; `page.page` puts them together and `page.serve` serves them."""

import os

from .no_stubs import skip_stub_files

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: no request to any other host
skip_stub_files()

"""Questions made from captions: records to records."""

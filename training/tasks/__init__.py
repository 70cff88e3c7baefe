"""What is trained, one file a model: its batches, its loss, how it starts and how it is validated."""

"""The training loop, the same for every model: steps, saving, resuming, several processes."""

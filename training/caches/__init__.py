"""Decoded photos and encoded features on disk, and the random views that training takes of a photo."""

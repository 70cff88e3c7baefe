"""What a data set holds, what of it would ruin a run, and what training on it will take."""

"""Batches are padded to a multiple of `BLOCK` rows, so that kernels meet few different sizes."""

BLOCK = 8  # rows


def round_up_to_block(count: int) -> int:
    """`count` rounded up to whole blocks of rows.

    oneDNN, which multiplies matrices for PyTorch on a CPU, makes a kernel ready for each number of rows it meets, and
    keeps it: for all numbers there would be hundreds of megabytes of them.
    """
    return -(-count // BLOCK) * BLOCK

"""What happens in a captioner at each word of a caption: its gates, the likeliest words, how far gradients reach.

The decoder's own step is run again, forced to the caption's words: no equation is written here a second time.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from encoders.gates import record_gates
from encoders.text import PAD, START

from .caption import Caption, Word
from .model import load
from .network import CaptionNetwork
from .predictor import Captioner


@dataclass(frozen=True)
class Inspection:
    """What happened at each of a caption's T words.

    Attributes:
        cell: the recurrent cell's name.
        gates: name -> (T, layers, H), from 0, shut, to 1, open. None for a cell that has no gates.
        candidates: of each word, the likeliest words in its place, best first.
        gradient: (T,), ‖∂ log p(last word) / ∂ state‖ for the state before each word: how much the last word hangs on
            what the cell remembered then.
    """

    cell: str
    gates: dict[str, np.ndarray]
    candidates: tuple[tuple[Word, ...], ...]
    gradient: np.ndarray


@torch.enable_grad()
def inspect_caption(captioner: Captioner, features, caption: Caption, *, top: int = 5) -> Inspection:
    """Run the decoder over a caption again, word by word, and record its gates, its candidates and its gradients.

    Args:
        features: (1, L, D), of the photo.
        caption: what the captioner said of it.
        top: how many words to list in each word's place.

    Raises:
        SettingError: the captioner runs on another engine than PyTorch, which gates and gradients are read from, and
            was not loaded from a folder.
    """
    decoder, vocabulary = _network(captioner).decoder, captioner.vocabulary
    tokens = [vocabulary.ids[word.text] for word in caption.words]
    weights = decoder.bias
    with torch.no_grad():
        state = decoder.start(torch.as_tensor(features).to(weights.device, weights.dtype))
    state = replace(state, recurrent=state.recurrent.requires_grad_())
    before, log_p = [], []
    with record_gates() as record:
        for token in [START, *tokens[:-1]][: len(tokens)]:
            before.append(state.recurrent)
            logits, state = decoder.step(torch.tensor([token]), state)
            log_p.append(torch.log_softmax(logits[0].float(), dim=0))
    gradient = torch.autograd.grad(log_p[-1][tokens[-1]], before) if tokens else ()
    shape = (len(tokens), len(decoder.recurrent.layers), -1)
    return Inspection(
        cell=_network(captioner).settings.cell,
        gates={name: torch.cat(v).detach().float().cpu().numpy().reshape(shape) for name, v in record.items()},
        candidates=tuple(_likeliest(p.detach().cpu(), vocabulary.tokens, top) for p in log_p),
        gradient=np.array([g.float().norm().item() for g in gradient]),
    )


def _network(captioner: Captioner) -> CaptionNetwork:
    """The captioner's network; of one that runs on another engine, that of its model folder."""
    if isinstance(captioner.engine, CaptionNetwork) or captioner.folder is None:
        return captioner.network
    return _loaded(captioner.folder, captioner.folder.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _loaded(folder: Path, mtime: int) -> CaptionNetwork:
    """Loaded once; a folder that was replaced since is another one."""
    return load(folder, engine="torch").network


def _likeliest(log_p: torch.Tensor, tokens: tuple[str, ...], top: int) -> tuple[Word, ...]:
    """The likeliest words, best first; padding and start are none."""
    log_p = log_p.clone()
    log_p[[PAD, START]] = float("-inf")
    best = log_p.exp().topk(min(top, len(tokens) - 2))
    return tuple(Word(tokens[id], p) for p, id in zip(best.values.tolist(), best.indices.tolist(), strict=True))

"""From word scores to sentences: greedy, sampling and beam search, always for a whole batch.

Works over any `step(tokens (B,), state) -> (logits (B, V), state)` whose state has a length and `select`. Knows no
vocabulary and no picture. Its tokens and rows are on the CPU, wherever the logits are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from encoders.errors import SettingError

Step = Callable[[Tensor, object], tuple[Tensor, object]]


@dataclass(frozen=True)
class SearchSettings:
    """How to choose a sentence.

    Attributes:
        beam: how many sentences are kept at each word; 1 is greedy.
        sample: draw each word at random instead, from what temperature, top_k and top_p leave.
        temperature: below 1 surer, above 1 bolder.
        top_k: only the so many likeliest words; 0 for all.
        top_p: only the likeliest words that together have this probability (the nucleus, Holtzman et al. 2020).
        n: how many sentences to give, best first.
        max_length: of a sentence, in tokens.
        length_penalty: sentences are ranked by log-probability / length ** this; 0 favours short ones.
        no_repeat: no run of so many tokens comes twice in a sentence; 0 allows it.
        unknown: whether <unk> may be said.
        seed: of sampling.
    """

    beam: int = 3
    sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    n: int = 1
    max_length: int = 30
    length_penalty: float = 0.7
    no_repeat: int = 3
    unknown: bool = False
    seed: int = 1

    def __post_init__(self):
        for name, low, high in (
            ("beam", 1, 100), ("n", 1, 100), ("max_length", 1, 1000), ("top_k", 0, 10**6), ("no_repeat", 0, 1000),
            ("temperature", 0.01, 100), ("length_penalty", 0, 10), ("seed", 0, 2**63 - 1),
        ):  # fmt: skip
            value = getattr(self, name)
            if not low <= value <= high:  # true of nan as well
                raise SettingError(f"{name} is {value}; choose {low} to {high}.")
        if not 0 < self.top_p <= 1:
            raise SettingError(f"top_p is {self.top_p}; choose a number above 0 and up to 1.")
        if not self.sample and (self.temperature, self.top_k, self.top_p) != (1.0, 0, 1.0):
            raise SettingError("temperature, top_k and top_p only change sampling; add --sample, or leave them out.")
        if not self.sample and self.n > self.beam:
            raise SettingError(f"a beam of {self.beam} gives at most {self.beam} sentences, not {self.n}; widen it.")


@dataclass(frozen=True)
class Hypothesis:
    """One sentence found.

    Attributes:
        tokens: without start and end.
        log_probs: the model's own log-probability of each token, and then of the end if it came to one.
        rows: for each token, the row of that step's batch that said it.
        ended: whether the model ended it, rather than `max_length`.
    """

    tokens: tuple[int, ...]
    log_probs: tuple[float, ...]
    rows: tuple[int, ...]
    ended: bool

    @property
    def log_prob(self) -> float:
        return sum(self.log_probs)

    def score(self, length_penalty: float) -> float:
        return self.log_prob / max(1, len(self.log_probs)) ** length_penalty


def search(
    step: Step, state, *, start: int, end: int, banned: Sequence[int] = (), settings: SearchSettings
) -> list[list[Hypothesis]]:
    """The `settings.n` best (or sampled) sentences for each of the B rows of `state`, best first.

    Args:
        start, end: the tokens that a sentence begins and ends with.
        banned: tokens never said.
    """
    method = sampled if settings.sample else beam
    found = method(step, state, start=start, end=end, banned=banned, settings=settings)
    ranked = [sorted(h, key=lambda h: (h.ended, h.score(settings.length_penalty)), reverse=True) for h in found]
    return [hypotheses[: settings.n] for hypotheses in ranked]


def beam(step: Step, state, *, start: int, end: int, banned: Sequence[int], settings: SearchSettings):
    """Beam search. An item is done when `beam` of its sentences have ended, or at `max_length`."""
    width = settings.beam
    found: list[list[Hypothesis]] = [[] for _ in range(len(state))]
    item = list(range(len(state)))  # which item each line of beams belongs to
    # Lines of beams: (items, K). K is 1 before the first word and `width` after it.
    score = torch.zeros(len(state), 1)
    history = History.empty(len(state), 1)
    tokens = torch.full((len(state), 1), start)
    for _ in range(settings.max_length):
        lines, K = tokens.shape
        logits, state = step(tokens.view(-1), state)
        log_p = torch.log_softmax(logits.float(), dim=1).cpu()  # (lines * K, V)
        allowed = _forbid(log_p, banned, history.tokens.flatten(0, 1), settings.no_repeat)
        total = score.unsqueeze(2) + allowed.view(lines, K, -1)
        # Twice as many as needed, so that `width` go on even if `width` of them end.
        top, index = total.view(lines, -1).topk(min(2 * width, total[0].numel()), dim=1)
        parent, token = index // total.shape[2], index % total.shape[2]
        row = parent + K * torch.arange(lines).unsqueeze(1)
        grown = history.grow(parent, token, log_p[row, token], row)

        ended = token == end
        for line, k in (ended & top.isfinite())[:, :width].nonzero().tolist():
            if len(found[item[line]]) < width:
                found[item[line]].append(grown.hypothesis(line, k, ended=True))
        kept = ended.to(torch.uint8).argsort(dim=1, stable=True)[:, :width]
        score = top.gather(1, kept).masked_fill(ended.gather(1, kept), float("-inf"))
        history, tokens, rows = grown.take(kept), token.gather(1, kept), row.gather(1, kept)

        going = [line for line in range(lines) if len(found[item[line]]) < width and score[line, 0].isfinite()]
        if not going:
            return found
        if len(going) <= 0.75 * lines:  # let the finished ones go, but not for every single one: it copies
            item = [item[line] for line in going]
            score, tokens, rows, history = score[going], tokens[going], rows[going], history.lines(going)
        state = state.select(rows)
    for line, owner in enumerate(item):
        for k in range(score.shape[1]):
            if len(found[owner]) < width and score[line, k].isfinite():
                found[owner].append(history.hypothesis(line, k, ended=False))
    return found


def sampled(step: Step, state, *, start: int, end: int, banned: Sequence[int], settings: SearchSettings):
    """Ancestral sampling, n sentences an item: the word drawn is the word fed back."""
    random = torch.Generator().manual_seed(settings.seed)
    items, n = len(state), settings.n
    state = state.select(torch.arange(items).unsqueeze(1).expand(items, n))
    history = History.empty(items * n, 1)
    tokens = torch.full((items * n,), start)
    ends = torch.full((items * n,), -1)  # the step at which each row ended
    everyone = torch.arange(items * n)
    for t in range(settings.max_length):
        logits, state = step(tokens, state)
        log_p = torch.log_softmax(logits.float(), dim=1).cpu()
        allowed = _forbid(log_p, banned, history.tokens.flatten(0, 1), settings.no_repeat)
        allowed[ends >= 0] = log_p[ends >= 0]  # what comes after the end is cut off; it must only not run out of words
        chosen = torch.multinomial(_narrowed(allowed, settings), 1, generator=random)  # (rows, 1)
        history = history.grow(torch.zeros_like(chosen), chosen, log_p.gather(1, chosen), everyone.unsqueeze(1))
        tokens = chosen.squeeze(1)
        ends = torch.where((ends < 0) & (tokens == end), t, ends)
        if (ends >= 0).all():
            break
    all_found = [history.hypothesis(row, 0, ended=at >= 0, length=at if at >= 0 else None)
                 for row, at in enumerate(ends.tolist())]  # fmt: skip
    return [all_found[i * n : (i + 1) * n] for i in range(items)]


@dataclass(frozen=True)
class History:
    """What each beam has said: tokens, log-probabilities and rows, each (lines, K, t)."""

    tokens: Tensor
    log_probs: Tensor
    rows: Tensor

    @classmethod
    def empty(cls, lines: int, K: int) -> "History":
        return cls(*(torch.zeros(lines, K, 0, dtype=d) for d in (torch.long, torch.float, torch.long)))

    def _each(self, change) -> "History":
        return History(change(self.tokens), change(self.log_probs), change(self.rows))

    def lines(self, kept: list[int]) -> "History":
        return self._each(lambda x: x[kept])

    def take(self, index: Tensor) -> "History":
        """The beams `index` (lines, K') of each line."""
        return self._each(lambda x: x.gather(1, index.unsqueeze(2).expand(-1, -1, x.shape[2])))

    def grow(self, parent: Tensor, token: Tensor, log_prob: Tensor, row: Tensor) -> "History":
        """Each `parent` (lines, K') with one more token, log-probability and row, all (lines, K')."""
        old = self.take(parent)
        new = (token, log_prob, row)
        return History(*(torch.cat((o, n.unsqueeze(2)), 2) for o, n in zip(vars(old).values(), new, strict=True)))

    def hypothesis(self, line: int, k: int, *, ended: bool, length: int | None = None) -> Hypothesis:
        """One beam as a sentence. If it ended, token `length` (the last one unless given) is the end."""
        words = self.tokens.shape[2] - ended if length is None else length
        return Hypothesis(
            tuple(self.tokens[line, k, :words].tolist()),
            tuple(self.log_probs[line, k, : words + ended].tolist()),
            tuple(self.rows[line, k, :words].tolist()),
            ended,
        )


def _forbid(log_p: Tensor, banned: Sequence[int], said: Tensor, no_repeat: int) -> Tensor:
    """A copy of log_p (rows, V) with -inf for banned tokens and for any that would repeat a run of `no_repeat`."""
    log_p = log_p.clone()
    log_p[:, list(banned)] = float("-inf")
    if no_repeat and said.shape[1] >= no_repeat:
        runs = said.unfold(1, no_repeat, 1)  # (rows, runs, no_repeat)
        now = said[:, said.shape[1] - no_repeat + 1 :].unsqueeze(1)
        again = (runs[:, :, :-1] == now).all(2)  # (rows, runs): this run began as the sentence now ends
        row, run = again.nonzero(as_tuple=True)
        log_p[row, runs[row, run, -1]] = float("-inf")
    return log_p


def _narrowed(log_p: Tensor, settings: SearchSettings) -> Tensor:
    """Probabilities (rows, V) after temperature, top_k and top_p."""
    log_p = log_p / settings.temperature
    if settings.top_k:
        least = log_p.topk(min(settings.top_k, log_p.shape[1]), dim=1).values[:, -1:]
        log_p = log_p.masked_fill(log_p < least, float("-inf"))
    p = torch.softmax(log_p, dim=1)
    if settings.top_p < 1:
        ranked, order = p.sort(dim=1, descending=True)
        beyond = ranked.cumsum(1) - ranked >= settings.top_p  # the nucleus is full before this word
        p = p.scatter(1, order, ranked.masked_fill(beyond, 0.0))
    return p

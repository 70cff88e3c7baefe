"""From word scores to sentences: greedy, sampling and beam search, always for a whole batch.

Works over any `step(tokens (B,), state) -> (logits (B, V), state)`, arrays in and out, whose state has a length and
`select`. Knows no vocabulary, no picture and no engine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from encoders.blocks import round_up_to_block
from encoders.softmax import largest, log_softmax, log_sum_exp

from .search_settings import SearchSettings

NEG_INF = float("-inf")
Step = Callable[[np.ndarray, object], tuple[np.ndarray, object]]
# (tokens (B,), state, K) -> each row's K likeliest words, best first, (B, K), their log-probabilities (B, K), new state
Likeliest = Callable[[np.ndarray, object, int], tuple[np.ndarray, np.ndarray, object]]


@dataclass(frozen=True)
class Hypothesis:
    """One sentence, finished or not.

    Attributes:
        tokens: without start and end.
        log_probs: the model's own log-probability of each token, and then of the end if it came to one.
        rows: for each token, the row of that step's batch that said it.
        ended: whether the model ended it, rather than `max_length`.
    """

    tokens: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    rows: tuple[int, ...] = ()
    ended: bool = False

    @property
    def log_prob(self) -> float:
        return sum(self.log_probs)

    def score(self, length_penalty: float) -> float:
        return self.log_prob / max(1, len(self.log_probs)) ** length_penalty

    def extend(self, token: int, log_prob: float, row: int, *, end: int) -> "Hypothesis":
        """This sentence with one more token, or ended."""
        log_probs = (*self.log_probs, log_prob)
        if token == end:
            return Hypothesis(self.tokens, log_probs, self.rows, ended=True)
        return Hypothesis((*self.tokens, token), log_probs, (*self.rows, row))


def search(
    step: Step,
    state,
    *,
    start: int,
    end: int,
    banned: Sequence[int] = (),
    settings: SearchSettings,
    seeds: Sequence[int] = (),
    likeliest: Likeliest | None = None,
) -> list[list[Hypothesis]]:
    """The `settings.n` best (or sampled) sentences for each of the B rows of `state`, best first.

    Args:
        start, end: the tokens that a sentence begins and ends with.
        banned: tokens never said.
        seeds: of sampling, one for each row; `settings.seed` and those after it unless given.
        likeliest: what beam search calls in place of `step`; made of it unless given.
    """
    if settings.sample:
        seeds = seeds or range(settings.seed, settings.seed + len(state))
        found = sample(step, state, start=start, end=end, banned=banned, settings=settings, seeds=seeds)
        found = [_ranked(sentences, settings) for sentences in found]
    else:
        found = beam(likeliest or _by(step), state, start=start, end=end, banned=banned, settings=settings)
    return [sentences[: settings.n] for sentences in found]


def _ranked(sentences: list[Hypothesis], settings: SearchSettings, first: Hypothesis | None = None) -> list[Hypothesis]:
    """`first`, if any, then best first; those that have ended before those that have not."""
    return sorted(sentences, key=lambda h: (h is first, h.ended, h.score(settings.length_penalty)), reverse=True)


def _by(step: Step) -> Likeliest:
    """A step that tells of each row its likeliest words alone; of all words where there are fewer."""

    def likeliest(tokens: np.ndarray, state, count: int):
        logits, state = step(tokens, state)
        return *likeliest_words(logits, count), state

    return likeliest


def beam(likeliest: Likeliest, state, *, start: int, end: int, banned: Sequence[int], settings: SearchSettings):
    """Beam search: per item its hypotheses, best first. It ends at `max_length`, or sooner where `_is_done`.

    The best is the one that a search for it alone would end with, however many others are looked for beside it.
    """
    width, items = settings.beam, len(state)
    found: list[list[Hypothesis]] = [[] for _ in range(items)]
    best: dict[int, Hypothesis] = {}  # of each item whose search has found it
    live = {item: [Hypothesis()] for item in range(items)}  # the same number of sentences for each item
    for _ in range(settings.max_length):
        rows = [h for sentences in live.values() for h in sentences]
        tokens = [h.tokens[-1] if h.tokens else start for h in rows]
        forbidden = [{*banned, *_repeated_tokens(h.tokens, settings.no_repeat)} for h in rows]
        most = 2 * width + max(map(len, forbidden))
        words, log_p, state = likeliest(np.array(tokens + [start] * (len(state) - len(rows))), state, most)
        likely = _best(words[: len(rows)], log_p[: len(rows)], rows, forbidden, len(live), 2 * width)
        extended = {}
        for item, continued in zip(live, likely, strict=True):
            candidates = [rows[row].extend(word, p, row, end=end) for row, word, p in continued]
            found[item] += [h for h in candidates[:width] if h.ended]
            active = [h for h in candidates if not h.ended][:width]
            if item not in best and _is_done(found[item], active, 1, settings):
                best[item] = _ranked(found[item], settings)[0]
            if active and not _is_done(found[item], active, settings.n, settings):
                extended[item] = active
        if not extended:
            break
        most = max(map(len, extended.values()))  # less than `width` only where there are hardly any words
        live = {
            item: active + [replace(active[0], log_probs=(NEG_INF,))] * (most - len(active))
            for item, active in extended.items()
        }
        kept = [[h.rows[-1] for h in sentences] for sentences in live.values()]
        # Items are let go a block at a time; till then the last one is repeated as padding.
        kept += kept[-1:] * (min(items, round_up_to_block(len(kept))) - len(kept))
        state = state.select(np.array(kept))
    else:
        for item, sentences in live.items():
            found[item] += [h for h in sentences if h.log_prob > NEG_INF][: max(0, width - len(found[item]))]
    return [_ranked(sentences, settings, best.get(item)) for item, sentences in enumerate(found)]


def _best(
    words: np.ndarray, log_p: np.ndarray, rows: list[Hypothesis], forbidden: list[set[int]], items: int, count: int
) -> list[list[tuple[int, int, float]]]:
    """For each item its `count` likeliest continuations, best first: (row, token, log-probability of the token).

    Args:
        words, log_p: (rows, K), what `likeliest` gave; the rows lie item by item, the same number for each, and those
            of an item compete.
    """
    said = [(h.log_prob, *row) for h, *row in zip(rows, words.tolist(), log_p.tolist(), strict=True)]
    each, found = len(rows) // items, []
    for first in range(0, len(rows), each):
        continued = [
            (before + p, row, word, p)
            for row, (before, *likeliest) in enumerate(said[first : first + each], first)
            for word, p in zip(*likeliest, strict=True)
            if word not in forbidden[row]
        ]
        continued.sort(key=lambda one: -one[0])
        found.append([(row, word, p) for whole, row, word, p in continued[:count] if whole > NEG_INF])
    return found


def likeliest_words(logits: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits (B, V) -> each row's `count` likeliest words, best first, (B, K), and their log-probabilities, (B, K)."""
    logits = np.asarray(logits, dtype=np.float32)
    words = np.array([largest(row, count) for row in logits])
    return words, np.take_along_axis(logits, words, axis=1) - log_sum_exp(logits)


def _is_done(found: list[Hypothesis], active: list[Hypothesis], n: int, settings: SearchSettings) -> bool:
    """Whether to look no further for the n best: so many that have ended beat every one that still goes on.

    A longer one could still overtake them, since its score is divided by its length; waiting for that costs an
    eighth of all steps and gains nothing (`docs/log.md`).
    """
    if len(found) < n:
        return False
    ended, unfinished = ([h.score(settings.length_penalty) for h in hypotheses] for hypotheses in (found, active))
    return sorted(ended, reverse=True)[n - 1] >= max(unfinished, default=NEG_INF)


def sample(
    step: Step,
    state,
    *,
    start: int,
    end: int,
    banned: Sequence[int],
    settings: SearchSettings,
    seeds: Sequence[int],
):
    """Ancestral sampling, n sentences an item: the word drawn is the word fed back.

    Each item has a generator of its own, so that what is drawn for it does not depend on the others.
    """
    generators = [np.random.default_rng(seed) for seed in seeds]
    items, n = len(state), settings.n
    state = state.select(np.arange(items).repeat(n).reshape(items, n))
    rows = [Hypothesis()] * (items * n)
    tokens = np.full(items * n, start)
    for _ in range(settings.max_length):
        logits, state = step(tokens, state)
        log_p = _log_p(logits, rows, banned, settings)
        places = np.concatenate([g.random(n) for g in generators])  # one generator an item
        tokens = _inverse_cdf(_sampling_probabilities(log_p, settings), places)
        drawn = zip(rows, tokens.tolist(), log_p[np.arange(len(rows)), tokens].tolist(), strict=True)
        rows = [h if h.ended else h.extend(token, p, row, end=end) for row, (h, token, p) in enumerate(drawn)]
        if all(h.ended for h in rows):
            break
    return [rows[i * n : (i + 1) * n] for i in range(items)]


def _inverse_cdf(p: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The token of each row at which the sum of p (rows, V) first exceeds this share (rows,) of the whole."""
    sums = p.cumsum(axis=1)
    return (sums <= places[:, None] * sums[:, -1:]).sum(axis=1)


def _log_p(logits: np.ndarray, rows: list[Hypothesis], banned: Sequence[int], settings: SearchSettings) -> np.ndarray:
    """log-probabilities (rows, V), but -inf for banned tokens and for any that would repeat a run of `no_repeat`."""
    log_p = log_softmax(np.asarray(logits, dtype=np.float32))
    for row, h in enumerate(rows):
        log_p[row, [*banned, *_repeated_tokens(h.tokens, settings.no_repeat)]] = NEG_INF
    return log_p


def _repeated_tokens(tokens: tuple[int, ...], n: int) -> list[int]:
    """The tokens that would now end a run of n that the sentence already has; none for n = 0."""
    if not n or len(tokens) < n:
        return []
    now = tokens[len(tokens) - n + 1 :]
    return [tokens[i + n - 1] for i in range(len(tokens) - n + 1) if tokens[i : i + n - 1] == now]


def _sampling_probabilities(log_p: np.ndarray, settings: SearchSettings) -> np.ndarray:
    """Probabilities (rows, V) after temperature, top_k and top_p."""
    log_p = log_p.astype(np.float64) / settings.temperature
    if settings.top_k:
        kth = log_p.shape[1] - min(settings.top_k, log_p.shape[1])
        least = np.partition(log_p, kth, axis=1)[:, kth, None]
        log_p = np.where(log_p < least, NEG_INF, log_p)
    p = np.exp(log_softmax(log_p))
    if settings.top_p < 1:
        order = np.argsort(-p, axis=1, kind="stable")
        ranked = np.take_along_axis(p, order, axis=1)
        beyond = ranked.cumsum(axis=1) - ranked >= settings.top_p  # the nucleus is full before this word
        np.put_along_axis(p, order, np.where(beyond, 0.0, ranked), axis=1)
    return p

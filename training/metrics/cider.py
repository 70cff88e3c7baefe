"""CIDEr-D inside training: the reward of one candidate at a time, over tokens, with everything known beforehand kept.

The same number as pycocoevalcap's scorer gives for a corpus with these references (a test holds the two together);
that one must see the whole corpus at each call.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence

N, SIGMA = 4, 6.0
Tokens = Sequence[Hashable]


class CiderD:
    """Consensus of a candidate with an image's references (Vedantam et al. 2015, the D variant).

    An n-gram counts by how often it occurs and how few images have it; the score is the mean over n of the clipped
    cosine between candidate and reference, damped by exp(−(difference in length)² / 2σ²), times 10.

    Args:
        references: for each image, its reference captions as token sequences.
    """

    def __init__(self, references: Sequence[Sequence[Tokens]]):
        images = [[_ngrams(tokens) for tokens in image] for image in references]
        frequency: Counter = Counter(gram for image in images for gram in set().union(*image))
        self._rarest = math.log(max(len(images), 1))
        self._rarity = {gram: self._rarest - math.log(count) for gram, count in frequency.items()}
        self._references = [[self._vector(grams) for grams in image] for image in images]

    def __call__(self, image: int, candidate: Tokens) -> float:
        """The score of a candidate for one image, 0 to 10."""
        vectors, norms, length = self._vector(_ngrams(candidate))
        total = 0.0
        for reference_vectors, reference_norms, reference_length in self._references[image]:
            damp = math.exp(-((length - reference_length) ** 2) / (2 * SIGMA**2))
            for vector, other, norm, reference_norm in zip(
                vectors, reference_vectors, norms, reference_norms, strict=True
            ):
                if norm and reference_norm:
                    dot = sum(min(w, other[g]) * other[g] for g, w in vector.items() if g in other)
                    total += damp * dot / (norm * reference_norm)
        return 10 * total / (N * len(self._references[image]))

    def _vector(self, grams: Counter) -> tuple[list[dict], list[float], int]:
        """tf-idf weights for each n, their norms, and the length (in bigrams, as the original counts it)."""
        vectors: list[dict] = [{} for _ in range(N)]
        for gram, count in grams.items():
            vectors[len(gram) - 1][gram] = count * self._rarity.get(gram, self._rarest)
        norms = [math.sqrt(sum(w * w for w in v.values())) for v in vectors]
        return vectors, norms, sum(count for gram, count in grams.items() if len(gram) == 2)


def _ngrams(tokens: Tokens) -> Counter:
    tokens = tuple(tokens)
    return Counter(tokens[i : i + n] for n in range(1, N + 1) for i in range(len(tokens) - n + 1))

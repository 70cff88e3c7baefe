"""How a sentence is chosen: the options of `captioner.search`, refused here where they cannot be."""

from dataclasses import dataclass

from runtime.errors import SettingError


@dataclass(frozen=True)
class SearchSettings:
    """How to choose a sentence.

    Attributes:
        beam: how many sentences are kept at each word; 1 is greedy.
        sample: draw each word at random instead, from what temperature, top_k and top_p leave.
        temperature: below 1 surer, above 1 bolder.
        top_k: only the so many likeliest words; 0 for all.
        top_p: only the likeliest words that together have this probability (the nucleus, Holtzman et al. 2020).
        n: how many sentences to give, best first. Beam search gives the same first one for any n.
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
    no_repeat: int = 2
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
            raise SettingError(
                "temperature, top_k and top_p only change sampling; ask for a sample too, or leave them out."
            )
        if not self.sample and self.n > self.beam:
            raise SettingError(f"a beam of {self.beam} gives at most {self.beam} sentences, not {self.n}; widen it.")

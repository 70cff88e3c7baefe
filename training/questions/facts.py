"""What all captions of one photo say, and how many of them agree: subject, counts, colours, actions."""

from collections import Counter
from typing import NamedTuple

from . import lexicon, words
from .reading import Mention, ParsedCaption, read_caption, tokens_of


class Subject(NamedTuple):
    """The person or animal that most captions are about."""

    thing: str
    plural: bool
    alone: bool  # hardly a caption speaks of another person (or, where it is an animal, another animal)


class Photo:
    """What all captions of one photo say, and how many agree.

    Attributes:
        parsed: what each caption says.
        words, colours_mentioned, stems: every word of all captions; the colours, the actions and places among them.
        named: the things of all words, those that only modify another ("dog house") included.
        things: thing -> how many captions speak of it, or of a kind of it.
        subject, top_action: whom most captions are about, and what most say it does; None where they do not agree.
        colours: thing -> the colour captions agree on.
    """

    def __init__(self, captions: tuple[str, ...]):
        tokens = [tokens_of(caption) for caption in captions]
        if any(words.MOTORS.intersection(inner) for inner in tokens):  # then a "bike" is no bicycle
            tokens = [[words.MOTORISED.get(token, token) for token in inner] for inner in tokens]
        self.parsed = [read_caption(inner) for inner in tokens]
        self.words = {token for parsed in self.parsed for token in parsed.tokens}
        self.named = {lexicon.THING_OF[token][0] for token in self.words if token in lexicon.THING_OF}  # modifiers too
        self.things = Counter(kind for parsed in self.parsed for kind in _kinds_in(parsed))
        self.stems = {lexicon.ACTION_OF_ANY[token] for token in self.words if token in lexicon.ACTION_OF_ANY}
        self.stems |= {lexicon.PLACE_OF[token] for token in self.words if token in lexicon.PLACE_OF}
        self.subject = self._find_subject()
        self.colours = self._find_colours()
        self.colours_mentioned = {words.COLOURS[token] for token in self.words if token in words.COLOURS}
        self.top_action = self._find_top_action()

    @property
    def quorum(self) -> int:
        """How many captions must agree: three of five; one where there is only one."""
        n = len(self.parsed)
        return n if n < 3 else (3 * n + 4) // 5

    @property
    def detail_quorum(self) -> int:
        """How many captions must tell a detail that many people leave out: two of five."""
        return min(2, len(self.parsed))

    def is_certain(self, thing: str) -> bool:
        """Whether most captions speak of a thing."""
        return self.things[thing] >= self.quorum

    def mentions(self, thing: str) -> list[list[Mention]]:
        """The phrases for a thing, or a kind of it, in each caption."""
        return [[m for m in parsed.mentions if thing in lexicon.kinds_of(m.thing)] for parsed in self.parsed]

    def is_many(self, thing: str) -> bool:
        """Whether most phrases for a thing are plural."""
        found = [m.plural for mentions in self.mentions(thing) for m in mentions]
        return thing in lexicon.PLURAL_ONLY or sum(found) * 2 > len(found)

    def count_of(self, parsed: ParsedCaption, thing: str) -> int | None:
        """How many of a thing one caption tells of; None where that is not clear, 0 where it tells of none."""
        tokens = _count_mentions(parsed.tokens, thing)
        found = [m for m in parsed.mentions if thing in lexicon.kinds_of(m.thing)]
        if not tokens:
            return 0
        if len(found) == 1 and tokens == 1 and not found[0].more:
            return found[0].number
        return None

    def mentions_two(self, thing: str) -> bool:
        """Whether some caption has two words for a thing, clear or not: "a man and woman"."""
        return any(_count_mentions(parsed.tokens, thing) > 1 for parsed in self.parsed)

    def _find_top_action(self) -> str | None:
        """What most captions say the subject does."""
        actions = Counter(action for parsed in self.parsed for action in parsed.actions - words.HELD)
        best = max(sorted(actions), key=actions.get, default=None)
        return best if best and actions[best] >= self.quorum else None

    def _find_subject(self) -> Subject | None:
        found = [parsed.subject for parsed in self.parsed if parsed.subject]
        kinds = Counter(kind for m in found for kind in lexicon.kinds_of(m.thing))
        agreed = [thing for thing in kinds if kinds[thing] >= self.quorum and thing not in words.ROLES]
        agreed.sort(key=lambda thing: (-len(lexicon.kinds_of(thing)), -kinds[thing], thing))  # the most special first
        for thing in agreed:
            alike = [m for m in found if thing in lexicon.kinds_of(m.thing)]
            rest = {m.thing for m in found} - {m.thing for m in alike} - words.ROLES - set(lexicon.kinds_of(thing))
            if not rest and len({m.plural for m in found}) == 1:
                return Subject(thing, found[0].plural, self._is_alone(lexicon.kinds_of(thing)[-1]))
        return None

    def _is_alone(self, kind: str) -> bool:
        """Whether one caption at most speaks of two persons, or two animals."""
        return sum(_count_mentions(parsed.tokens, kind) > 1 for parsed in self.parsed) <= (len(self.parsed) > 3)

    def _find_colours(self) -> dict[str, str]:
        """Thing -> the colour that two captions give it and none gives otherwise. Clothes are those of the subject."""
        found = {}
        for thing in sorted({m.thing for parsed in self.parsed for m in parsed.mentions if m.colours}):
            mentions = self.mentions(thing)
            if thing in words.WORN:
                alone = self.subject and self.subject.alone
                mentions = [[m for m in parsed.of_subject if alone and m.thing == thing] for parsed in self.parsed]
            colours = Counter(_combined(m.colours) for inner in mentions for m in inner if m.colours)
            of_one_thing = max(map(len, mentions)) == 1 and lexicon.kinds_of(thing)[-1] != "person"
            if of_one_thing and len(colours) == 1 and colours.total() >= self.detail_quorum:
                found[thing] = min(colours)
        return found


def _combined(colours: tuple[str, ...]) -> str:
    """`("white", "black")` -> `"black and white"`, whichever came first."""
    return " and ".join(sorted(set(colours), key=lambda colour: (colour == "white", colour)))


def _count_mentions(tokens: list[str], thing: str) -> int:
    """How often a caption speaks of a thing; words side by side ("shepherd dog") are one."""
    of_it = [thing in lexicon.kinds_of_word(token) for token in tokens]
    return sum(now and not following for now, following in zip(of_it, [*of_it[1:], False], strict=True))


def _kinds_in(parsed: ParsedCaption) -> set[str]:
    return {kind for mention in parsed.mentions for kind in lexicon.kinds_of(mention.thing)}

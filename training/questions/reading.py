"""What one caption says: things with their number and colours, what the subject does, where.

Reads English by word lists and a few patterns, with no tagger and nothing to download. It would rather miss a fact
than state a wrong one: a noun counts only where the words around it show that it heads its phrase.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from . import lexicon, words

_TOKEN = re.compile(r"'s\b|[a-z]+|\d+|[^\sa-z\d]")
_PHRASES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in [
        (r"\bon top of\b", "on"),
        (r"\bin the middle of\b", "in"),
        (r"\bnext to\b", "nextto"),
        (r"\bin front of\b", "infrontof"),
        (r"\b(couple|pair|group|bunch|lot|crowd|team|class|family|herd|flock)s? of\b", r"\1of"),  # no people by itself
        (r"\bt[- ]shirt", "shirt"),
        (r"\btee shirt", "shirt"),
        (r"\bout of\b", "from"),
        (r"-", " "),
    ]
]
_INSIDE = {"in", "on", "at", "through", "across", "along", "inside", "atop", "down", "up"}  # who leaps "into" is not in
_DETERMINERS = words.DETERMINERS | {"'s"}
_FUNCTION_WORDS = words.DETERMINERS | words.PREPOSITIONS | words.OTHER_FUNCTION_WORDS
_STOPS = _FUNCTION_WORDS | lexicon.VERBS_ING | lexicon.VERBS_S
_NOT_BEFORE_ING = words.DETERMINERS | words.PREPOSITIONS | lexicon.VERBS_ING | words.COLOURS.keys()
_NOT_BEFORE_S = words.DETERMINERS | words.PREPOSITIONS | words.NUMBERS.keys() | words.COLOURS.keys()
_MORE = {"another", "other", "others", "second", "different"}


class Mention(NamedTuple):
    """One noun phrase: `two big black dogs` is Mention("dog", True, 2, ("black",), False, prep, start, end)."""

    thing: str
    plural: bool
    number: int | None
    colours: tuple[str, ...]
    more: bool  # another, the other
    preposition: str  # what stands before the phrase
    start: int  # the phrase is tokens[start : end + 1]
    end: int


class ActionPhrase(NamedTuple):
    """What the subject of a caption does to or on a thing: Act("sit", "on", "bench", False)."""

    action: str
    preposition: str
    thing: str
    plural: bool


@dataclass
class ParsedCaption:
    """What one caption says."""

    tokens: list[str]
    mentions: list[Mention] = field(default_factory=list)
    subject: Mention | None = None
    actions: set[str] = field(default_factory=set)  # of the subject
    acts: set[ActionPhrase] = field(default_factory=set)  # of the subject
    of_subject: list[Mention] = field(default_factory=list)  # things between it and the next person or animal
    places: set[str] = field(default_factory=set)
    mouths: set[tuple[str, str]] = field(default_factory=set)  # (whose mouth, what is in it)


def tokens_of(caption: str) -> list[str]:
    """Lower-case words and marks; two words that are one thing are joined: `tennis_ball`."""
    text = caption.lower()
    for pattern, replacement in _PHRASES:
        text = pattern.sub(replacement, text)
    tokens = _TOKEN.findall(text)
    joined: list[str] = []
    for token in tokens:
        pair = (joined[-1], token) if joined else None
        if pair in lexicon.JOINED:
            joined[-1] = lexicon.JOINED[pair]
        else:
            joined.append(token)
    return joined


def read_caption(tokens: list[str]) -> ParsedCaption:
    """Everything the patterns find in one caption."""
    parsed = ParsedCaption(tokens)
    for i, token in enumerate(parsed.tokens):
        if token in lexicon.PLACE_OF and _says_where(parsed.tokens, i):
            parsed.places.add(lexicon.PLACE_OF[token])
        if token in lexicon.THING_OF:
            mention = _mention_at(parsed.tokens, i)
            if mention is not None:
                parsed.mentions.append(mention)
    _read_subject(parsed)
    _read_mouths(parsed)
    return parsed


def is_alive(thing: str) -> bool:
    """Whether a thing is a person or an animal."""
    return lexicon.kinds_of(thing)[-1] in ("person", "animal")


class Phrase(NamedTuple):
    """What stands around a noun: `on` a `the two` big black dogs -> before, determiners, modifiers."""

    before: tuple[str, str]  # the two words before the phrase, "" where there are none
    determiners: list[str]
    modifiers: list[str]
    start: int


def _phrase_at(tokens: list[str], i: int) -> Phrase:
    """The phrase that ends with the noun at i."""
    first = _first_modifier(tokens, i)
    start = first
    while start > 0 and tokens[start - 1] in _DETERMINERS:
        start -= 1
    before = ["", "", *tokens[:start]][-2:]
    return Phrase((before[0], before[1]), tokens[start:first], tokens[first:i], start)


def _first_modifier(tokens: list[str], i: int) -> int:
    """Where the adjectives before the noun at i begin. An "and" goes on between colours: "a black and white dog"."""
    first = i
    while first > 0 and i - first < 6:
        token = tokens[first - 1]
        between_colours = first > 1 and tokens[first - 2] in words.COLOURS and tokens[first] in words.COLOURS
        lists_them = between_colours and token in ("and", ",", "&")
        if not lists_them and (token in _STOPS or not token[0].isalnum()):
            break
        first -= 1
    return first


def _heads_its_phrase(tokens: list[str], i: int, plural: bool) -> bool:
    """Whether the noun at i is not a modifier of the next word ("dog" in "dog house")."""
    if i + 1 >= len(tokens):
        return True
    following = tokens[i + 1]
    if following in _FUNCTION_WORDS or not following[0].isalnum():
        return following != "'s"
    if following in lexicon.VERBS_ING or following in (lexicon.VERBS_BASE if plural else lexicon.VERBS_S):
        return True
    return following.endswith(("ed", "ly")) and following not in lexicon.THING_OF


def _mention_at(tokens: list[str], i: int) -> Mention | None:
    """The mention that the noun at i heads, None where it heads none or tells of no real thing."""
    thing, plural = lexicon.THING_OF[tokens[i]]
    phrase = _phrase_at(tokens, i)
    parsed = [*phrase.modifiers, *phrase.determiners]
    numbers = [words.NUMBERS[word] for word in parsed if word in words.NUMBERS]
    plural = plural or (numbers or [1])[0] > 1  # "two woman"
    if not _heads_its_phrase(tokens, i, plural) or _may_be_verb(tokens[i], plural, phrase) or _is_unreal(thing, phrase):
        return None
    return Mention(
        thing,
        plural,
        number=1 if not plural else numbers[0] if len(numbers) == 1 else None,
        colours=tuple(words.COLOURS[word] for word in phrase.modifiers if word in words.COLOURS),
        more=not _MORE.isdisjoint(parsed),
        preposition=phrase.before[1] if phrase.before[1] in words.PREPOSITIONS else "",
        start=phrase.start,
        end=i,
    )


def _may_be_verb(token: str, plural: bool, phrase: Phrase) -> bool:
    """Whether nothing around a word shows that it is a noun ("a slide", not "slide"); a caption may begin with one."""
    ambiguous = token in lexicon.VERBS_S or token in lexicon.VERBS_BASE or (not plural and phrase.start > 0)
    coloured = not words.COLOURS.keys().isdisjoint(phrase.modifiers)
    return ambiguous and not phrase.determiners and not coloured and not (plural and phrase.modifiers)


def _is_unreal(thing: str, phrase: Phrase) -> bool:
    """No dog, a toy dog, dressed as a dog, a statue of a dog."""
    if "no" in phrase.determiners or phrase.before[1] in ("without", "like", "as"):
        return True
    moves = is_alive(thing) or lexicon.kinds_of(thing)[-1] == "vehicle"
    return (moves and not words.UNREAL.isdisjoint(phrase.modifiers)) or (
        phrase.before[1] == "of" and phrase.before[0] in words.PICTURED
    )


def _says_where(tokens: list[str], i: int) -> bool:
    """Whether the noun at i is a place: "in the deep snow", not "snow boots", not "near the snow"."""
    return _heads_its_phrase(tokens, i, plural=False) and _phrase_at(tokens, i).before[1] in _INSIDE


def _read_subject(parsed: ParsedCaption) -> None:
    """The first person or animal, and what is said of it before the next one is spoken of."""
    alive = [m for m in parsed.mentions if is_alive(m.thing)]
    if not alive:
        return
    parsed.subject = alive[0]
    end = alive[1].start if len(alive) > 1 else len(parsed.tokens)
    parsed.of_subject = [m for m in parsed.mentions if parsed.subject.end < m.start < end]
    for i in range(parsed.subject.end + 1, end):
        action = _action_at(parsed, i)
        if action is not None:
            parsed.actions.add(action)
            parsed.acts |= {
                ActionPhrase(action, preposition, m.thing, m.plural) for preposition, m in _objects_of(parsed, i)
            }


def _action_at(parsed: ParsedCaption, i: int) -> str | None:
    """The action of the subject that the word at i names, None where it is no verb of the subject's."""
    token, before = parsed.tokens[i], parsed.tokens[i - 1]
    if token in lexicon.ACTION_OF_ING:
        return None if before in _NOT_BEFORE_ING else lexicon.ACTION_OF_ING[token]
    if token in lexicon.ACTION_OF_S and not parsed.subject.plural:
        return None if before in _NOT_BEFORE_S else lexicon.ACTION_OF_S[token]
    if token in lexicon.ACTION_OF_BASE and parsed.subject.plural and i == parsed.subject.end + 1:
        return lexicon.ACTION_OF_BASE[token]
    return None


def _objects_of(parsed: ParsedCaption, i: int) -> list[tuple[str, Mention]]:
    """(preposition or "", phrase) of the phrases that follow the verb at i directly."""
    direct = [("", m) for m in parsed.mentions if m.start == i + 1]
    return direct + [(m.preposition, m) for m in parsed.mentions if m.start == i + 2 and m.preposition]


def _read_mouths(parsed: ParsedCaption) -> None:
    """Things "in its mouth", and whose: the last person or animal before them."""
    owner = ""
    for mention in parsed.mentions:
        behind = parsed.tokens[mention.end + 1 : mention.end + 4]
        if is_alive(mention.thing):
            owner = "" if mention.plural else mention.thing
        elif owner and behind[:1] == ["in"] and behind[2:] == ["mouth"] and behind[1] in words.DETERMINERS:
            parsed.mouths.add((owner, mention.thing))

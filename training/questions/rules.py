"""The rules that questions are made by: from the captions of one photo, the questions of each kind but yes/no."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import lexicon, words
from .facts import Photo, Subject


@dataclass(frozen=True)
class GeneratedQuestion:
    """A question of one photo, before it is a record. Those of one `family` are balanced together."""

    question: str
    answer: str
    kind: str
    family: str = ""


def animal_question(photo: Photo, rng: random.Random) -> Iterator[GeneratedQuestion]:
    """What animal is there? Where all captions name one kind."""
    animals = {thing for thing in photo.named if lexicon.kinds_of(thing)[-1] == "animal"} - {"animal"}
    if len(animals) == 1 and photo.is_certain(*animals):
        question = rng.choice(["What animal is this?", "What animal is in the picture?", "What kind of animal is it?"])
        yield GeneratedQuestion(question, lexicon.colloquial(*animals), "object", "animal")


def sport_question(photo: Photo, rng: random.Random) -> Iterator[GeneratedQuestion]:
    """What sport is played? Where most captions name one and none another."""
    sports = set(words.SPORTS) & photo.words
    if len(sports) == 1:
        pairs = ({*zip(parsed.tokens, parsed.tokens[1:], strict=False)} for parsed in photo.parsed)
        played = sum(any(_is_played(*sports, *pair) for pair in inner) for inner in pairs)
        if played >= photo.quorum:
            yield GeneratedQuestion(
                rng.choice(["What sport is this?", "What sport is being played?"]), *sports, "object"
            )


def _is_played(sport: str, word: str, following: str) -> bool:
    """Whether two words speak of a sport as a game: "play tennis", "tennis match"; not "a tennis shoe"."""
    return (following == sport and word in words.SPORT_WORDS) or (word == sport and following in words.SPORT_WORDS)


_ONE_THING = {"ride", "throw", "catch", "kick", "sit", "stand", "play", "chase"}  # done to one thing at a time
_ASKABLE = [
    ("ride", ("", "on")), ("hold", ("",)), ("carry", ("",)), ("wear", ("",)), ("throw", ("",)), ("catch", ("",)),
    ("kick", ("",)), ("push", ("",)), ("pull", ("",)), ("chase", ("",)), ("sit", ("on",)), ("stand", ("on",)),
    ("lie", ("on",)), ("play", ("with",)), ("jump", ("over",)), ("eat", ("",)), ("cut", ("",)),
    ("feed", ("",)), ("fly", ("",)), ("read", ("",)), ("swing", ("",)), ("talk", ("on",)),
]  # fmt: skip


def object_questions(photo: Photo, rng: random.Random) -> Iterator[GeneratedQuestion]:
    """What is the man riding? holding? sitting on? Where two captions say it and none says another thing."""
    subject = photo.subject
    if subject is None or not subject.alone:
        return
    for action, prepositions in _ASKABLE:
        done = [act for parsed in photo.parsed for act in parsed.acts if act.action == action]
        acts = [act for act in done if act.preposition in prepositions]
        things = Counter(act.thing for act in acts)
        thing = max(sorted(things), key=things.get, default=None)
        if thing is None or things[thing] < photo.detail_quorum or (action in _ONE_THING and len(things) > 1):
            continue
        many = sum(act.plural for act in acts if act.thing == thing) * 2 > things[thing]
        behind = f" {prepositions[0]}" if prepositions[0] else ""
        yield GeneratedQuestion(
            f"What {_be_subject(subject)} {lexicon.gerund(action)}{behind}?", lexicon.colloquial(thing, many), "object"
        )


def mouth_question(photo: Photo, rng: random.Random) -> Iterator[GeneratedQuestion]:
    """What is in the dog's mouth? Where two captions say it and none says another thing."""
    found = Counter(pair for parsed in photo.parsed for pair in parsed.mouths)
    if len(found) == 1 and found.total() >= photo.detail_quorum:
        owner, thing = min(found)
        yield GeneratedQuestion(
            f"What is in the {lexicon.colloquial(owner)}'s mouth?", lexicon.colloquial(thing), "object"
        )


_WHO = ("man", "woman", "boy", "girl", "baby")


def who_question(photo: Photo, rng: random.Random) -> Iterator[GeneratedQuestion]:
    """Who is running? Where nearly all captions agree on man, woman, boy, girl or baby."""
    subject, action = photo.subject, photo.top_action
    if not subject or not subject.alone or subject.thing not in _WHO or action in words.NEEDS_OBJECT | {None}:
        return
    if photo.things[subject.thing] > photo.quorum or len(photo.parsed) < 3:
        question = f"Who is {lexicon.gerund(action)}?"
        yield GeneratedQuestion(question, lexicon.colloquial(subject.thing, subject.plural), "object", "who")


def number_questions(photo: Photo, rng: random.Random) -> Iterator[GeneratedQuestion]:
    """How many dogs are there? Where most captions give one number, and none a larger or smaller one."""
    for thing in sorted({m.thing for parsed in photo.parsed for m in parsed.mentions} | {"person"}):
        if thing in words.ROLES | words.WORN | words.UNCOUNTED or not photo.is_certain(thing):
            continue
        counts = Counter(photo.count_of(parsed, thing) for parsed in photo.parsed)
        known = {n for n in counts if n}
        if len(known) == 1 and counts[n := min(known)] >= photo.quorum + (n == 1) and not _maybe_more(photo, thing, n):
            many = lexicon.colloquial(thing, many=True)
            question = rng.choice([f"How many {many} are there?", f"How many {many} are in the picture?"])
            yield GeneratedQuestion(question, str(n), "number", "number")


def _maybe_more(photo: Photo, thing: str, n: int) -> bool:
    """Whether a word of the captions hints at more than they count."""
    if n == 1 and (photo.mentions_two(thing) or not photo.words.isdisjoint(words.MORE_THAN_ONE)):
        return True
    return lexicon.kinds_of(thing)[-1] == "person" and n < 3 and not photo.words.isdisjoint(words.CROWD)


def colour_questions(photo: Photo, rng: random.Random) -> Iterator[GeneratedQuestion]:
    """What color is the dog? Where two captions say so and none says otherwise."""
    for thing, colour in photo.colours.items():
        many = photo.is_many(thing)
        spelt = rng.choice(["color", "colour"])
        yield GeneratedQuestion(
            f"What {spelt} {'are' if many else 'is'} {_definite(photo, thing, many)}?", colour, "colour"
        )


def _definite(photo: Photo, thing: str, many: bool) -> str:
    owner = photo.subject.thing if thing in words.WORN and photo.subject and not photo.subject.plural else None
    return f"the {owner}'s {lexicon.colloquial(thing, many)}" if owner else f"the {lexicon.colloquial(thing, many)}"


def place_question(photo: Photo, rng: random.Random) -> Iterator[GeneratedQuestion]:
    """Where is the dog? Where most captions name the place."""
    places = Counter(place for parsed in photo.parsed for place in parsed.places)
    place = max(sorted(places), key=places.get, default=None)
    if place and places[place] >= photo.quorum and (photo.subject or place in words.SCENES):
        question = f"Where {_be_subject(photo.subject)}?" if photo.subject else "Where was this picture taken?"
        yield GeneratedQuestion(question, lexicon.colloquial(place), "place")


def doing_question(photo: Photo, rng: random.Random) -> Iterator[GeneratedQuestion]:
    """What is the dog doing? Where most captions give its subject one action."""
    action = photo.top_action
    if not action or not photo.subject or not photo.subject.alone:
        return
    if action not in words.BY_ANIMALS or lexicon.kinds_of(photo.subject.thing)[-1] == "animal":
        answer = "lying down" if action == "lie" else lexicon.gerund(action)
        yield GeneratedQuestion(f"What {_be_subject(photo.subject)} doing?", answer, "doing")


def _be_subject(subject: Subject) -> str:
    return f"{'are' if subject.plural else 'is'} the {lexicon.colloquial(subject.thing, subject.plural)}"


RULES: list[Callable[[Photo, random.Random], Iterator[GeneratedQuestion]]] = [
    animal_question, sport_question, object_questions, mouth_question, who_question, number_questions,
    colour_questions, place_question, doing_question,
]  # fmt: skip

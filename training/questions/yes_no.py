"""Yes/no questions from captions, each "yes" about one photo paired with a "no" about another.

A claim is true where most captions say it. It is false only where it is safe to say so: nobody mentions the thing, nor
any word that often goes with it in these captions ("harness" goes with "sled"), and the thing is so striking that
somebody would have; or the captions agree on something that excludes it.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from . import lexicon, words
from .facts import Photo

MIN_LIFT = 2.0  # a word goes with a claim where it makes it this many times as likely
MAX_SHARE = 0.05  # of the photos, for each answer to one claim: else "is there a dog?" drowns the rest


class Claim(NamedTuple):
    """What a yes/no question asks: ("thing", "dog"), ("colour", "dog", "black"), ("place", "dog", "snow") ..."""

    about: str
    thing: str
    value: str = ""
    many: bool = False

    @property
    def subject_key(self) -> tuple[str, bool]:
        """What a photo must show for the question to make sense: a thing of a known colour, a subject, or nothing."""
        if self.about in ("thing", "who"):
            return "" if self.about == "thing" else "a person", False
        return self.thing if self.about == "colour" else f"subject {self.thing}", self.many


def yes_no_questions(
    photos: Sequence[Photo], splits: Sequence[str], rng: random.Random
) -> Iterator[tuple[int, str, str]]:
    """(photo's number, question, "yes" or "no"), as many "no" as "yes" for each claim and split."""
    true_of: dict[Claim, list[int]] = defaultdict(list)
    for i, photo in enumerate(photos):
        for claim in _claims(photo):
            true_of[claim].append(i)
    associated = _associated_words(photos, true_of)
    askable = _askable(photos, splits)
    for claim, photos_with in true_of.items():
        hints = associated[claim.value or claim.thing]
        if claim.value:  # the subject is the same, whatever the answer
            hints = {word for word in hints if claim.thing not in lexicon.kinds_of_word(word)}
        for split in dict.fromkeys(splits[i] for i in photos_with):
            yes = [i for i in photos_with if splits[i] == split]
            candidates = askable[(split, *claim.subject_key)]
            no = [i for i in candidates if _is_false(claim, photos[i], hints)]
            pairs = min(len(yes), len(no), max(20, round(MAX_SHARE * len(photos))))
            for answer, found in (("yes", yes), ("no", no)):
                for i in sorted(rng.sample(found, pairs)):
                    yield i, question_text(claim, rng), answer


def _askable(photos: Sequence[Photo], splits: Sequence[str]) -> dict[tuple, list[int]]:
    """(split, *Claim.subject_key) -> the photos of which a claim can be asked at all."""
    found: dict[tuple, list[int]] = defaultdict(list)
    for i, photo in enumerate(photos):
        found[splits[i], "", False].append(i)
        for thing in photo.colours:
            found[splits[i], thing, photo.is_many(thing)].append(i)
        if photo.subject:
            found[splits[i], f"subject {photo.subject.thing}", photo.subject.plural].append(i)
        if _is_one_person(photo):
            found[splits[i], "a person", False].append(i)
    return found


def _claims(photo: Photo) -> Iterator[Claim]:
    """What is surely true of a photo and can be asked."""
    for thing in sorted(lexicon.STRIKING & photo.named):
        if photo.is_certain(thing):
            yield Claim("thing", thing)
    for thing, colour in photo.colours.items():
        if " and " not in colour and thing not in words.WORN:
            yield Claim("colour", thing, colour, photo.is_many(thing))
    subject = photo.subject
    if subject is None:
        return
    places = Counter(place for parsed in photo.parsed for place in parsed.places)
    for place in sorted(words.STRIKING_PLACES & set(places)):
        if places[place] >= photo.quorum:
            yield Claim("place", subject.thing, place, subject.plural)
    if _is_one_person(photo):
        yield Claim("who", subject.thing)
    action = photo.top_action
    if action in lexicon.EXCLUDES and subject.alone:
        yield Claim("action", subject.thing, action, subject.plural)


def _is_one_person(photo: Photo) -> bool:
    subject = photo.subject
    return subject is not None and subject.thing in words.NOT_ALSO and subject.alone and not subject.plural


def _associated_words(photos: Sequence[Photo], true_of: dict[Claim, list[int]]) -> dict[str, set[str]]:
    """Value of a claim (a thing, an action, a place) -> the words that make it more likely."""
    photos_with = Counter(word for photo in photos for word in photo.words)
    values: dict[str, set[int]] = defaultdict(set)
    for claim, yes in true_of.items():
        if claim.about not in ("colour", "who"):
            values[claim.value or claim.thing].update(yes)
    found: dict[str, set[str]] = defaultdict(set)
    for value, where in values.items():
        expected = len(where) / len(photos)
        together = Counter(word for i in where for word in photos[i].words)
        found[value] = {w for w, n in together.items() if n > 1 and n > MIN_LIFT * expected * photos_with[w]}
    return found


def _is_false(claim: Claim, photo: Photo, hints: set[str]) -> bool:
    """Whether a claim that can be asked of a photo is surely false of it."""
    if claim.about == "colour":
        colours = set(photo.colours[claim.thing].split(" and "))
        return claim.value not in photo.colours_mentioned and _similar_colours(claim.value).isdisjoint(colours)
    if claim.about == "who":
        return photo.subject.thing in words.NOT_ALSO[claim.thing] and claim.thing not in photo.named
    if not photo.words.isdisjoint(hints):
        return False
    if claim.about == "thing":
        return photo.named.isdisjoint(lexicon.kinds_of(claim.thing))
    if claim.value in photo.stems:
        return False
    return claim.about == "place" or (photo.subject.alone and photo.top_action in lexicon.EXCLUDES[claim.value])


def _similar_colours(colour: str) -> set[str]:
    return set().union({colour}, *(group for group in words.NEAR_COLOURS if colour in group))


def question_text(claim: Claim, rng: random.Random) -> str:
    """A claim as a question, in one of the ways people ask it."""
    thing, the = lexicon.colloquial(claim.thing), lexicon.colloquial(claim.thing, claim.many)
    be = "Are" if claim.many else "Is"
    if claim.about == "thing":
        if thing in lexicon.PLURAL_ONLY | words.UNCOUNTED:
            be = "Are" if thing in lexicon.PLURAL_ONLY else "Is"
            return rng.choice([f"{be} there any {thing}?", f"Can you see any {thing}?"])
        a = "an" if thing[0] in "aeiou" else "a"
        one = [f"Is there {a} {thing}?", f"Is there {a} {thing} in the picture?", f"Can you see {a} {thing}?"]
        return rng.choice([*one, f"Are there any {lexicon.colloquial(claim.thing, True)}?"])
    if claim.about == "who":
        return f"Is the person a {thing}?"
    if claim.about == "place":
        return f"{be} the {the} {'at' if claim.value == 'beach' else 'in'} the {claim.value}?"
    value = claim.value if claim.about == "colour" else lexicon.gerund(claim.value) + " down" * (claim.value == "lie")
    return f"{be} the {the} {value}?"

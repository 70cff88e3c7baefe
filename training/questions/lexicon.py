"""The forms that the words of things.py and words.py take in a caption, and what each form means."""

import re
from functools import cache

from . import things, words

_IRREGULAR_PLURALS = {
    "person": "persons", "man": "men", "woman": "women", "child": "children", "policeman": "policemen",
    "fireman": "firemen", "fisherman": "fishermen", "businessman": "businessmen", "businesswoman": "businesswomen",
    "goose": "geese", "calf": "calves", "sheep": "sheep", "deer": "deer", "fish": "fish", "scarf": "scarves",
    "aircraft": "aircraft", "knife": "knives", "shelf": "shelves", "leaf": "leaves", "mouse": "mice",
    "tomato": "tomatoes", "potato": "potatoes", "ox": "oxen",
}  # fmt: skip
_IRREGULAR_ING = {"run": "running", "jog": "jogging", "swim": "swimming", "sit": "sitting", "nap": "napping",
                  "squat": "squatting", "ski": "skiing", "dig": "digging", "hug": "hugging", "lie": "lying",
                  "get": "getting", "put": "putting", "hit": "hitting", "spin": "spinning", "drag": "dragging",
                  "drop": "dropping", "grab": "grabbing", "canoe": "canoeing", "chew": "chewing", "row": "rowing",
                  "begin": "beginning", "cut": "cutting", "pet": "petting"}  # fmt: skip


def plural(word: str) -> str:
    """`dog` -> `dogs`, `puppy` -> `puppies`, `woman` -> `women`."""
    if word in _IRREGULAR_PLURALS:
        return _IRREGULAR_PLURALS[word]
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "sh", "ch", "x", "z")) else "s")


def gerund(verb: str) -> str:
    """`ride` -> `riding`, `run` -> `running`."""
    if verb in _IRREGULAR_ING:
        return _IRREGULAR_ING[verb]
    return (verb[:-1] if verb.endswith("e") and not verb.endswith("ee") else verb) + "ing"


def _entries(block: str) -> list[tuple[str, list[str]]]:
    """(head, words behind the colon) of each entry of a list."""
    entries = (entry.partition(":") for entry in re.split(r"[;\n]", block))
    return [(head.strip(), others.split()) for head, _, others in entries if head.strip()]


PLURAL_ONLY: set[str] = set()
PARENT: dict[str, str] = {}  # dog -> animal
STRIKING: set[str] = set()
THING_OF: dict[str, tuple[str, bool]] = {}  # a word as captions have it -> (thing, whether it is plural)


def _fill_things() -> None:
    for head, others in _entries(things.THINGS):
        name, _, parent = (part.strip() for part in head.lstrip("+ ").partition("<"))
        if name.endswith("*"):
            PLURAL_ONLY.add(name.rstrip("*"))
        for word in (name, *others):
            _add_word(word, name.rstrip("*"))
        name = name.rstrip("*")
        if parent:
            PARENT[name] = parent
        if head.startswith("+"):
            STRIKING.add(name)


def _add_word(word: str, thing: str) -> None:
    if word.endswith("*"):
        THING_OF[word.rstrip("*")] = (thing, True)
    else:
        THING_OF[word] = (thing, False)
        THING_OF.setdefault(plural(word), (thing, True))


PLACE_OF: dict[str, str] = {}  # a word as captions have it -> place
for _name, _words in _entries(things.PLACES):
    for _word in [_name, *_words]:
        PLACE_OF.setdefault(_word, _name)
        PLACE_OF.setdefault(plural(_word), _name)

ACTION_OF_ING: dict[str, str] = {}  # riding -> ride
ACTION_OF_S: dict[str, str] = {}  # rides -> ride
ACTION_OF_BASE: dict[str, str] = {}
for _name, _words in _entries(words.ACTIONS):
    for _word in [_name, *_words]:
        ACTION_OF_ING[gerund(_word)] = ACTION_OF_S[plural(_word)] = ACTION_OF_BASE[_word] = _name
ACTION_OF_ANY = ACTION_OF_BASE | ACTION_OF_S | ACTION_OF_ING
VERBS_ING = set(ACTION_OF_ING) | {gerund(verb) for verb in words.OTHER_VERBS.split()}
VERBS_S = set(ACTION_OF_S) | {plural(verb) for verb in words.OTHER_VERBS.split()}
VERBS_BASE = set(ACTION_OF_BASE) | set(words.OTHER_VERBS.split())

_fill_things()
JOINED = {tuple(word.split("_")): word for word in [*THING_OF, *PLACE_OF] if "_" in word}


def colloquial(thing: str, many: bool = False) -> str:
    """A thing as people say it: `bicycle` -> `bike`, of many `bikes`."""
    word = words.SPOKEN.get(thing, thing.replace("_", " "))
    if not many or thing in PLURAL_ONLY:
        return word
    return "people" if thing == "person" else plural(word)


# Actions that nobody does at once, from which a "no" is made.
_MOVING = ("run", "jump", "walk", "dance", "chase", "climb")
_RESTING = ("sit", "lie", "sleep", "kneel")
_TRAVELLING = ("bike", "drive", "ski", "snowboard", "skateboard", "surf", "kayak", "swim")
EXCLUDES: dict[str, set[str]] = {action: set() for action in (*_MOVING, *_RESTING, *_TRAVELLING)}
for _these, _those in (
    (_MOVING, _RESTING), (("run", "walk"), _TRAVELLING), (("lie", "sleep"), _TRAVELLING), (_TRAVELLING, _TRAVELLING),
):  # fmt: skip
    for _a in _these:
        for _b in _those:
            if _a != _b:
                EXCLUDES[_a].add(_b)
                EXCLUDES[_b].add(_a)


@cache
def kinds_of(thing: str) -> tuple[str, ...]:
    """A thing and what it is a kind of: `dog` -> `("dog", "animal")`."""
    return (thing, *kinds_of(PARENT[thing])) if thing in PARENT else (thing,)


def kinds_of_word(word: str) -> tuple[str, ...]:
    """What a word of a caption names: `puppies` -> `("dog", "animal")`; nothing where it names no thing."""
    return kinds_of(THING_OF[word][0]) if word in THING_OF else ()

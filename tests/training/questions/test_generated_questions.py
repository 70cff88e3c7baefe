"""Questions from captions: each rule asks where captions agree, and keeps silent where they do not."""

import random
import re
import time
from collections import Counter
from pathlib import Path

import pytest

from runtime.errors import DataError
from training.questions import lexicon, words
from training.questions.facts import Photo
from training.questions.generate import from_captions, generate_questions, samples
from training.questions.reading import read_caption, tokens_of
from training.readers.records import CaptionRecord, Dataset, Problems


def photo(*captions: str, number: int = 0, split: str = "train") -> CaptionRecord:
    return CaptionRecord(Path(f"{number}.jpg"), f"{number}.jpg", captions, split)


_OTHERS = """The horse stands .|The cat sleeps .|Three cats sleep .|Four cats sleep .|Five cats sleep .|Six cats sleep .
The baby sleeps .|The girl sleeps .|Two men sleep ."""
# so that the answers of the photo asked about are not the commonest, which are thinned out
OTHERS = [photo(*[caption] * 5, number=i) for i, caption in enumerate(_OTHERS.replace("\n", "|").split("|"), start=1)]


def asked(*captions: str, kind: str | None = None) -> dict[str, str]:
    """What is asked of one photo, yes/no questions left out, in one spelling."""
    records = generate_questions([photo(*captions), *OTHERS])
    return {
        r.question.replace("colour", "color").replace("are in the picture", "are there"): r.answers[0]
        for r in records
        if r.image.stem == "0" and r.kind != "yes/no" and kind in (None, r.kind)
    }


# ---- one caption


def mention(caption: str, thing: str):
    found = [m for m in read_caption(tokens_of(caption)).mentions if m.thing == thing]
    return found[0] if found else None


@pytest.mark.parametrize(
    ("caption", "thing", "number", "colours"),
    [
        ("A dog runs .", "dog", 1, ()),
        ("Two big black dogs run .", "dog", 2, ("black",)),
        ("two woman sit on a bench", "woman", 2, ()),
        ("A couple of kids play .", "child", 2, ()),
        ("dogs run", "dog", None, ()),
        ("the black , brown and white dog", "dog", 1, ("black", "brown", "white")),
        ("a boy in a black and a red shirt", "shirt", 1, ("red",)),
        ("A man on his bike .", "bicycle", 1, ()),
        ("someone throws a tennis ball", "ball", 1, ()),
        ("a man walks with 3 dogs", "dog", 3, ()),
    ],
)
def test_a_phrase_is_read_with_its_number_and_colours(caption, thing, number, colours):
    found = mention(caption, thing)
    assert (found.number, found.colours) == (number, colours)


@pytest.mark.parametrize(
    ("caption", "thing"),
    [
        ("A dog house stands there .", "dog"),
        ("the dog 's owner waits", "dog"),
        ("a man without a shirt", "shirt"),
        ("no dog is there", "dog"),
        ("a statue of a horse", "horse"),
        ("a child with a toy car", "car"),
        ("a girl dressed as a cat", "cat"),
        ("a child slides fast", "slide"),
        ("A hot dog stand", "dog"),
    ],
)
def test_what_is_not_really_there_is_not_read(caption, thing):
    assert mention(caption, thing) is None


def test_wooden_things_are_things():
    assert mention("a girl on a wooden bench", "bench")
    assert mention("a wooden horse", "horse") is None


@pytest.mark.parametrize(
    ("caption", "actions"),
    [
        ("A dog is running through snow .", {"run"}),
        ("A dog runs and jumps .", {"run", "jump"}),
        ("Two dogs run .", {"run"}),
        ("A man in running shoes sits .", {"sit"}),
        ("A man watches a dog run .", set()),
        ("a man is about to throw a ball", set()),
        ("A boy on the swing laughs .", set()),
        ("A boy jumps while a girl sits .", {"jump"}),
    ],
)
def test_actions_are_those_of_the_subject(caption, actions):
    assert read_caption(tokens_of(caption)).actions == actions


@pytest.mark.parametrize(
    ("caption", "places"),
    [
        ("A dog in the deep snow .", {"snow"}),
        ("A dog in snow boots .", set()),
        ("A dog near the snow .", set()),
        ("A dog leaps into a pool .", set()),  # and is not in it yet
        ("A boy on top of a rock at the beach", {"rock", "beach"}),
        ("A man in the middle of the street", {"street"}),
    ],
)
def test_places_are_where_something_is(caption, places):
    assert read_caption(tokens_of(caption)).places == places


def test_forms_of_words():
    assert [lexicon.plural(w) for w in ("dog", "puppy", "monkey", "woman", "bus", "bench")] == [
        "dogs", "puppies", "monkeys", "women", "buses", "benches",
    ]  # fmt: skip
    assert [lexicon.gerund(w) for w in ("run", "ride", "ski", "play", "lie")] == [
        "running", "riding", "skiing", "playing", "lying",
    ]  # fmt: skip
    assert lexicon.kinds_of("boy") == ("boy", "child", "person")
    assert lexicon.colloquial("bicycle", many=True) == "bikes" and lexicon.colloquial("person", many=True) == "people"
    assert all(name in lexicon.THING_OF for name in words.WORN | lexicon.STRIKING)
    assert set(words.SCENES) | words.STRIKING_PLACES <= set(lexicon.PLACE_OF.values())


# ---- one photo, rule by rule

DOG = (
    "A black dog runs on the beach with a stick in its mouth .",
    "A black dog is running along the shore .",
    "a dog running on a sandy beach",
    "The black dog carries a stick on the beach .",
    "A dog runs with a stick in its mouth",
)
BOYS = (
    "Two boys play soccer on the grass .",
    "Two young boys playing soccer in the park .",
    "Two boys in red shirts play soccer .",
    "Two kids are playing a soccer match .",
    "Boys play .",
)
RIDER = (
    "A man rides a red bike down the street .",
    "A man wearing a blue helmet is riding a bicycle .",
    "A man in a blue helmet rides his bike on the road .",
    "The man is riding a red bike .",
    "A cyclist on a bike",
)


def test_animal():
    assert any(q.startswith(("What animal", "What kind of animal")) and a == "dog" for q, a in asked(*DOG).items())
    mixed = [*DOG[:4], "A dog chases a cat ."]
    assert not any("animal" in q for q in asked(*mixed))


def test_sport():
    assert {"What sport is this?", "What sport is being played?"} & {
        q for q, a in asked(*BOYS).items() if a == "soccer"
    }
    assert not any("sport" in q for q in asked(*BOYS[:4], "Two boys play football ."))
    assert not any("sport" in q for q in asked(*["a boy with a tennis shoe"] * 5))


def test_object():
    questions = asked(*RIDER)
    assert questions["What is the man riding?"] == "bike"
    assert asked(*DOG)["What is in the dog's mouth?"] == "stick"
    assert asked(*["a woman holds two red balloons"] * 3)["What is the woman holding?"] == "balloons"
    assert asked(*["a girl sits on a bench"] * 3)["What is the girl sitting on?"] == "bench"


def test_object_where_captions_differ():
    assert "What is the man riding?" not in asked(*RIDER[:4], "A man rides a horse .")
    assert "What is the man riding?" not in asked("A man rides a bike .", *["A man waits ."] * 4)


def test_a_bike_with_a_motor_is_no_bicycle():
    questions = asked(*["a man rides a bike"] * 4, "a man rides a motorbike")
    assert questions["What is the man riding?"] == "motorcycle"


def test_motor_bike_in_two_words_is_a_motorcycle_for_all_captions():
    questions = asked(*["a man rides a bike"] * 4, "a man rides a motor bike")
    assert questions["What is the man riding?"] == "motorcycle"


def test_everyday_things_of_coco():
    assert asked(*["A man is eating a hot dog ."] * 5)["What is the man eating?"] == "hot dog"
    assert asked(*["A woman is talking on a cell phone ."] * 5)["What is the woman talking on?"] == "phone"
    assert asked(*["A man standing in a train station ."] * 5)["Where is the man?"] == "train station"
    assert asked(*["A red fire hydrant on a street ."] * 5, kind="colour").popitem()[1] == "red"
    assert not any("animal" in q for q in asked(*["A man eats a hot dog and chicken ."] * 5))


def test_stuff_is_not_counted():
    assert asked(*["A broccoli and a bread on a plate ."] * 5, kind="number") == {"How many plates are there?": "1"}


def test_a_group_of_things_is_no_people():
    remotes = asked(*["A group of remotes on a table ."] * 5)
    assert not any("people" in q for q in remotes)
    people = asked(*["A couple of people are sitting on a bench ."] * 5)
    assert people["How many people are there?"] == "2"
    assert people["What are the people doing?"] == "sitting"


def test_people_who_fly_kites_are_not_flying():
    assert asked(*["A bird flying over a lake ."] * 5)["What is the bird doing?"] == "flying"
    kite = asked(*["A man flying a kite ."] * 5)
    assert kite["What is the man flying?"] == "kite"
    assert "What is the man doing?" not in kite


def test_the_mouth_is_its_owners():
    captions = ["A man watches a dog with a ball in its mouth ."] * 3
    assert asked(*captions)["What is in the dog's mouth?"] == "ball"
    assert "What is in the man's mouth?" not in asked(*captions)


def test_who():
    assert asked(*RIDER)["Who is riding?"] == "man"
    assert asked(*["Two girls dance ."] * 5)["Who is dancing?"] == "girls"
    unsure = ["A woman rides a bike ."] * 3 + ["A girl rides a bike ."] * 2
    assert not any(q.startswith("Who") for q in asked(*unsure))
    assert not any(q.startswith("Who") for q in asked(*["A man throws a ball ."] * 5))  # who is throwing what?


def test_number():
    assert asked(*BOYS, kind="number") == {
        "How many people are there?": "2", "How many children are there?": "2", "How many boys are there?": "2",
    }  # fmt: skip
    assert asked(*DOG, kind="number") == {"How many dogs are there?": "1"}


def test_number_where_captions_differ_or_hint_at_more():
    assert asked("Two dogs run .", "Two dogs play .", "Two dogs", "Three dogs run", "Dogs", kind="number") == {}
    assert asked(*DOG[:4], "A dog runs past another dog .", kind="number") == {}
    assert asked(*["A man stands ."] * 4, "A man in a crowd .", kind="number") == {}
    assert "How many people are there?" not in asked("A man and woman sit .", *["A man sits ."] * 4)


def test_colour():
    assert asked(*DOG, kind="colour") == {"What color is the dog?": "black"}
    assert asked(*RIDER, kind="colour") == {
        "What color is the bike?": "red", "What color is the man's helmet?": "blue",
    }  # fmt: skip
    assert asked(*["A white and black dog", "a black and white dog"]) | {
        "What color is the dog?": "black and white"
    } == (asked("A white and black dog", "a black and white dog"))
    assert asked(*["two brown dogs run"] * 3, kind="colour") == {"What color are the dogs?": "brown"}


def test_colour_where_captions_differ_or_there_are_two():
    assert asked(*DOG[:4], "A brown dog", kind="colour") == {}
    assert asked(*["A black dog chases a white dog ."] * 5, kind="colour") == {}
    assert asked(*["A dog near a man in a red shirt ."] * 5, kind="colour") == {}  # not the dog's shirt
    assert asked(*["A black man walks ."] * 5, kind="colour") == {}


def test_place():
    assert asked(*DOG, kind="place") == {"Where is the dog?": "beach"}
    assert asked(*["Two girls sit at a table ."] * 3, kind="place") == {"Where are the girls?": "table"}
    assert asked(*["A dog chases a man in the park ."] * 2, "A man in the park .", "A man .", "A dog in the park .",
                 kind="place") == {"Where was this picture taken?": "park"}  # fmt: skip
    assert asked("A dog in the snow .", *["A dog ."] * 4, kind="place") == {}


def test_doing():
    assert asked(*DOG, kind="doing") == {"What is the dog doing?": "running"}
    assert asked(*BOYS, kind="doing") == {"What are the boys doing?": "playing"}
    assert asked(*["A man is laying on a bed ."] * 5, kind="doing") == {"What is the man doing?": "lying down"}
    assert asked(*["A dog runs after another dog ."] * 5, kind="doing") == {}
    assert asked(*["A man holds a cup ."] * 5, kind="doing") == {}


def test_a_subject_that_captions_do_not_agree_on_gets_the_kind_they_do():
    captions = ["A man runs .", "A woman runs .", "A boy runs .", "A person is running .", "A runner is running ."]
    assert asked(*captions, kind="doing") == {"What is the person doing?": "running"}
    assert asked("A man runs .", "A dog runs .", "Cars .", kind="doing") == {}


def test_few_captions_must_all_agree_and_one_is_believed():
    assert Photo(("a",)).quorum == 1 and Photo(("a",) * 2).quorum == 2 and Photo(("a",) * 5).quorum == 3
    assert asked("A dog runs .")["What is the dog doing?"] == "running"
    assert "What is the dog doing?" not in asked("A dog runs .", "A dog jumps .")


# ---- yes and no


def scenes(count: int = 90) -> list[CaptionRecord]:
    """Photos of dogs, boats, and men and women, in any order."""
    kinds = [
        "The black dog runs on the beach .",
        "The white dog sits in the snow .",
        "The spotted dog jumps over the fence .",
        "The man rows the boat .",
        "The woman reads the book .",
        "The two women walk through the meadow .",
    ]
    rng = random.Random(0)
    return [photo(*[rng.choice(kinds)] * 5, number=i, split="train" if i < 60 else "val") for i in range(count)]


def test_every_claim_gets_as_many_no_as_yes_in_each_split():
    def claim(question: str) -> str:
        for start in ("Is there a ", "Can you see a ", "Are there any "):
            question = question.replace(start, "")
        return question.replace(" in the picture", "").rstrip("?").removesuffix("s")

    yes_no = [r for r in generate_questions(scenes()) if r.kind == "yes/no"]
    counts = Counter((claim(r.question), r.split, r.answers[0]) for r in yes_no)
    assert {key[0] for key in counts} >= {
        "dog",
        "boat",
        "Is the dog black",
        "Is the dog running",
        "Is the dog in the snow",
    }
    assert {key[2] for key in counts} == {"yes", "no"}
    assert all(counts[c, split, "yes"] == counts[c, split, "no"] for c, split, _ in counts)


SEEN = ("dog", "boat", "black", "white", "snow", "beach")


def test_a_no_is_true_of_its_photo():
    parsed = {s.image: s.captions[0].lower() for s in scenes()}
    noes = [r for r in generate_questions(scenes()) if r.answers == ("no",)]
    for record in noes:
        about = set(record.question.lower().rstrip("?").split())
        subject = {"dog"} if record.question.startswith("Is the") else set()
        assert not any(thing in parsed[record.image] for thing in about & set(SEEN) - subject)
        if "Is the person" in record.question:
            assert (record.question.split()[-1].rstrip("?") == "man") == ("woman" in parsed[record.image])
    assert {"Is the dog black?", "Is the person a man?", "Is the dog running?"} <= {r.question for r in noes}


def test_no_is_not_said_where_a_word_goes_with_the_thing():
    sledges = [photo(*["A husky in a harness pulls a sled ."] * 5, number=i) for i in range(10)]
    hidden = [photo(*["A harness and a sled ."] * 5, number=10 + i) for i in range(10)]
    others = [photo(*["A woman reads ."] * 5, number=20 + i) for i in range(30)]
    records = generate_questions([*sledges, *hidden, *others])
    noes = {int(r.image.stem) for r in records if r.answers == ("no",) and "dog" in r.question}
    assert noes and min(noes) >= 20  # a photo with a harness may well have a dog in it


def test_no_about_a_colour_is_not_near_the_true_one():
    dogs = [photo(*[f"A {c} dog sits ."] * 5, number=i) for i, c in enumerate(["brown", "tan", "black", "gold"] * 5)]
    noes = [r for r in generate_questions(dogs) if r.answers == ("no",) and r.question == "Is the dog tan?"]
    assert noes and all(dogs[int(r.image.stem)].captions[0] == "A black dog sits ." for r in noes)


def test_actions_that_go_together_exclude_nothing():
    assert "sit" in lexicon.EXCLUDES["run"] and "run" in lexicon.EXCLUDES["sit"]
    assert "jump" not in lexicon.EXCLUDES["run"] and "bike" not in lexicon.EXCLUDES["sit"]
    assert all(a not in excluded for a, excluded in lexicon.EXCLUDES.items())


# ---- the whole


def test_the_same_seed_gives_the_same_questions_and_another_others():
    assert generate_questions(scenes(), seed=3) == generate_questions(scenes(), seed=3)
    assert generate_questions(scenes(), seed=3) != generate_questions(scenes(), seed=4)


def test_records_carry_photo_split_and_ids_of_their_own():
    records = generate_questions(scenes())
    assert len({r.question_id for r in records}) == len(records)
    assert {r.kind for r in records} == {"object", "number", "colour", "place", "doing", "yes/no"}
    by_photo = {s.image: s.split for s in scenes()}
    assert all(r.split == by_photo[r.image] and len(r.answers) == 1 and r.answers[0] for r in records)


def test_the_commonest_answer_is_thinned_out():
    dogs = [photo(*DOG, number=i) for i in range(40)]
    horses = [photo(*["A horse stands ."] * 5, number=40 + i) for i in range(5)]
    animals = Counter(r.answers[0] for r in generate_questions([*dogs, *horses]) if "animal" in r.question)
    assert animals["horse"] == 5 and 0 < animals["dog"] <= 12


def test_a_claim_is_not_asked_of_every_photo():
    many = [photo(*(DOG if i % 2 else ["A woman reads ."] * 5), number=i) for i in range(600)]
    about_dogs = ("Are there any dogs?", "Is there a dog?", "Is there a dog in the picture?", "Can you see a dog?")
    answers = Counter(r.answers[0] for r in generate_questions(many) if r.question in about_dogs)
    assert answers == {"yes": 30, "no": 30}  # each a twentieth of the photos


def test_nothing_to_ask_is_no_crash():
    assert generate_questions([]) == []
    assert generate_questions([photo(), photo("", " . ", number=1), photo("犬が走る", number=2)]) == []
    with pytest.raises(DataError, match=r"the captions of 1 photos give no question; give English captions"):
        from_captions(Dataset("coco", [photo("Ein Hund .")], Problems()))


def test_a_data_set_of_captions_keeps_its_problems_and_splits():
    problems = Problems()
    problems.add("images are missing", "x.jpg")
    data = from_captions(Dataset("coco", scenes(), problems, made=("val",)))
    assert (data.format, data.problems, data.made) == ("questions from coco", problems, ("val",))


def test_more_seeds_ask_more_of_training_photos_and_nothing_twice():
    data = Dataset("coco", scenes(), Problems())
    once, twice, thrice = (from_captions(data, seeds).records for seeds in (1, 2, 3))
    assert thrice[: len(once)] == once and thrice[: len(twice)] == twice and len(once) < len(twice) < len(thrice)
    more = thrice[len(once) :]
    asked = [(r.image, r.question) for r in more]
    assert {r.split for r in more} == {"train"} and not set(asked) & {(r.image, r.question) for r in once}
    assert len(set(asked)) == len(asked) and len({r.question_id for r in thrice}) == len(thrice)


def test_samples_show_the_captions_a_question_came_from():
    lines = list(samples([photo(*DOG)], count=1, seed=1))
    assert len(lines) == 6 and lines[0].startswith("1. **") and "0.jpg" in lines[0]
    assert [line.removeprefix("   - ") for line in lines[1:]] == list(DOG)


@pytest.mark.shared_data
def test_the_whole_of_flickr8k(shared_data):
    from training.readers import read_captions

    records = read_captions(shared_data / "flickr8k").split("train")
    start = time.process_time()
    questions = generate_questions(records)
    assert time.process_time() - start < 10
    counts = Counter(r.kind for r in questions)
    assert len(records) == 6000 and len(questions) > 10_000 and min(counts.values()) > 500
    yes_no = Counter(r.answers[0] for r in questions if r.kind == "yes/no")
    assert yes_no["yes"] == yes_no["no"]


@pytest.mark.shared_data
def test_the_page_of_samples_shows_what_the_command_prints(shared_data):
    from training.readers import read_captions

    page = (Path(__file__).parents[3] / "docs" / "generated-questions.md").read_text(encoding="utf-8")
    lines = samples(read_captions(shared_data / "coco_captions").split("train"), count=100, seed=1)
    for number, question, answer, kind, image in re.findall(
        r"^(\d+)\. \*\*(.*)\*\* (.*) \((.*), (.*)\)$", "\n".join(lines), re.MULTILINE
    ):
        row = rf"\| {number} \| {re.escape(question)} \| {answer}( \(wrong\))? \| {kind} \| {re.escape(image)} \|"
        assert re.search(row, page), f"sample {number} is not on the page: count the wrong ones again"

"""COCO-QA's questions back to captions."""

import pytest

from training.questions.to_captions import caption_from


@pytest.mark.parametrize(
    ("question", "answer", "caption"),
    [
        ("what is parked by the curb", "bus", "a bus is parked by the curb"),
        ("what lined up on the long bar", "glasses", "glasses lined up on the long bar"),
        ("what is fishing in the cove", "boats", "boats are fishing in the cove"),
        ("the man holding what in front of a table", "umbrella", "the man holding an umbrella in front of a table"),
        ("what is behind what", "dog", "a dog is behind what"),  # the first alone was a word
        ("what is the color of the bird", "green", "the bird is green"),
        ("what are the colour of the eyes", "blue", "the eyes are blue"),
        ("how many elephants block a road", "three", "three elephants block a road"),
        ("how many dogs are there", "two", None),
        ("how many bags does the man carry", "two", None),
        ("what is the cat sitting on", "chair", None),
        ("what does the man hold", "racket", None),
        ("where is the cat sleeping", "sink", None),
    ],
)
def test_the_answer_takes_the_place_of_the_word_that_asks(question, answer, caption):
    assert caption_from(question, answer) == caption

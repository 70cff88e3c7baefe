"""Words and numbers: what goes in comes out, on any text there is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoders.text import END, PAD, SPECIALS, START, UNITS, UNK, Vocabulary, _word, pad, tokenize
from runtime.errors import SettingError

CAPTIONS = ["A dog runs.", "The dog sleeps!", "a man's t-shirt", "A dog, a dog"]
any_text = st.text(st.characters(), max_size=60)  # every code point, halves of characters too
quick = settings(max_examples=80, deadline=None, database=None)


@pytest.mark.parametrize("text, tokens", [
    ("A dog,  runs!", ["a", "dog", "runs"]), ("man's man’s t-shirt", ["man's", "man's", "t", "shirt"]),
    ("'quoted' rock'n'roll'", ["quoted", "rock'n'roll"]), ("snake_case 2nd 3.5", ["snake", "case", "2nd", "3", "5"]),
    ("<start> <end>", ["start", "end"]), ("개가 달린다. 狗在跑", ["개가", "달린다", "狗在跑"]),
    ("Été cafe\u0301s", ["été", "cafés"]), ("हिन्दी में बिल्ली।", ["हिन्दी", "में", "बिल्ली"]),
    ("كَلْبٌ يَجْرِي", ["كَلْبٌ", "يَجْرِي"]), ("ที่นี่", ["ที่นี่"]),
    ("🐕 ❤️ ... \n\t", []), ("", []), ("\x00\x07", []),
])  # fmt: skip
def test_tokenize(text: str, tokens: list[str]):
    assert tokenize(text) == tokens


@given(text=st.text(st.characters(max_codepoint=127), max_size=60))
@quick
def test_a_text_without_marks_need_not_know_them(text: str):
    assert _word(marks=False).findall(text) == _word(marks=True).findall(text)


def test_tokenize_characters():
    assert tokenize(" A \n\t b’", "character") == ["a", " ", "b", "'"]


@pytest.mark.parametrize("unit", UNITS)
@given(text=any_text)
@quick
def test_any_text_is_read(unit: str, text: str):
    tokens = tokenize(text, unit)
    assert all(tokens) and tokenize((" " if unit == "word" else "").join(tokens), unit) == tokens
    vocabulary = Vocabulary.build([text, *CAPTIONS], unit=unit)
    assert UNK not in vocabulary.encode(text)
    assert vocabulary.encode(vocabulary.decode(vocabulary.encode(text))) == vocabulary.encode(text)
    assert Vocabulary(**json.loads(json.dumps({"tokens": vocabulary.tokens, "unit": unit}))) == vocabulary


@pytest.mark.parametrize("unit", UNITS)
@given(text=any_text)
@quick
def test_no_text_becomes_a_special_token(unit: str, text: str):
    vocabulary = Vocabulary.build(CAPTIONS, unit=unit)
    for injected in (text, "<end>" + text, *SPECIALS, " ".join(SPECIALS), text + "<START><PAD>"):
        assert not {PAD, START, END} & set(vocabulary.encode(injected))
        assert not set(SPECIALS) & set(Vocabulary.build([injected], unit=unit).tokens[len(SPECIALS) :])


@given(st.lists(st.sampled_from(["dog", "runs", "man's", "a"])))
@quick
def test_known_words_come_back(words: list[str]):
    vocabulary = Vocabulary.build(CAPTIONS)
    ids = vocabulary.encode(" ".join(words))
    assert vocabulary.decode(ids) == " ".join(words)
    assert vocabulary.decode([START, *ids, END, PAD, PAD]) == " ".join(words)


def test_unknown_words():
    vocabulary = Vocabulary.build(CAPTIONS)
    ids = vocabulary.encode("a zebra runs")
    assert ids[1] == UNK and vocabulary.decode(ids) == "a <unk> runs"


@pytest.mark.parametrize("how, tokens", [
    ({}, ["a", "dog", "man's", "runs", "shirt", "sleeps", "t", "the"]),  # most frequent first, then by alphabet
    ({"min_count": 2}, ["a", "dog"]), ({"min_count": 9}, []), ({"max_size": 6}, ["a", "dog"]), ({"max_size": 5}, ["a"]),
    ({"max_size": 2}, []), ({"max_size": 99, "min_count": 4}, ["a", "dog"]),
])  # fmt: skip
def test_build(how: dict, tokens: list[str]):
    vocabulary = Vocabulary.build(["a a", *CAPTIONS], **how)
    assert vocabulary.tokens == (*SPECIALS, *tokens) and len(vocabulary) == 4 + len(tokens)
    assert vocabulary == Vocabulary.build(reversed(["a a", *CAPTIONS]), **how)


def test_characters():
    vocabulary = Vocabulary.build(["Abba", "a b"], unit="character")
    assert vocabulary.tokens == (*SPECIALS, "a", "b", " ")
    assert vocabulary.decode(vocabulary.encode("BAB  ba")) == "bab ba"


@pytest.mark.parametrize("tokens, unit, words", [
    ((*SPECIALS, "a"), "syllable", "unit is 'syllable'"), (("a", *SPECIALS), "word", "begins with <pad>"),
    ((), "word", "begins with <pad>"),
    ((*SPECIALS, "a", "a"), "word", "every token once"), ((*SPECIALS, "<end>"), "word", "every token once"),
])  # fmt: skip
def test_refuses(tokens: tuple, unit: str, words: str):
    with pytest.raises(SettingError, match=words):
        Vocabulary(tokens, unit)


@pytest.mark.parametrize("sequences, tokens, lengths", [
    ([[5, 6], [], [7, 8, 9]], [[5, 6, PAD], [PAD] * 3, [7, 8, 9]], [2, 0, 3]), ([[]], [[PAD]], [0]), ([], [], []),
])  # fmt: skip
def test_pad(sequences, tokens, lengths):
    padded, counted = pad(sequences)
    assert padded.tolist() == tokens and counted.tolist() == lengths
    assert padded.dtype == counted.dtype and padded.shape == (len(sequences), max([1, *lengths]))

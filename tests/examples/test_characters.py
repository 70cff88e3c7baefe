"""The character language model: h-e-l-l-o, state carried over cut graphs, temperature, and what a unit follows."""

import pytest
import torch
from PIL import Image

from examples.characters import CharacterModel, draw, follower, sample, train
from made import narrow, quoted

SOURCE = 'x = \'a # b\'  # c "d"\ny = """e\nf"""\n'


def make(characters: str = "ehlo", hidden_size: int = 8, cell: str = "lstm") -> CharacterModel:
    torch.manual_seed(0)
    return CharacterModel(characters, hidden_size=hidden_size, cell=cell)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_after_h_come_e_l_l_o(cell, generator):
    model = make(cell=cell)
    losses = train(model, "hello", updates=200)
    assert losses[-1] < 0.05 < losses[0]
    assert sample(model, "h", 4, temperature=0.1, generator=generator) == "hello"


def test_the_state_is_carried_from_chunk_to_chunk_and_its_graph_is_cut():
    """A chunk of one character: whether an "l" or an "o" follows the "l", only the state carried in can tell."""
    assert sum(train(make(), "hello", updates=600, chunk=1)[-4:]) / 4 < 0.2


def test_streams_are_the_parts_of_the_text():
    seen = []

    class Spy(CharacterModel):
        def forward(self, ids, state=None):
            seen.append((["".join(self.characters[i] for i in row) for row in ids], state is None))
            return super().forward(ids, state)

    train(Spy("abcdefghi", hidden_size=4), "abcdefghi", updates=3, streams=2, chunk=3)
    assert seen == [(["abc", "efg"], True), (["d", "h"], False), (["abc", "efg"], True)]


def test_what_is_drawn_is_fed_back_and_the_temperature_makes_it_bolder(generator):
    model = make()
    bold = [sample(model, "h", 20, temperature=100.0, generator=generator) for _ in range(20)]
    assert len(set(bold)) == 20
    cold = {sample(model, "h", 20, temperature=0.001, generator=generator) for _ in range(5)}
    assert len(cold) == 1
    greedy = "h"
    for _ in range(20):
        greedy += model.characters[model(model.ids(greedy).unsqueeze(0))[0][0, -1].argmax()]
    assert cold == {greedy}


def test_quotes_and_comments_are_found():
    inside = "".join("^" if q else " " for q in quoted(SOURCE))
    assert inside == "    ^^^^^^^  ^^^^^^^     ^^^^^^^^^ "


def test_the_unit_that_follows_is_found(tmp_path):
    values = torch.rand(len(SOURCE), 5, generator=torch.Generator().manual_seed(2))
    values[:, 3] = -1.0 * quoted(SOURCE)
    values[:, 4] = 0.0  # a constant correlates with nothing
    unit, r = follower(values, quoted(SOURCE))
    assert unit == 3 and r == pytest.approx(-1)
    draw(SOURCE, values[:, 3], "unit 3", tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as figure:
        assert figure.width == 935


def test_indentation_is_one_space_a_level():
    assert narrow("def f():\n    if x:\n\n        return\n") == "def f():\n if x:\n  return\n"

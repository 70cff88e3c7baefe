"""Small captioners that never learnt anything."""

from copy import deepcopy
from functools import cache

import torch

from captioner import Captioner, DecoderSettings
from encoders.cnn import ImageEncoder
from encoders.images import Preprocessing
from encoders.text import END, Vocabulary

VOCABULARY = Vocabulary.build(["a red square on the left", "the right has a blue yellow green square"])
SIZES = DecoderSettings(embedding_size=32, hidden_size=32, attention_size=16, dropout=0.1)
PRE = Preprocessing(size=32)


def small_captioner(vocabulary: Vocabulary = VOCABULARY, **recurrent) -> Captioner:
    """A model that never learnt anything, with weights large enough to say something else of every photo."""
    return deepcopy(_small_captioner(vocabulary, **recurrent))


@cache  # a copy takes a quarter of the time
def _small_captioner(vocabulary: Vocabulary, **recurrent) -> Captioner:
    torch.manual_seed(0)
    encoder = ImageEncoder("compact", image_size=32)
    how = {"layers": 2} | recurrent
    sizes = DecoderSettings(embedding_size=32, hidden_size=24, attention_size=16, dropout=0.2, **how)
    made = Captioner.build(encoder, vocabulary, Preprocessing(32, "crop"), sizes, about={"licence": "none"})
    made.network.eval()
    with torch.no_grad():
        for name, weight in made.network.decoder.named_parameters():
            weight.normal_(std=0.5 if "weight" in name else 0.1)
        made.network.decoder.embedding.weight.mul_(3)
        made.network.decoder.bias[END] = -3.0  # not lost for words
    return made


def new(records, sizes=SIZES, seed=0):
    """One to be trained on these records, with their words and random weights."""
    torch.manual_seed(seed)
    vocabulary = Vocabulary.build(c for r in records if r.split == "train" for c in r.captions)
    return Captioner.build(ImageEncoder("tiny", image_size=32), vocabulary, PRE, sizes)

"""What every loss is worth, in numbers worked out by hand: of models whose probabilities are given in a table."""

from math import log
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from encoders.cnn import ImageEncoder
from encoders.text import END, START
from training.tasks.answer_loss import AnswerLoss, VqaBatch
from training.tasks.caption_batch import CaptionBatch, caption_tokens
from training.tasks.caption_losses import LikelihoodLoss, SelfCriticalLoss
from training.tasks.encoder import ClassBatch, Classifier

DOG, CAT, RUNS, SITS = 4, 5, 6, 7
# The probability of a word after the one before it; the 8 words of the vocabulary that are not named share the rest.
AFTER = {
    START: {DOG: 0.5, CAT: 0.25},
    DOG: {RUNS: 0.4, SITS: 0.2},
    CAT: {SITS: 0.1},
    RUNS: {END: 0.8},
    SITS: {END: 0.3},
}


def probabilities() -> torch.Tensor:
    """(8, 8): of each word after each word."""
    table = torch.zeros(8, 8)
    for word in range(8):
        named = AFTER.get(word, {})
        table[word] = (1 - sum(named.values())) / (8 - len(named))
        for following, p in named.items():
            table[word, following] = p
    return table


class TableDecoder:
    """Instead of a `Decoder`: a word's scores are those after the word before; it looks at 2 places, 0.3 and 0.7."""

    def __init__(self):
        self.options = {}

    def __call__(self, features, tokens, lengths, **options):
        self.options = options
        valid = torch.arange(tokens.shape[2] - 1) < (lengths - 1).unsqueeze(2)
        looked = torch.tensor([0.3, 0.7]) * (lengths - 1).clamp(min=0).unsqueeze(2)
        return probabilities().log()[tokens[:, :, :-1]][valid], looked


def captioner():
    return SimpleNamespace(encoder=nn.Linear(1, 1), decoder=TableDecoder())


def batch_of(*photos):
    tokens, lengths, order = caption_tokens(photos)
    return CaptionBatch(torch.zeros(len(photos), 2, 1), tokens, lengths, torch.tensor(order))


# Two photos: "dog runs", "cat"; and "dog sits". Their ends are predicted too, so that there are 8 words.
CAPTIONS = batch_of([[DOG, RUNS], [CAT]], [[DOG, SITS]])
LOG_P = [log(0.5), log(0.4), log(0.8), log(0.25), log(0.9 / 7), log(0.5), log(0.2), log(0.3)]


def test_the_likelihood_is_the_mean_over_all_words_and_ends():
    assert LikelihoodLoss(captioner())(CAPTIONS).item() == pytest.approx(-sum(LOG_P) / 8)


def test_label_smoothing_gives_its_share_to_all_words_alike():
    rows = probabilities().log()[[START, DOG, RUNS, START, CAT, START, DOG, SITS]].mean(1)
    wanted = -(0.8 * sum(LOG_P) + 0.2 * rows.sum().item()) / 8
    assert LikelihoodLoss(captioner(), smoothing=0.2)(CAPTIONS).item() == pytest.approx(wanted)


def test_the_attention_penalty_is_the_mean_over_captions_and_places():
    # A caption of 3 steps looks at the two places 0.9 and 2.1 times, one of 2 steps 0.6 and 1.4 times.
    long, short = (0.1**2 + 1.1**2) / 2, (0.4**2 + 0.4**2) / 2
    wanted = -sum(LOG_P) / 8 + 0.5 * (2 * long + short) / 3
    assert LikelihoodLoss(captioner(), look_everywhere=0.5)(CAPTIONS).item() == pytest.approx(wanted)


def test_scheduled_sampling_grows_with_the_training():
    model = captioner()
    CAPTIONS.progress = 0.25
    LikelihoodLoss(model, word_dropout=0.3, scheduled_sampling=0.8)(CAPTIONS)
    CAPTIONS.progress = 0.0
    assert model.decoder.options == {"word_dropout": 0.3, "scheduled_sampling": pytest.approx(0.2)}


def test_the_self_critical_loss_weighs_each_caption_by_what_it_earned_more_than_the_others():
    loss = SelfCriticalLoss(captioner(), references=[[[DOG]], [[CAT]]], samples=3)
    dog_runs, dog_sits, cat = [DOG, RUNS, END], [DOG, SITS], [CAT, END]  # the second was cut off before its end
    earned = {(0, 3): 3.0, (0, 2): 1.0, (1, 3): 0.5, (1, 2): 2.0}  # photo and length -> reward
    loss._find = lambda photos: [[dog_runs, dog_sits, cat], [cat, dog_runs, cat]]
    loss._cider = lambda row, caption: earned[row, len(caption)]
    log_runs, log_sits, log_cat = (log(0.5) + log(0.4) + log(0.8), log(0.5) + log(0.2), log(0.25) + log(0.9 / 7))
    # Photo 0 earned 3, 1, 1: against the means of the others, 2, −1, −1. Photo 1 earned 2, 0.5, 2: 0.75, −1.5, 0.75.
    gained = (2 * log_runs - log_sits - log_cat) + (1.5 * log_cat - 1.5 * log_runs)
    batch = batch_of([[DOG]], [[CAT]])  # people's captions have 2 words each, with the end: 2 photos · 3 · 4 words / 2
    assert loss(batch).item() == pytest.approx(-gained / 12, rel=1e-5)


def test_the_reward_counts_the_end():
    loss = SelfCriticalLoss(captioner(), references=[[[DOG, RUNS], [DOG, RUNS]], [[CAT], [CAT]]], samples=2)
    whole, open_end = loss._cider(0, [DOG, RUNS, END]), loss._cider(0, [DOG, RUNS])
    assert whole == pytest.approx(7.5) and open_end < 6  # 10, of which 4-grams, that it has none of, are a quarter


class TableAnswers(nn.Module):
    """Instead of an `AnswerNetwork`: the same three probabilities for every question; other ones without a photo."""

    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.Linear(1, 1), SimpleNamespace(norm=nn.LayerNorm(1), photo=True)

    def forward(self, features, tokens, lengths, blind):
        blind = torch.zeros_like(lengths, dtype=torch.bool) if blind is None else blind
        seeing, guessing = torch.tensor([0.5, 0.3, 0.2]).log(), torch.tensor([0.1, 0.1, 0.8]).log()
        return torch.where(blind.unsqueeze(2), guessing, seeing), None


# One photo with two questions: people's answers to the first were 3/4 answer 0 and 1/4 answer 2; to the second, 1.
QUESTIONS = VqaBatch(
    torch.zeros(1, 1, 1), torch.ones(1, 2, 1, dtype=torch.long), torch.ones(1, 2, dtype=torch.long),
    answers=torch.tensor([[[0, 2], [1, 0]]]), soft_targets=torch.tensor([[[0.75, 0.25], [1.0, 0.0]]]),
)  # fmt: skip
PLAIN = -(0.75 * log(0.5) + 0.25 * log(0.2) + log(0.3)) / 2


def test_the_answer_loss_weighs_each_answer_by_its_worth():
    assert AnswerLoss(TableAnswers())(QUESTIONS).item() == pytest.approx(PLAIN)


def test_label_smoothing_of_answers():
    everything = (log(0.5) + log(0.3) + log(0.2)) / 3
    assert AnswerLoss(TableAnswers(), smoothing=0.1)(QUESTIONS).item() == pytest.approx(0.9 * PLAIN - 0.1 * everything)


def test_a_share_of_the_questions_is_asked_without_the_photo():
    unseen = -(0.75 * log(0.1) + 0.25 * log(0.8) + log(0.1)) / 2
    assert AnswerLoss(TableAnswers(), blind=0.999999)(QUESTIONS).item() == pytest.approx(unseen)
    torch.manual_seed(0)
    losses = [AnswerLoss(TableAnswers(), blind=0.3)(QUESTIONS).item() for _ in range(2000)]
    assert sum(losses) / len(losses) == pytest.approx(0.7 * PLAIN + 0.3 * unseen, rel=0.03)


@pytest.mark.parametrize("whole", [2, 5])
def test_the_classifier_s_loss_is_smoothed_and_divided_by_the_whole_batch(whole):
    model = Classifier(ImageEncoder("tiny", image_size=32), 4, smoothing=0.1)
    model.logits = lambda photos: torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.1, 0.2, 0.3, 0.4]]).log()
    first = -0.9 * log(0.5) - 0.1 * (log(0.5) + log(0.25) + 2 * log(0.125)) / 4
    second = -0.9 * log(0.4) - 0.1 * (log(0.1) + log(0.2) + log(0.3) + log(0.4)) / 4
    batch = ClassBatch(torch.zeros(2, 3, 32, 32), torch.tensor([0, 3]), whole)
    assert model(batch).item() == pytest.approx((first + second) / whole)

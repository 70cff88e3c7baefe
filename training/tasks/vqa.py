"""Training a VQA model, as a `Task` of the loop: on a frozen encoder's cached features, or end to end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from encoders.text import pad
from runtime.errors import DataError
from training.caches.augment import progressive_size, random_views
from training.caches.photos import PhotoCache
from training.caches.views import ViewCache
from training.config.task import VqaSettings
from training.loop.alarms import Alarm
from training.loop.fingerprint import digest
from training.loop.seed import generator
from training.loop.task import WHOLE_BATCH
from training.readers.records import QuestionRecord
from vqa.model import Answerer

from .alarms import answer_alarms, entropy, photo_alarms
from .answer_loss import AnswerLoss, VqaBatch
from .calibration import confidence, fit_temperature, fit_threshold, log_score
from .predictions import Predictions
from .start import encoder_and_photos
from .teachers import Teachers
from .weights import WeightedRows

CALIBRATION_QUESTIONS = 10_000  # questions of all data sets; one temperature needs no more
VALIDATION_BATCH = 32  # photos validated together
QUESTIONS_A_ROW = 8  # of a photo in a row of a block: of 1 to 24 a photo, three fifths of a block were padding
TIE_BREAK = 1e-3  # points of accuracy for a point of log-score: less than one more question right


class VqaTask:
    """Training an answerer on records, validated on the `val` records.

    Call `prepare` first: it decodes the photos or computes their features, and finds those that cannot be opened.

    Args:
        weights: of each data set, as `WeightedRows` has them.
        splits: whose photos are prepared. With `test` among them, `scores("test")` needs no second look at them.
    """

    def __init__(
        self,
        answerer: Answerer,
        records: Sequence[QuestionRecord],
        settings: VqaSettings,
        *,
        epochs: int,
        seed: int,
        cache: Path,
        precision: str = "auto",
        splits: Sequence[str] = ("train", "val"),
        weights: Mapping[str, float] | None = None,
    ):
        self.weights = dict(weights or {})
        self.answerer, self.settings, self.epochs, self.seed = answerer, settings, epochs, seed
        self.records = [r for r in records if r.split in splits and r.answers]
        paths = list(dict.fromkeys(r.image for r in self.records))
        self.row_of = {path: row for row, path in enumerate(paths)}
        self.source = self._open_cache(paths, cache, precision)
        self.tokens = [answerer.vocabulary.encode(r.question) for r in self.records]
        self.targets = [answerer.answers.targets(r.answers) for r in self.records]
        self.model = AnswerLoss(
            answerer.network, finetune_encoder=settings.finetune_encoder, smoothing=settings.smoothing,
            blind=settings.blind, word_dropout=settings.word_dropout,
            teachers=Teachers(settings.teacher, answerer), teacher_weight=settings.teacher_weight,
        )  # fmt: skip
        self._index_questions()

    def _open_cache(self, paths: Sequence[Path], cache: Path, precision: str) -> PhotoCache | ViewCache:
        s, answerer = self.settings, self.answerer
        if s.finetune_encoder:
            return PhotoCache(paths, answerer.preprocessing, cache)
        trained_on = {r.image for r in self.records if r.split == "train"}
        return ViewCache(
            paths, answerer.network.encoder, answerer.preprocessing, cache, precision=precision,
            views=[s.views if path in trained_on else 0 for path in paths], seed=self.seed,
            augment={"smallest": s.smallest_view, "mirror": s.mirror},
        )  # fmt: skip

    def prepare(self) -> Iterator[tuple[int, int]]:
        """(photos done, photos in all), while they are decoded or encoded.

        Raises:
            DataError: nothing is left to train or to validate on.
        """
        for done in self.source.fill():
            yield done, len(self.source)
        self._index_questions()

    def _index_questions(self) -> None:
        """Which questions each photo has, by split. One whose answer cannot be given teaches nothing."""
        self.questions_by_row: dict[str, dict[int, list[int]]] = {}  # split -> photo -> questions
        for question, record in enumerate(self.records):
            row = self.row_of[record.image]
            if row not in self.source.bad and (self.targets[question] or record.split != "train"):
                self.questions_by_row.setdefault(record.split, {}).setdefault(row, []).append(question)
        for split in ("train", "val"):
            if split not in self.questions_by_row:
                raise DataError(
                    f"the data has no {split} photo that can be opened and has a question with an answer in the "
                    "answer set; check it with `training check`."
                )
        self.train_rows = torch.tensor(list(self.questions_by_row["train"]))
        asked_in = {
            row: self.records[questions[0]].data_set for row, questions in self.questions_by_row["train"].items()
        }
        self._order = WeightedRows(asked_in, self.weights, self.seed)
        self.steps = -(-len(self._order(0)) // self.settings.batch)

    def batch(self, epoch: int, step: int, part: slice = WHOLE_BATCH) -> VqaBatch:
        rows = self._order(epoch)[step * self.settings.batch :][: self.settings.batch]
        random = generator(self.seed, "questions", epoch, step)
        drawn = self._chunks([(row, self._sample_questions(row, random)) for row in rows.tolist()])
        asked_of = torch.tensor([row for row, _ in drawn])[part]
        photos = self.source.view(asked_of, epoch) if self.settings.views else self.source[asked_of]
        if self.settings.finetune_encoder:
            photos = self.answerer.preprocessing.normalise(self._views(photos, epoch, step, part, len(drawn)))
        block = (x[part] for x in self._block([questions for _, questions in drawn]))
        return VqaBatch(photos.float(), *block, all_questions=sum(len(questions) for _, questions in drawn))

    def _chunks(self, asked: list[tuple[int, list[int]]]) -> list[tuple[int, list[int]]]:
        """Photos with many questions several times, each with a few of them, so that little of a block is padding.

        Not where the encoder is trained: there a photo costs more than padding does.
        """
        most = self.settings.most_questions if self.settings.finetune_encoder else QUESTIONS_A_ROW
        return [(row, questions[n : n + most]) for row, questions in asked for n in range(0, len(questions), most)]

    def _sample_questions(self, row: int, random: torch.Generator) -> list[int]:
        """The training questions of a photo, as many as a step takes."""
        questions = self.questions_by_row["train"][row]
        order = torch.randperm(len(questions), generator=random)[: self.settings.most_questions]
        return [questions[i] for i in order.tolist()]

    def _views(self, photos: Tensor, epoch: int, step: int, part: slice, batch_size: int) -> Tensor:
        """Fresh looks at these photos, or the photos themselves where nothing about them is to change."""
        s, side, stride = self.settings, photos.shape[2], self.answerer.network.encoder.stride
        size = progressive_size(epoch, self.epochs, first=s.start_size, last=side, stride=stride)
        if s.smallest_view == 1 and not s.mirror and size == side:
            return photos
        whole = {"max_ratio": 1.0, "jitter": 0.0} if s.smallest_view == 1 else {}
        random = generator(self.seed, "views", epoch, step)
        return random_views(
            photos, size, random, smallest=s.smallest_view, mirror=s.mirror, part=part, batch_size=batch_size, **whole
        )

    def _block(self, questions: list[list[int]]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Questions of P photos -> tokens (P, Q, T), lengths (P, Q), answers (P, Q, K) and worth (P, Q, K)."""
        P, Q = len(questions), max(map(len, questions))
        flat = [question for photo in questions for question in photo + [None] * (Q - len(photo))]
        tokens, lengths = map(torch.from_numpy, pad([[] if q is None else self.tokens[q] for q in flat]))
        targets = [{} if q is None else self.targets[q] for q in flat]
        answers = torch.from_numpy(pad([list(t) for t in targets])[0])
        soft_targets = torch.zeros(answers.shape)
        for row, target in zip(soft_targets, targets, strict=True):
            row[: len(target)] = torch.tensor(list(target.values()))
        soft_targets = soft_targets / soft_targets.sum(1, keepdim=True).clamp(min=1e-9)
        return tuple(x.unflatten(0, (P, Q)) for x in (tokens, lengths, answers, soft_targets))

    def fingerprint(self) -> dict[str, Any]:
        network = self.answerer.network
        records = [(r.image.name, r.split, r.question, r.answers) for r in self.records]
        return {
            **asdict(self.settings),
            **asdict(network.settings),
            **encoder_and_photos(network.encoder, self.answerer.preprocessing, self.settings.finetune_encoder),
            "vocabulary": digest(self.answerer.vocabulary.tokens, "words"),
            "answers": digest(self.answerer.answers.answers, "answers"),
            "data": digest(records, "questions"),
            **({"weights": self.weights} if self.weights else {}),
        }

    def lr_scale(self, name: str) -> float:
        return self.settings.encoder_rate if ".encoder." in name else 1.0

    @torch.no_grad()
    def predict(self, split: str) -> Predictions:
        """The model's answers to all questions of a split, with and without the photo."""
        by_row = self.questions_by_row.get(split, {})
        chunks = self._chunks(list(by_row.items()))
        drawn = self._draw_calibration(sum(len(questions) for _, questions in chunks))
        asked, best, calibration_logits, flat = [], ([], []), [], []
        network = self.answerer.network
        for part in (chunks[first : first + VALIDATION_BATCH] for first in range(0, len(chunks), VALIDATION_BATCH)):
            memory = network.start(self._features(torch.tensor([row for row, _ in part])))
            tokens, lengths, *_ = (x.to(network.device) for x in self._block([q for _, q in part]))
            valid = torch.tensor([[n < len(q) for n in range(lengths.shape[1])] for _, q in part])
            drawn_here = drawn[len(asked) :][: valid.sum()]
            asked += [question for _, questions in part for question in questions]
            for blind, found in zip((False, True), best, strict=True):
                blind_rows = torch.full_like(lengths, blind, dtype=torch.bool)
                logits, p = (torch.from_numpy(x)[valid] for x in network.answer(memory, tokens, lengths, blind_rows))
                found += [self.answerer.answers[i] for i in logits.argmax(1).tolist()]
                if not blind:
                    flat.append(entropy(p).flatten())
                    calibration_logits.append(logits[drawn_here])
        mean = torch.cat(flat).mean().item() if flat and len(flat[0]) else None
        return Predictions([self.records[q] for q in asked], *best, drawn, torch.cat(calibration_logits), mean)

    def _draw_calibration(self, questions: int) -> Tensor:
        """bool (questions,): true for `CALIBRATION_QUESTIONS` of them, drawn by the seed; for all where fewer."""
        drawn = torch.zeros(questions, dtype=torch.bool)
        drawn[torch.randperm(questions, generator=generator(self.seed, "calibration"))[:CALIBRATION_QUESTIONS]] = True
        return drawn

    def _features(self, rows: Tensor) -> Tensor:
        photos = self.source[rows]
        if self.settings.finetune_encoder:
            photos = self.answerer.encode(self.answerer.preprocessing.normalise(photos))
        return photos.float().to(self.answerer.network.device)

    def validate(self) -> dict[str, float]:
        """Scores of the `val` questions; accuracy decides, and of equals the model that is surer of what is right.

        The temperature and the threshold are chosen here.

        The calibration error is measured on the questions that the one temperature was chosen on.
        """
        predictions = self.predict("val")
        self.samples = [{"image": str(r.image), "question": r.question, "answer": answer}
                        for r, answer in zip(predictions.records, predictions.answers, strict=True)]  # fmt: skip
        correct = predictions.accuracies(predictions.answers)[predictions.drawn]
        self.answerer.temperature = fit_temperature(predictions.logits, correct)
        self.answerer.threshold = fit_threshold(confidence(predictions.logits, self.answerer.temperature), correct)
        scores = predictions.scores(self.answerer.temperature)
        tie_break = TIE_BREAK * log_score(confidence(predictions.logits, 1.0), correct).item()
        return {"score": scores["accuracy"] + tie_break, **scores, "attention_entropy": predictions.attention_entropy}

    def alarms(self, scores: dict[str, float] | None) -> list[Alarm]:
        if scores is None:
            return photo_alarms(list(self.row_of))
        blind = not self.answerer.network.head.photo  # as it is meant to be
        return [] if blind else answer_alarms(scores, sum(map(len, self.questions_by_row["val"].values())))

    def scores(self, split: str) -> dict[str, float]:
        """Scores of a split, with the temperature that validation chose: 0-100, the calibration error 0..1."""
        predictions = self.predict(split)
        return predictions.scores(self.answerer.temperature) | predictions.plain_scores()

    def save(self, folder: Path, scores: dict) -> None:
        self.answerer.about["validation"] = scores
        self.answerer.save(folder)

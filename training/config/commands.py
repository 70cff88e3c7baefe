"""The config of each command of `python -m training`. What a command does is the first paragraph of its docstring."""

# ruff: noqa: RUF009 (groups are frozen: a default can be shared)

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from runtime.errors import SettingError

from .data import CaptionData, ClassFolders, ColumnSettings, QuestionData, QuestionTrainingData
from .fit import FitSettings
from .model import CaptionerModel, VqaModel
from .options import Config
from .run import OutputSettings, RunSettings
from .task import CaptionSettings, EncoderSettings, VqaSettings

NO_FEATURES = (
    "--cache-engine ray computes what frozen layers make of photos, and with --finetune-encoder none are frozen; leave "
    "one of them out, or, of a captioner, add --trainable-layers and --views."
)


@dataclass(frozen=True, kw_only=True)
class CaptionerConfig(Config):
    """Train a captioner on photos with captions. The best by CIDEr on the val split is kept in OUT/best."""

    data: CaptionData
    run: RunSettings
    model: CaptionerModel = CaptionerModel()
    task: CaptionSettings = CaptionSettings()
    fit: FitSettings = FitSettings(patience=5)

    def __post_init__(self):
        if self.run.cache_engine and self.task.finetune_encoder and not self.task.views:
            raise SettingError(NO_FEATURES)
        if self.task.objective == "cider" and not self.model.start_from:
            raise SettingError(
                "--objective cider goes on with a captioner that captions have trained; give it as --start-from."
            )


@dataclass(frozen=True, kw_only=True)
class VqaConfig(Config):
    """Train a VQA model on photos with questions. Or with captions: questions are made of them. The best by accuracy on
    the val split is kept in OUT/best.
    """

    # Options that go together, for a data set where others than the defaults are known to work.
    PRESETS: ClassVar = {
        "easy-vqa": {
            "encoder": "tiny", "finetune_encoder": True, "encoder_rate": 1.0, "image_size": 64, "smallest_view": 1.0,
            "mirror": True, "embedding": 64, "hidden": 128, "attention": 64, "fused": 256, "dropout": 0.0,
            "min_count": 1, "min_answers": 1, "epochs": 24, "batch": 64, "learning_rate": 3e-3, "warmup": 0.2,
            "patience": 0,
        },
        "daquar": {
            "start_from": "bundled-vqa", "min_answers": 1, "epochs": 5, "batch": 8, "learning_rate": 3e-4,
            "weight_decay": 0.05, "smoothing": 0.1, "ema": 0.99, "patience": 0,
        },
    }  # fmt: skip

    data: QuestionTrainingData
    run: RunSettings
    model: VqaModel = VqaModel()
    task: VqaSettings = VqaSettings()
    fit: FitSettings = FitSettings(patience=5)

    def __post_init__(self):
        model, trained = self.model, self.task.finetune_encoder
        if model.encoder and model.encoder_weights in (None, "none") and not trained:
            raise SettingError(
                f"a {model.encoder} of random weights that is not trained sees nothing; add --finetune-encoder, or "
                "give --encoder-weights."
            )
        if self.run.cache_engine and trained:
            raise SettingError(NO_FEATURES)
        if model.share_encoder and trained:
            raise SettingError("--share-encoder keeps the encoder as it is; leave out --finetune-encoder.")


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(Config):
    """Pretrain an image encoder on photos sorted by class. DATA has a folder of photos for each class."""

    data: ClassFolders
    run: OutputSettings
    task: EncoderSettings = EncoderSettings()
    fit: FitSettings = FitSettings(epochs=8, learning_rate=0.2, optimiser="sgd", weight_decay=5e-4, warmup=0.2)


@dataclass(frozen=True, kw_only=True)
class CheckConfig(Config):
    """Look through a data set before training on it. Says what is there, what is wrong, and what it will take.

    Attributes:
        data: the data set; of questions, there may be several.
        format: of the data; see docs/data.md [default: found by looking].
        kind: `captions` or `questions` [default: what DATA has; captions of both].
        start_from: the model that would be trained [default: bundled-captioner, or a new VQA model on its encoder].
        encoder: a new model on this backbone instead.
        image_size: side of the photos [default: the model's, or 224].
        finetune_encoder: as if the encoder were trained too.
        batch: photos a step.
        min_count: a word must occur this often to be learnt [default: 5; of questions 2].
        quick: open no photo and measure nothing.
        json: one JSON object on standard output.
    """

    data: tuple[Path, ...] = field(metadata={"positional": True})
    format: str | None = None
    kind: str | None = None
    start_from: str | None = None
    encoder: str | None = None
    image_size: int | None = None
    finetune_encoder: bool = False
    batch: int = 32
    min_count: int | None = None
    quick: bool = False
    json: bool = False
    columns: ColumnSettings = ColumnSettings()

    def __post_init__(self):
        self._require_one_of("kind", "captions", "questions")
        if self.encoder and self.start_from:
            raise SettingError("--start-from goes on with that model's encoder; leave out --encoder.")


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(QuestionData):
    """Score a model on a split it was not trained on.

    Attributes:
        model: a model folder, bundled-captioner or bundled-vqa.
        split: `train`, `val` or `test`.
        beam: of captions: beam width; 1 is greedy.
        length_penalty: of captions: rank by log-probability / length ** this.
        engine: `onnx`, `onnx-int8` or `torch`.
        calibrate: of a VQA model: first choose its temperature, and what it calls sure, on this split, and write both
            into its config.json. Needed after its weights were averaged; training does it by itself.
        record: write the scores into the model's config.json.
        json: one JSON object on standard output.
    """

    model: str = field(metadata={"positional": True})
    split: str = "test"
    engine: str = "torch"
    beam: int = 3
    length_penalty: float = 0.7
    calibrate: bool = False
    record: bool = False
    json: bool = False

    def __post_init__(self):
        self._require_at_least(1, "beam")
        self._require_one_of("engine", "onnx", "onnx-int8", "torch")
        if self.calibrate and self.split != "val":
            raise SettingError(
                f"--calibrate on the {self.split} split would make its scores too good; add --split val."
            )


@dataclass(frozen=True, kw_only=True)
class ExportConfig(Config):
    """Make a model's ONNX graphs: it is then used without PyTorch, sooner and in less memory.

    Attributes:
        model: a model folder, bundled-captioner or bundled-vqa.
        out: folder for a copy of the model with graphs [default: MODEL].
        photos: folder of photos to compare on [default: Gradio's examples].
        int8: make graphs in 8 bits too, for --engine onnx-int8: faster; what they say may differ.
        data: with --int8, what the model was trained on; ranges are taken from its training photos. May be several.
    """

    model: str = field(metadata={"positional": True})
    out: Path | None = field(default=None, metadata={"positional": True})
    photos: Path | None = None
    int8: bool = False
    data: tuple[Path, ...] = ()

    def __post_init__(self):
        if self.data and not self.int8:
            raise SettingError("--data is what --int8 looks at; add --int8, or leave out --data.")


@dataclass(frozen=True, kw_only=True)
class StudyConfig(Config):
    """Measure what the lectures say of recurrent networks. Call it again to go on where it was stopped.

    Attributes:
        name: gradients, reach, odyssey or choices; the last two train captioners on --data.
        out: folder of table.md, table.csv, figure.png; what is done in it is kept.
        hidden: size of the recurrent state [default: the study's own, as of all that follow].
        steps: steps of training, at most.
        seeds: how many networks of each kind.
        data: photos with captions.
        photos: photos to train on.
        epochs: passes over them.
    """

    name: str = field(metadata={"positional": True})
    out: Path
    hidden: int | None = None
    steps: int | None = None
    seeds: int | None = None
    data: Path | None = None
    photos: int | None = None
    epochs: int | None = None

    def __post_init__(self):
        self._require_at_least(1, "hidden", "steps", "seeds", "photos", "epochs")


@dataclass(frozen=True, kw_only=True)
class ShareConfig(Config):
    """Write a model folder of half the size to give to others. Its weights are in half precision.

    Attributes:
        model: a trained model's folder.
        out: the folder to write.
        note: on data, terms and licence; kept in the folder's config.json.
        image_size: side of the photos that a captioner will take, if other than it was trained on. Somewhat larger ones
            often serve it better, since random views show things larger than they are (Touvron et al. 2019).
        photo_side: the shorter side of the photos it was trained on, in pixels. Larger ones are then halved while they
            keep as much, which is faster [default: one and a half times the image size].
        average: other models that were trained on from this one, or it from them; the mean of all their weights is
            often better than each (Wortsman et al. 2022). May be several.
        overwrite: replace the model that OUT holds.
    """

    model: str = field(metadata={"positional": True})
    out: Path = field(metadata={"positional": True})
    note: str = ""
    image_size: int | None = None
    photo_side: int | None = None
    average: tuple[str, ...] = ()
    overwrite: bool = False

    def __post_init__(self):
        for name in ("image_size", "photo_side"):
            if getattr(self, name) is not None:
                self._require_at_least(1, name)

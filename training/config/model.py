"""The model that is trained: the one it goes on from, or the parts and sizes of a new one."""

from dataclasses import dataclass
from typing import Any, ClassVar

from runtime.errors import SettingError

from .options import Config

FITS = ("squash", "crop", "pad")
# The fields of `encoders.recurrent.RecurrentSettings`, which says what makes sense; to import it takes PyTorch.
RECURRENT = ("cell", "variant", "layers", "forget_bias", "highway", "init", "initial_state", "truncate")


@dataclass(frozen=True, kw_only=True)
class ModelSettings(Config):
    """What a captioner and a VQA model have in common. `NEW`: options of a new model, which a trained one has fixed.

    Attributes:
        start_from: a trained model to go on from: its folder, or the bundled one's name.
        encoder: backbone: compact, resnet18/34/50/101, mobilenet_v3_large, efficientnet_v2_s, convnext_tiny, vgg19,
            efficientnet_lite0/1/2, or timm/NAME [default: resnet18].
        encoder_weights: `imagenet`, `none`, or a file or folder of trained weights.
        stride: pixels a grid cell covers, 16 or 32 [default: 16].
        image_size: side of the photos [default: that of the model or encoder it starts from, or 224].
        fit: how a photo becomes square: squash, crop or pad [default: as of the model or encoder it starts from, or
            squash].
        cell: `lstm`, `gru` or `rnn`.
        variant: of the cell, names with commas between. lstm: no-input-gate, no-forget-gate, no-output-gate,
            no-input-activation, no-output-activation, peepholes, coupled, full-gate-recurrence; gru: update-takes-new,
            reset-before.
        layers: recurrent layers.
        forget_bias: where an lstm's forget gate starts [default: 1].
        highway: a highway layer between each two recurrent layers.
        init: how recurrent matrices start: uniform, orthogonal or glorot.
        initial_state: of the recurrent state: zero or learnt.
        truncate: gradients go back through at most so many words; 0: through all.
        hidden: size of the recurrent state.
        embedding: size of a word's vector.
        attention: size of the attention's inner layer.
        unit: `word` or `character`.
        min_count: a word must occur this often to be learnt.
        max_size: most words to learn.
    """

    NEW: ClassVar = ("encoder", "encoder_weights", "stride", *RECURRENT, "hidden", "embedding", "attention", "unit",
                     "max_size")  # fmt: skip

    start_from: str | None = None
    encoder: str | None = None
    encoder_weights: str | None = None
    stride: int | None = None
    image_size: int | None = None
    fit: str | None = None
    cell: str = "lstm"
    variant: str = ""
    layers: int = 1
    forget_bias: float | None = None
    highway: bool = False
    init: str = "uniform"
    initial_state: str = "zero"
    truncate: int = 0
    hidden: int = 512
    embedding: int = 512
    attention: int = 512
    unit: str = "word"
    min_count: int = 5
    max_size: int | None = None

    def __post_init__(self):
        fixed = self._non_default(*self.NEW) if self.start_from else ()
        if fixed:
            raise SettingError(f"--start-from goes on with that model as it is; leave out {', '.join(fixed)}.")
        self._require_at_least(1, "stride", "image_size", "layers", "hidden", "embedding", "min_count", "max_size")
        self._require_one_of("fit", *FITS)
        self._require_one_of("unit", "word", "character")

    @property
    def recurrent(self) -> dict[str, Any]:
        """Which recurrent network: arguments of `encoders.recurrent.RecurrentSettings`."""
        return {name: getattr(self, name) for name in RECURRENT}


@dataclass(frozen=True, kw_only=True)
class CaptionerModel(ModelSettings):
    """The captioner to train.

    Attributes:
        start_from: a captioner to go on from: its folder, or bundled-captioner.
        initial_state: of the recurrent state: photo, zero or learnt.
        attention: size of the attention's inner layer; 0: no attention, but the photo's mean at every word.
        projection: project each cell's features to this size first; 0: as they are.
        dropout: in the decoder [default: START_FROM's, or 0.3].
    """

    NEW: ClassVar = (*ModelSettings.NEW, "projection")

    encoder_weights: str = "none"
    initial_state: str = "photo"
    projection: int = 0
    dropout: float | None = None

    def __post_init__(self):
        super().__post_init__()
        self._require_at_least(0, "attention", "projection")
        self._require_fraction("dropout")


@dataclass(frozen=True, kw_only=True)
class VqaModel(ModelSettings):
    """The VQA model to train.

    Attributes:
        start_from: a VQA model to go on from: its folder, or bundled-vqa.
        encoder: backbone, as of `training captioner`; from random weights unless --encoder-weights.
        encoder_weights: `imagenet`, `none`, or a file or folder of trained weights [default: bundled-captioner].
        share_encoder: do not store the encoder again: use the bundled captioner's.
        pooling: `mean` of the photo, or where the question looks: `glimpse`, `two-glimpses`.
        fusion: of question and photo: concat, product or low-rank.
        fused: size of what comes of it.
        dropout: in the question encoder and the head.
        photo: without it, a model that answers from the question alone.
        most_answers: most answers to learn.
        min_answers: an answer must be right this often to be learnt.
    """

    NEW: ClassVar = (*ModelSettings.NEW, "pooling", "fusion", "fused", "dropout", "photo")

    embedding: int = 256
    attention: int = 256
    min_count: int = 2
    share_encoder: bool = False
    pooling: str = "glimpse"
    fusion: str = "concat"
    fused: int = 512
    dropout: float = 0.3
    photo: bool = True
    most_answers: int | None = 3000
    min_answers: float = 2

    def __post_init__(self):
        super().__post_init__()
        self._require_at_least(1, "attention", "fused", "most_answers")
        self._require_positive("min_answers")
        self._require_fraction("dropout")

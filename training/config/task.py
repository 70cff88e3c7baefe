"""What a model is trained to do, and on what views of the photos."""

from dataclasses import dataclass

from runtime.errors import SettingError

from .model import FITS
from .options import Config


@dataclass(frozen=True, kw_only=True)
class TaskSettings(Config):
    """What training a captioner and a VQA model have in common.

    Attributes:
        finetune_encoder: train the encoder too, on augmented photos; else it is frozen and its features are cached.
        encoder_rate: the encoder's learning rate, as a share of that of the rest.
        batch: photos a step; each is encoded once for all its texts.
        smoothing: label smoothing (Szegedy et al. 2016).
        word_dropout: share of the given words that are replaced by <unk>.
        views: cache so many random views of each training photo, as the frozen layers see them; an epoch trains on one
            of them. 0: a frozen encoder sees the photo as it is, a trained one a new view every epoch.
        start_size: side of the views in the first epochs; it grows to --image-size. 0: that throughout.
        smallest_view: least part of a photo's area that an augmented view shows.
        mirror: mirror photos at random. Only where no text says left or right.
    """

    finetune_encoder: bool = False
    encoder_rate: float = 0.1
    batch: int = 32
    smoothing: float = 0.0
    word_dropout: float = 0.0
    views: int = 0
    start_size: int = 0
    smallest_view: float = 0.6
    mirror: bool = False

    def __post_init__(self):
        self._require_at_least(1, "batch")
        self._require_at_least(0, "start_size", "views")
        self._require_positive("encoder_rate")
        self._require_fraction("smoothing", "word_dropout")
        _check_smallest_view(self.smallest_view)
        if self.start_size and not self.finetune_encoder:
            raise SettingError("a frozen encoder sees the photos in one size; leave out --start-size, or add "
                               "--finetune-encoder.")  # fmt: skip
        if self.views and self.start_size:
            raise SettingError("cached views have one size; leave out --start-size, or --views.")


@dataclass(frozen=True, kw_only=True)
class CaptionSettings(TaskSettings):
    """How a captioner is trained.

    Attributes:
        objective: `likelihood` of people's captions, or `cider`: self-critical training of an already trained one.
        trainable_layers: of the encoder, train only so many of its last layers, counted as by torchvision's detectors;
            those before stay as they are, normalisation statistics too, which is faster. 0: all.
        most_captions: of one photo in one step; of more, others are drawn every epoch.
        look_everywhere: weight λ of the doubly-stochastic attention penalty mean (1 − Σ_t p)² (Xu et al. 2015).
        scheduled_sampling: share of given words that the model draws itself, at the end; it grows linearly from 0
            (Bengio et al. 2015).
        samples: captions found for each photo with --objective cider.
        beam: beam width in validation.
    """

    smoothing: float = 0.1
    mirror: bool = True
    objective: str = "likelihood"
    trainable_layers: int = 0
    most_captions: int = 8
    look_everywhere: float = 0.0
    scheduled_sampling: float = 0.0
    samples: int = 5
    beam: int = 3

    def __post_init__(self):
        super().__post_init__()
        self._require_at_least(1, "most_captions", "beam")
        self._require_at_least(0, "trainable_layers", "look_everywhere")
        self._require_fraction("scheduled_sampling")
        self._require_one_of("objective", "likelihood", "cider")
        if self.samples < 2:
            raise SettingError(f"samples is {self.samples}; each caption is compared with the others, so find at "
                               "least 2.")  # fmt: skip
        if self.objective == "cider":
            idle = self._non_default("word_dropout", "scheduled_sampling", "look_everywhere")
            if idle:
                raise SettingError("the cider objective trains on captions that the model finds itself; "
                                   f"leave out {', '.join(idle)}.")  # fmt: skip
        if self.trainable_layers and not self.finetune_encoder:
            raise SettingError("--trainable-layers is of an encoder that is trained; add --finetune-encoder.")
        if self.views and self.finetune_encoder and not self.trainable_layers:
            raise SettingError("views are what frozen layers see; add --trainable-layers, or leave out --views.")


@dataclass(frozen=True, kw_only=True)
class VqaSettings(TaskSettings):
    """How a VQA model is trained.

    Attributes:
        most_questions: of one photo in one step; of more, others are drawn every epoch.
        blind: share of the questions that are asked without their photo, so that the model also learns what can be
            answered without one.
        teacher: a trained VQA model on the same encoder, of which the new one learns what it would answer. May be
            several.
        teacher_weight: share of the loss that is the teachers'; the rest is people's answers.
    """

    most_questions: int = 24
    blind: float = 0.1
    teacher: tuple[str, ...] = ()
    teacher_weight: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        self._require_at_least(1, "most_questions")
        self._require_fraction("blind", "teacher_weight")
        if self.teacher and self.finetune_encoder:
            raise SettingError("a teacher looks through the encoder it was trained on; leave out --finetune-encoder, "
                               "or --teacher.")  # fmt: skip
        if not self.teacher and self._non_default("teacher_weight"):
            raise SettingError("--teacher-weight is of a teacher; add --teacher, or leave it out.")
        if self.views and self.finetune_encoder:
            raise SettingError("a trained encoder sees a new view of a photo every epoch; leave out --views.")


@dataclass(frozen=True, kw_only=True)
class EncoderSettings(Config):
    """What encoder is pretrained, and on what views.

    Attributes:
        encoder: backbone: compact, resnet18/34/50/101, mobilenet_v3_large, efficientnet_v2_s, convnext_tiny or vgg19.
        stride: pixels a grid cell covers, 16 or 32.
        image_size: side of the photos, in pixels, at the end of training.
        start_size: side in the first epochs; it grows to --image-size. 0: that throughout.
        fit: how a photo becomes square: squash, crop or pad.
        batch: photos a step.
        hold_out: share of the photos kept for validation, drawn by seed within the whole set.
        smoothing: label smoothing (Szegedy et al. 2016).
        smallest_view: least part of a photo's area that an augmented view shows.
    """

    encoder: str = "compact"
    stride: int = 16
    image_size: int = 64
    start_size: int = 0
    fit: str = "squash"
    batch: int = 128
    hold_out: float = 0.02
    smoothing: float = 0.1
    smallest_view: float = 0.35

    def __post_init__(self):
        self._require_at_least(1, "stride", "image_size", "batch")
        self._require_at_least(0, "start_size")
        self._require_positive("hold_out")
        self._require_fraction("hold_out", "smoothing")
        self._require_one_of("fit", *FITS)
        _check_smallest_view(self.smallest_view)


def _check_smallest_view(share: float) -> None:
    if not 0 < share <= 1:
        raise SettingError(f"smallest_view is {share}; choose a share above 0, up to 1.")

"""Faults put into the source one at a time: of each, a test must fail. Run by hand.

    python tests/mutations.py [NAME ...]

Works on a copy of the tracked files, so the checkout stays as it is. Prints a line a mutation; exit status 1 where one
survives, that is, where no test sees it.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Mutation:
    """In `file`, `before` becomes `after`; one of `tests` has to notice.

    Attributes:
        before: text that is once in the file.
        tests: arguments of pytest, the smallest that are enough.
    """

    name: str
    file: str
    before: str
    after: str
    tests: str


GRAPHS, PRODUCTS = "tests/runtime/test_onnx_graphs.py", "tests/runtime/test_onnx_products.py"
LOSSES, OPTIONS = "tests/training/tasks/test_losses.py", "tests/training/tasks/test_options_count.py"
OBJECTS = "tests/training/questions/test_object_questions.py"
LOOP, SEARCH = "tests/training/loop/test_loop.py", "tests/captioner/test_search.py"
TEACHERS = "tests/training/tasks/test_teachers.py"

MUTATIONS = [
    Mutation("self-critical target shifted by one", "training/tasks/caption_losses.py",
             "words = own.tokens[:, :, 1:][own.valid]", "words = own.tokens[:, :, :-1][own.valid]", LOSSES),
    Mutation("self-critical baseline left out", "training/tasks/caption_losses.py",
             "advantage = (rewards - baseline)", "advantage = (rewards - 0 * baseline)", LOSSES),
    Mutation("label smoothing left out", "training/tasks/caption_losses.py",
             "label_smoothing=self.smoothing, ", "label_smoothing=0.0, ", LOSSES),
    Mutation("attention penalty over all captions, those that are not there too", "training/tasks/caption_losses.py",
             "looked[batch.lengths > 0]", "looked.flatten(0, 1)", LOSSES),
    Mutation("scheduled sampling at once", "training/tasks/caption_losses.py",
             "self.scheduled_sampling * batch.progress", "self.scheduled_sampling", LOSSES),
    Mutation("soft targets made equal", "training/tasks/answer_loss.py",
             "loss = -(soft_targets * log_p", "loss = -((soft_targets > 0) * log_p", LOSSES),
    Mutation("no question without its photo", "training/tasks/answer_loss.py",
             "batch.lengths.shape, device=tokens.device) < self.blind",
             "batch.lengths.shape, device=tokens.device) < 0", LOSSES),
    Mutation("learning rate constant", "training/loop/fit.py",
             "self.settings.rate(self.state.step / self.total) * group", "self.settings.learning_rate * group", LOOP),
    Mutation("no average of the weights", "training/loop/fit.py",
             "self.ema.update(self.state.step)", "pass", "tests/training/loop/test_ema.py"),
    Mutation("no weight decay", "training/loop/optimiser.py",
             "settings.weight_decay if parameter.ndim > 1 else 0.0", "0.0", LOOP),
    Mutation("biases decay too", "training/loop/optimiser.py",
             "settings.weight_decay if parameter.ndim > 1 else 0.0", "settings.weight_decay", LOOP),
    Mutation("encoder at the rate of the rest", "training/tasks/captioner.py",
             'return self.settings.encoder_rate if', "return 1.0 if", f"{OPTIONS} -k rate_of_its_own"),
    Mutation("view ratio left out", "training/caches/augment.py",
             "torch.log(torch.tensor(max_ratio)) / 2", "0", f"{OPTIONS} -k stretched"),
    Mutation("word dropout left out", "training/tasks/answer_loss.py",
             "< self.word_dropout", "< 0", "tests/training/tasks/test_vqa_training.py -k word_dropout"),
    Mutation("attention size left out", "training/tasks/start.py",
             "attention_size=config.attention,", "", f"{OPTIONS} -k option_of_a_captioner_changes"),
    Mutation("hidden size left out", "training/tasks/start_vqa.py",
             "question_size=config.hidden, ", "", f"{OPTIONS} -k option_of_a_vqa_model_changes"),
    Mutation("vocabulary not in the fingerprint", "training/tasks/captioner.py",
             '"vocabulary": digest(', '"vocabulary size": len(', "tests/training/tasks/test_fingerprint.py"),
    Mutation("calibrated on the first questions", "training/tasks/vqa.py",
             'torch.randperm(questions, generator=generator(self.seed, "calibration"))', "torch.arange(questions)",
             "tests/training/tasks/test_vqa_training.py -k calibration"),
    Mutation("questions past the first row left out", "training/tasks/vqa.py",
             "for n in range(0, len(questions), most)]", "for n in range(0, min(1, len(questions)), most)]",
             "tests/training/tasks/test_vqa_training.py -k several_rows"),
    Mutation("one seed of questions", "training/questions/generate.py",
             "range(2, seeds + 1)", "range(2, 2)",
             "tests/training/questions/test_generated_questions.py -k more_seeds"),
    Mutation("held-out photos asked more", "training/questions/generate.py",
             'generate_questions(dataset.split("train"), seed)', "generate_questions(dataset.records, seed)",
             "tests/training/questions/test_generated_questions.py -k more_seeds"),
    Mutation("what is seen not dropped", "vqa/head.py",
             "v = dropout(v, self.dropout, self.training)", "pass", "tests/vqa/test_vqa_head.py -k dropout"),
    Mutation("generate seeds ignored", "training/commands/vqa.py",
             "seeds=data.generate_seeds", "seeds=1", "tests/vqa/test_vqa_command.py -k seeds"),
    Mutation("teachers asked in the student's ids", "training/tasks/teachers.py",
             "self.words[tokens], lengths", "tokens, lengths", f"{TEACHERS} -k in_the_student_s_words"),
    Mutation("teachers' temperature left out", "training/tasks/teachers.py",
             "(logits.float() / self.temperature)", "logits.float()", f"{TEACHERS} -k it_shows"),
    Mutation("teachers asked with words dropped", "training/tasks/answer_loss.py",
             "self.teachers(features, batch.tokens", "self.teachers(features, tokens", f"{TEACHERS} -k dropped_words"),
    Mutation("teachers' share left out", "training/tasks/answer_loss.py",
             "loss = (1 - self.teacher_weight) * loss", "loss = loss", f"{TEACHERS} -k shared_between"),
    Mutation("the photos' own side forgotten", "encoders/preprocessing.py",
             "self.photo_side or self.size", "self.size", "tests/encoders/test_images.py -k detail"),
    Mutation("photos cached for another filter", "training/caches/photos.py",
             'name not in ("mean", "std")', 'name in ("size", "fit")', "tests/training/caches/test_caches.py -k photo"),
    Mutation("rows in 8 bits by the largest of all", "runtime/onnx_products.py",
             "ReduceMax <axes = [-1], keepdims = 1>", "ReduceMax <keepdims = 1>", PRODUCTS),
    Mutation("calibrated on the least likely answers", "training/tasks/calibration.py",
             "look.logits([record.question for record in asked[photo]])",
             "-look.logits([record.question for record in asked[photo]])",
             "tests/training/tasks/test_vqa_training.py -k calibrated_on"),
    Mutation("a preset wins over what is given", "training/config/options.py",
             "{**cls.PRESETS.get(preset, {}), **given}", "{**given, **cls.PRESETS.get(preset, {})}",
             "tests/training/config/test_config.py -k preset"),
    Mutation("nothing saved between epochs", "training/loop/fit.py",
             "elif run.since_save > 60 * settings.save_minutes:", "elif False:", LOOP),
    Mutation("the same randomness whatever the seed", "training/loop/fit.py",
             'derive_seed(self.settings.seed, "step"', 'derive_seed(0, "step"', LOOP),
    Mutation("gradients not clipped", "training/loop/fit.py",
             '"max_norm": self.settings.clip', '"max_norm": 1e9', LOOP),
    Mutation("training in 32 bits whatever is asked", "training/loop/fit.py",
             '"bf16-mixed" if bf16 else "32-true"', '"32-true"', LOOP),
    Mutation("features in the processor's own precision", "training/caches/features.py",
             'self.exact = precision == "32" or not', "self.exact = not",
             "tests/training/caches/test_caches.py -k precision"),
    Mutation("length penalty of evaluate left out", "training/commands/evaluate.py",
             "beam=config.beam, length_penalty=config.length_penalty", "beam=config.beam",
             "tests/training/commands/test_training_command.py -k evaluate_searches"),
    Mutation("padded photo with height and width swapped", "encoders/preprocessing.py",
             "width, height = (max(1,", "height, width = (max(1,", "tests/encoders/test_images.py"),
    Mutation("middle of a photo with left and top swapped", "encoders/preprocessing.py",
             "return left, top, left + side, top + side", "return top, left, top + side, left + side",
             "tests/encoders/test_images.py"),
    Mutation("means of the channels the other way round", "encoders/preprocessing.py",
             "for x in (self.mean, self.std))", "for x in (self.mean[::-1], self.std))",
             "tests/encoders/test_images.py"),
    Mutation("beam of the least likely words", "captioner/search.py",
             "lambda one: -one[0]", "lambda one: one[0]", SEARCH),
    Mutation("beam stops by the best ended sentence alone", "captioner/search.py",
             "sorted(ended, reverse=True)[n - 1]", "max(ended)", SEARCH),
    Mutation("beam's rows not put in the order chosen", "captioner/state.py",
             "self.recurrent[flat]", "self.recurrent[: len(flat)]", "tests/captioner/test_captioner.py"),
    Mutation("ONNX decoder keeps its first state", "captioner/onnx_engine.py",
             "state.keys, recurrent, p)", "state.keys, state.recurrent, p)", "tests/captioner/test_captioner_onnx.py"),
    Mutation("ONNX answers never without the photo", "vqa/onnx_engine.py",
             "np.zeros(lengths.shape, bool) if blind is None else blind", "np.zeros(lengths.shape, bool)",
             "tests/vqa/test_vqa_onnx.py"),
    Mutation("ONNX questions in the order of their words", "vqa/onnx_engine.py",
             "place[question] for question in asked", "place[question] for question in sorted(asked)",
             "tests/vqa/test_vqa_onnx.py"),
    Mutation("ONNX weights read from the wrong place", "runtime/onnx_export.py",
             '("offset", start + begin)', '("offset", start)', "tests/captioner/test_captioner_onnx.py"),
    Mutation("answers read from the column of questions", "training/readers/columns.py",
             "answer=one(columns.answer, _ANSWERS)", "answer=one(columns.answer, _QUESTIONS)",
             "tests/training/readers/test_readers_questions.py"),
    Mutation("split column left out", "training/readers/columns.py",
             'split=one(columns.split, ("split",))', "split=None", "tests/training/readers/test_columns.py"),
    Mutation("COCO's captions under the ids of their own", "training/readers/coco.py",
             'with_ids(annotations, "image_id"', 'with_ids(annotations, "id"',
             "tests/training/readers/test_readers_captions.py -k coco"),
    Mutation("photos shrunk by the filter that enlarges", "encoders/preprocessing.py",
             "self.shrinking if side > wanted else self.interpolation", "self.interpolation",
             "tests/encoders/test_images.py"),
    Mutation("photos enlarged by the filter that shrinks", "encoders/preprocessing.py",
             "photo.resize((width, height), down)", "photo.resize((width, height), across)",
             "tests/encoders/test_images.py"),
    Mutation("a turned photo keeps its EXIF", "encoders/decoding.py",
             "turned.info.pop(name, None)", "pass", "tests/encoders/test_images.py"),
    Mutation("rows in 8 bits with too small a zero", "runtime/onnx_products.py",
             "value_float = 128.0", "value_float = 100.0", PRODUCTS),
    Mutation("another first sentence where more are asked for", "captioner/search.py",
             "_is_done(found[item], active, 1,", "_is_done(found[item], active, settings.n,", SEARCH),
    Mutation("tables that no file holds left without memory", "runtime/checkpoint.py",
             "return make() if {", "return module if {", "tests/runtime/test_checkpoint.py"),
    Mutation("marks of scripts never looked for", "encoders/text.py",
             "marks=not text.isascii()", "marks=False", "tests/encoders/test_text.py"),
    Mutation("weights in 8 bits by the largest of all", "runtime/onnx_products.py",
             "ReduceMax <axes = [1], keepdims = 1>", "ReduceMax <keepdims = 1>", PRODUCTS),
    Mutation("sums of 8 bits cut off where a processor does that", "runtime/onnx_graphs.py",
             '"session.x64quantprecision", "1"', '"session.x64quantprecision", "0"', GRAPHS),
    Mutation("a processor that cuts sums off not found", "runtime/onnx_graphs.py",
             "np.full((1, 4), 255, np.uint8)", "np.full((1, 4), 25, np.uint8)", GRAPHS),
    Mutation("normalisation folded without its epsilon", "encoders/onnx_int8.py",
             "v = Add(variance, e)", "v = Mul(variance, e)", "tests/encoders/test_onnx_int8.py"),
    Mutation("a bias times its scale", "encoders/onnx_int8.py",
             "units = Div(b, scale)", "units = Mul(b, scale)", "tests/encoders/test_onnx_int8.py"),
    Mutation("a bias rounded where a channel has no weights", "encoders/onnx_int8.py",
             "unit = Max(largest, least, tiny)", "unit = Max(largest, tiny)", "tests/encoders/test_onnx_int8.py"),
    Mutation("8 bits asked for and not used", "runtime/onnx_graphs.py",
             "if int8 and int8_graph(name) in about", "if int8 and name in about",
             "tests/training/tasks/test_export_int8.py"),
    Mutation("left and right of a label swapped", "training/questions/objects.py",
             '(("left", -1), ("right", 1))', '(("left", 1), ("right", -1))', OBJECTS),
    Mutation("a no of a photo that shows the thing", "training/questions/objects.py",
             "record.split == split and name not in names[i]]", "record.split == split]", OBJECTS),
    Mutation("small things counted", "training/questions/objects.py",
             "min(label.area for label in labels) >= COUNTED", "True", OBJECTS),
    Mutation("a box's corner taken for its centre", "training/readers/coco_objects.py",
             "(left + width / 2) / across", "left / across", "tests/training/readers/test_coco_objects.py"),
    Mutation("a box's width measured by the photo's height", "training/readers/coco_objects.py",
             "width / across, height / down", "width / down, height / across",
             "tests/training/readers/test_coco_objects.py"),
    Mutation("labels of held-out photos trained on", "training/tasks/question_data.py",
             'for record in records if record.split == "train"], made', "for record in records], made",
             "tests/training/tasks/test_question_data.py"),
]  # fmt: skip


def copy(target: Path) -> None:
    """The files of the checkout that git knows, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def survives(mutation: Mutation, folder: Path) -> bool:
    """Whether the tests pass in spite of it."""
    file = folder / mutation.file
    source = file.read_text(encoding="utf-8")
    if source.count(mutation.before) != 1:
        raise SystemExit(
            f"{mutation.name}: {mutation.before!r} is not once in {mutation.file}; mend tests/mutations.py."
        )
    file.write_text(source.replace(mutation.before, mutation.after), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *_words(mutation.tests)]
    done = subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}, capture_output=True)
    file.write_text(source, encoding="utf-8")
    if done.returncode not in (0, 1):  # 1: a test failed; else there were none, or they could not be run
        raise SystemExit(f"{mutation.name}: the tests could not be run.\n{done.stdout.decode()[-2000:]}")
    return done.returncode == 0


def _words(tests: str) -> list[str]:
    files, _, chosen = tests.partition(" -k ")
    return [*files.split(), *(["-k", chosen] if chosen else [])]


def main() -> None:
    chosen = [m for m in MUTATIONS if not sys.argv[1:] or m.name in sys.argv[1:]]
    alive = 0
    with TemporaryDirectory() as folder:
        copy(Path(folder))
        for mutation in chosen:
            lives = survives(mutation, Path(folder))
            alive += lives
            print(f"{'SURVIVES' if lives else 'killed  '}  {mutation.name}", flush=True)
    print(f"{len(chosen) - alive} of {len(chosen)} were seen by a test.")
    raise SystemExit(alive > 0)


if __name__ == "__main__":
    main()

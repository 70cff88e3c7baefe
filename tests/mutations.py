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


LOSSES, OPTIONS = "tests/training/tasks/test_losses.py", "tests/training/tasks/test_options_count.py"
LOOP = "tests/training/loop/test_loop.py"

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
    Mutation("no weight decay", "training/loop/fit.py",
             "settings.weight_decay if parameter.ndim > 1 else 0.0", "0.0", LOOP),
    Mutation("biases decay too", "training/loop/fit.py",
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
    Mutation("a preset wins over what is given", "training/config/options.py",
             "{**cls.PRESETS.get(preset, {}), **given}", "{**given, **cls.PRESETS.get(preset, {})}",
             "tests/training/config/test_config.py -k preset"),
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

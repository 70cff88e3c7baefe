"""Captions for photos that have none: what COCO-QA's questions were made from (`training.questions.to_captions`).

    python examples/cocoqa_captions.py COCO COCO_CAPTIONS OUT

Writes OUT/captions.jsonl, to train a captioner on beside COCO_CAPTIONS, for the photos of COCO that are not there, and
a link to COCO's photos beside it.
"""

import json
import sys
from pathlib import Path

from training.questions.to_captions import caption_from
from training.readers import read_captions


def main(coco: Path, coco_captions: Path, out: Path) -> None:
    captioned = {record.image.name for record in read_captions(coco_captions).records}
    out.mkdir(parents=True, exist_ok=True)
    photos, captions = set(), []
    for line in (coco / "cocoqa_train2014.jsonl").read_text().splitlines():
        row = json.loads(line)
        caption = caption_from(row["question"], row["answer"])
        if row["type"] == "color":  # of "an orange suit" it asks "what is the color of the suit"
            continue
        if caption and Path(row["image"]).name not in captioned:
            photos.add(row["image"])
            captions.append(json.dumps({"image": row["image"], "caption": caption, "split": "train"}))
    (out / "captions.jsonl").write_text("\n".join(captions) + "\n")
    for folder in {Path(photo).parts[0] for photo in photos}:
        if not (out / folder).exists():
            (out / folder).symlink_to((coco / folder).resolve(), target_is_directory=True)
    print(f"{out}: {len(captions):,} captions of {len(photos):,} photos")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

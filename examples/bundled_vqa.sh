#!/usr/bin/env bash
# Makes the bundled VQA model on the bundled captioner's encoder, in about a quarter of an hour on two cores. Stop it
# whenever you like: started again with the same folders, it goes on where it was.
#
#   examples/bundled_vqa.sh COCO DAQUAR FLICKR8K RUNS
set -euo pipefail
data=(--data "$1" --data "$2" --data "$3")
run=$4/vqa

# 1. A head on the frozen encoder's features: people's questions on COCO and DAQUAR, and questions made from Flickr8k's
#    captions. The checkpoint is chosen by questions on photos that are held out.
resume=
[ -e "$run/resume.pt" ] && resume=--resume
python -m training vqa "${data[@]}" --share-encoder --out "$run" --min-count 3 --min-answers 3 --dropout 0.5 \
    --weight-decay 0.05 --epochs 20 --patience 0 $resume

# 2. Half precision, with a note on the terms; then the test photos, once, written into its config.json.
python -m training share "$run/best" "$4/bundled-vqa" \
    --note "Weights trained on COCO, VQA v2, COCO-QA, DAQUAR and Flickr8k: for research and teaching, not for commercial use."
python -m training evaluate "$4/bundled-vqa" "${data[@]}" --split test --record

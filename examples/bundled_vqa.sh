#!/usr/bin/env bash
# Makes the bundled VQA model on the bundled captioner's encoder, in about three quarters of an hour on two cores. Stop it whenever you
# like: started again with the same folders, it goes on where it was.
#
#   examples/bundled_vqa.sh COCO COCO_CAPTIONS DAQUAR FLICKR8K RUNS
set -euo pipefail
data=(--data "$1" --data "$2" --data "$3" --data "$4" --generate)
run=$5/vqa

# 1. A head on the frozen encoder's features of random views of the photos: people's questions on COCO's photos and
#    DAQUAR, questions made with four seeds from the captions of COCO's photos and Flickr8k, and from COCO's object labels
#    where its folders have them (instances_train2014.json). The checkpoint is chosen by questions on photos that are held out.
resume=
[ -e "$run/resume.pt" ] && resume=--resume
[ -e "$run/done" ] || python -m training vqa "${data[@]}" --share-encoder --out "$run" --generate-seeds 4 --min-count 4 \
    --min-answers 4 --attention 128 --pooling two-glimpses --fusion low-rank --dropout 0.5 --weight-decay 0.05 \
    --smoothing 0.1 --ema 0.999 --views 3 --smallest-view 0.7 --epochs 8 --patience 0 --no-scores --cache "$5/cache" $resume
touch "$run/done"

# 2. Half precision, with a note on the terms, and graphs for use without PyTorch; then the test photos, once, written into its config.json.
python -m training share --overwrite "$run/best" "$5/bundled-vqa" \
    --note "Trained on COCO, VQA v1 and v2, OK-VQA, A-OKVQA, VSR, COCO-QA, DAQUAR and Flickr8k, from ImageNet weights (Apache 2.0, Google): for research and teaching."
python -m training export "$5/bundled-vqa" --int8
python -m training evaluate "$5/bundled-vqa" "${data[@]}" --split test --record

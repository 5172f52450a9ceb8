#!/bin/sh
# A trial in shell: parameters as name=value words, points as lines of JSON on standard output.
set -eu
for word in "$@"; do
    case "$word" in
    rate=*) rate=${word#rate=} ;;
    size=*) size=${word#size=} ;;
    esac
done
echo "trying rate $rate with size $size"
awk -v rate="$rate" -v size="$size" 'BEGIN {
    for (step = 1; step <= 5; step++)
        printf "{\"step\": %d, \"cost\": %.6f}\n", step, (rate - 0.3) ^ 2 + size / (100 * step)
}'

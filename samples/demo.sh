#!/bin/sh
# What `make demo` runs: a long text, a code tree and a batch of records, each compressed to a budget.
set -eu
cd "$(dirname "$0")/.."
BIN=${BIN:-.venv/bin}
OUT=demo-output
mkdir -p "$OUT"

show() {
    printf '\n\033[1m$ longattncomp'
    for word in "$@"; do
        case $word in *[!A-Za-z0-9_./%=-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\033[0m\n\n'
    "$BIN/longattncomp" "$@"
}

show compress samples/handbook.md -q 'Why did mercury run down the stair at Penhallow?' \
    -b 600 --show table -o "$OUT/handbook.txt" --overwrite
printf '\nWhat was kept:\n\n'
cat "$OUT/handbook.txt"

show compress samples/inventory -q 'How much longer is the lead time of an order that arrives in winter?' \
    -b 1000 --headers --show table -o "$OUT/inventory.txt" --overwrite
printf '\nWhat was kept (in %s/inventory.txt), its first lines:\n\n' "$OUT"
head -n 20 "$OUT/inventory.txt"

show compress samples/questions.jsonl -b 25% -o "$OUT/questions.jsonl" --overwrite

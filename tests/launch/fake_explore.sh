#!/bin/bash
# Runs on the head as `erpo-explore`: it writes its arguments, waits for $FAKE/go if $FAKE/waits exists, and leaves a
# results folder. Its exit code is in $FAKE/code.
printf '%s\n' "$@" > "$FAKE/arguments"
trap 'echo interrupted; exit 130' INT
results=results/tiny
while (($#)); do test "$1" = --results && results=$2; shift; done
echo "starts 100 % [of it]"
while test -e "$FAKE/waits" && ! test -e "$FAKE/go"; do sleep 0.1; done
for step in 1 2 3; do echo "mle step $step"; done
mkdir -p "$results" && cp "$FAKE/exploration.yaml" "$results/"
exit "$(cat "$FAKE/code")"

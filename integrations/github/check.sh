#!/usr/bin/env bash
# Run the check; its exit code and report go to $GITHUB_OUTPUT, and the last step of the action ends with the code.
set -euo pipefail

report=$RUNNER_TEMP/onnx-roofline-report.md
rm -f "$report"
arguments=(check --format github --format "markdown=$report")
if [ -n "$SARIF_FILE" ]; then arguments+=(--format "sarif=$SARIF_FILE"); fi
if [ -n "$JUNIT_FILE" ]; then arguments+=(--format "junit=$JUNIT_FILE"); fi
if [ -n "$CONFIG" ]; then arguments+=(--config "$CONFIG"); fi
if [ -n "$CACHE_FOLDER" ]; then export ONNX_ROOFLINE_CACHE=$CACHE_FOLDER; fi

if [ "$AGAINST" = auto ]; then
  AGAINST=
  if [ -n "${GITHUB_BASE_REF:-}" ]; then
    if [[ ${GITHUB_REF:-} == refs/pull/*/merge && $(git rev-parse HEAD) == "${GITHUB_SHA:-}" ]]; then
      # What is checked out is the merge of the pull request: its first parent is the base, one commit deeper.
      git rev-parse --quiet --verify 'HEAD^1^{commit}' >/dev/null || git fetch --quiet --no-tags --deepen=1 origin || true
      AGAINST=HEAD^1
    else
      git fetch --quiet --no-tags --depth=1 origin "+refs/heads/$GITHUB_BASE_REF:refs/onnx-roofline/base" || true
      AGAINST=refs/onnx-roofline/base
    fi
  fi
fi
if [ -n "$AGAINST" ]; then arguments+=(--against "$AGAINST"); fi

# One argument a line, so that a path or a selector may have blanks and brackets.
while IFS= read -r line || [ -n "$line" ]; do
  line=${line%$'\r'}
  if [ -n "$line" ]; then arguments+=("$line"); fi
done <<<"$ARGS"$'\n'"$MODELS"

code=0
"$PROGRAM" "${arguments[@]}" || code=$?
{
  echo "exit-code=$code"
  if [ -s "$report" ]; then echo "report=$report"; fi
} >>"$GITHUB_OUTPUT"

#!/usr/bin/env bash
# Make the program ready; names it, its Python, its version and the folder of its cache in $GITHUB_OUTPUT.
set -euo pipefail

python=$(command -v python3 || command -v python)
if [ "$VERSION" = installed ]; then
  program=$(command -v onnx-roofline) || {
    echo "::error title=onnx-roofline::version: installed, but PATH has no onnx-roofline"
    exit 2
  }
else
  # An environment of its own: neither the job's packages nor a managed Python is touched.
  folder=$RUNNER_TEMP/onnx-roofline
  "$python" -m venv "$folder/environment"
  bin=$folder/environment/bin
  if [ -d "$folder/environment/Scripts" ]; then bin=$folder/environment/Scripts; fi
  python=$bin/python
  wanted=$GITHUB_ACTION_PATH
  if [ "$VERSION" != action ]; then wanted=onnx-roofline==$VERSION; fi
  "$python" -m pip install --quiet --disable-pip-version-check "$wanted"
  program=$bin/onnx-roofline
fi
{
  echo "program=$program"
  echo "python=$python"
  echo "version=$("$program" --version | tr -d '\r' | cut -d ' ' -f 2)"
  echo "cache-folder=$RUNNER_TEMP/onnx-roofline-cache"
} >>"$GITHUB_OUTPUT"

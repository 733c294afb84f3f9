#!/usr/bin/env bash
# Autograde submissions by people you do not know: bash autograde.sh COURSE ASSIGNMENT > grades.csv
#
# A submission is a program.  Each one runs in a scratch copy of the course without the other
# submissions, with no network, a file system that is read-only outside the scratch copy, an empty
# folder in place of the course and of ~/.ssh, its own processes, 10 minutes and 8 GB.
# Needs Linux (unshare of util-linux, user namespaces) and nbgrader on PATH.
set -euo pipefail
course=$(realpath "$1") assignment=$2

for folder in "$course"/submitted/*/"$assignment"; do
  student=$(basename "$(dirname "$folder")")
  scratch=$(mktemp -d)
  mkdir -p "$scratch/submitted/$student" "$scratch/home" "$scratch/empty"
  cp -r "$course/nbgrader_config.py" "$course/gradebook.db" "$course/source" "$scratch"
  cp -r "$folder" "$scratch/submitted/$student/"
  export scratch course assignment student
  # shellcheck disable=SC2016
  timeout --kill-after=10 600 unshare --user --map-root-user --net --mount --pid --fork \
    --mount-proc bash -euc '
      mount --bind "$scratch" "$scratch"
      mount -o remount,bind,ro /
      mount --bind "$scratch/empty" "$course"
      [ ! -d ~/.ssh ] || mount --bind "$scratch/empty" ~/.ssh
      export HOME="$scratch/home" TMPDIR="$scratch/home" OPENBLAS_NUM_THREADS=1
      ip link set lo up 2>/dev/null || true  # the kernel talks to nbgrader over 127.0.0.1
      cd "$scratch"
      prlimit --as=8589934592 -- nbgrader autograde "$assignment" --student "$student"
    ' >&2 || echo "$student: autograde failed or ran out of time" >&2
  (cd "$scratch" && nbgrader export --to grades.csv --assignment "[\"$assignment\"]" \
    --student "[\"$student\"]" >&2)
  cat "$scratch/grades.csv"
  mkdir -p "$course/autograded/$student"
  cp -r "$scratch/autograded/$student/." "$course/autograded/$student/" 2>/dev/null || true
  rm -rf "$scratch"
done | awk 'NR == 1 || !/^assignment,/'

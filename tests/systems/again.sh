#!/bin/sh
# again.sh PID PROGRAM [ARGUMENT...]: starts the program again whenever it ends, as
# long as the process PID is there.
wanted_by=$1
shift
while kill -0 "$wanted_by" 2>/dev/null; do
  "$@"
  sleep 0.1
done

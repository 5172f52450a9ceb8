#!/bin/sh
# Starts the program named first (controller, agent, ctl, train) with the rest as its arguments.
set -eu
program="sweep-${1:?say what to run: controller, agent, ctl or train}"
shift
exec "$program" "$@"

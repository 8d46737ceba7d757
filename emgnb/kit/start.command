#!/bin/sh
# For a double click in the Finder; start.sh does the work.
exec sh "$(dirname "$0")/start.sh" "$@"

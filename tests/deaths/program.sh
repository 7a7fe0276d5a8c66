#!/bin/sh
# A program that keeps a diary: at each start it adds a line with its pid to diary.NAME in its folder.
# The first word says how it behaves then:
#
#   live                      runs for ever
#   exit CODE                 ends at once
#   exit-until N CODE         ends at once before its Nth start, and runs for ever from then on
#   exit-at N CODE            ends at once at its Nth start, and runs for ever at any other
#   graceful                  runs for ever, and ends with 0 on TERM
#   stubborn                  runs for ever, and ignores TERM
set -eu
# Python leaves SIGPIPE and SIGXFSZ ignored, and a shell cannot change that.
[ -n "${SIGNALS:-}" ] || SIGNALS=default exec env --default-signal "$0" "$@"
ulimit -c 0
diary="diary.$SUPERVISOR_PROCESS_NAME"
case "$1" in
graceful)
    sleep 1000000 &
    trap 'kill $!; exit 0' TERM
    ;;
stubborn)
    trap '' TERM
    ;;
esac
echo $$ >>"$diary"
life=$(wc -l <"$diary")
case "$1" in
exit)
    exit "$2"
    ;;
exit-until)
    [ "$life" -ge "$2" ] || exit "$3"
    ;;
exit-at)
    [ "$life" -ne "$2" ] || exit "$3"
    ;;
graceful)
    wait
    ;;
stubborn)
    while :; do sleep 1; done
    ;;
esac
exec sleep 1000000

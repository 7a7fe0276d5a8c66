#!/bin/sh
# A program for supervisord to run. The first word says how it behaves:
#
#   sleep                     runs for ever
#   exit CODE SECONDS         ends with CODE after SECONDS
#   signal NAME SECONDS       dies by the signal after SECONDS
#   stubborn                  runs for ever and ignores TERM
#   from-start N FILE         runs for ever from its Nth start on (FILE counts); before that, exit 1 at once
#   gbk CODE SECONDS          writes Chinese in GBK and in UTF-8 to stderr, then as `exit`
set -eu
case "$1" in
sleep)
    exec sleep 1000000
    ;;
exit)
    sleep "$3"
    exit "$2"
    ;;
signal)
    sleep "$3"
    kill -s "$2" $$
    ;;
stubborn)
    trap '' TERM
    while :; do sleep 1; done
    ;;
from-start)
    printf x >>"$3"
    [ "$(wc -c <"$3")" -ge "$2" ] || exit 1
    exec sleep 1000000
    ;;
gbk)
    printf '\326\320\316\304\n中文日志\n' >&2
    sleep "$3"
    exit "$2"
    ;;
*)
    echo "program.sh: no behaviour is called $1" >&2
    exit 2
    ;;
esac

#!/bin/sh
# The demo's programs; supervisord.conf says what each is for.
set -eu
case "$1" in
web)
    exec sleep 1000000
    ;;
es_node_a)
    printf x >>"$2"
    if [ "$(wc -c <"$2")" -lt 5 ]; then
        echo 'java.io.IOException: failed to obtain node locks, tried [/data/es]: is another node running?' >&2
        exit 78
    fi
    exec sleep 1000000
    ;;
worker)
    sleep 4
    kill -s SEGV $$
    ;;
zh_log)
    echo '启动完成，开始处理订单' >&2
    sleep 20
    echo '错误：数据库连接已断开，订单 20261123-0042 未保存' >&2
    exit 3
    ;;
migrate)
    echo 'schema is up to date'
    ;;
esac

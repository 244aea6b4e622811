# What the servers' scripts share; sourced by them.
# shellcheck shell=bash
#
# A server lives in one directory, listens on loopback only, and ends with whoever started it: a watch ends it
# and removes the directory when that process is gone, or after SERVER_SECONDS at the latest.
#
#   tests/servers/NAME start DIR [OPTION...]   DIR must not exist, or be empty; prints KEY=VALUE lines
#   tests/servers/NAME stop DIR                ends it and removes DIR
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
umask 077

readonly SERVER_SECONDS=3600 # longer than any test binary runs
readonly START_SECONDS=60    # a loaded machine's first start included
readonly STOP_SECONDS=10
readonly MARK=.server-of-tests

SELF=$(realpath "$0")
HERE=$(dirname "$SELF")
readonly SELF HERE

give_up() {
    printf '%s: %s\n' "tests/servers/$(basename "$SELF")" "$1" >&2
    exit 69
}

# need COMMAND...: all are there, or say how to get them.
need() {
    for command in "$@"; do
        command -v "$command" >/dev/null || give_up "$command is not installed; run tests/servers/install"
    done
}

# Servers of databases refuse to be root: then they are nobody. An array, since a function in the background is
# a process of its own between.
AS_NOBODY=()
if ((EUID == 0)); then AS_NOBODY=(setpriv --reuid=nobody --regid=nogroup --clear-groups); fi

# owned FILE...: whoever runs the server may read and write them.
owned() {
    if ((EUID == 0)); then chown nobody:nogroup "$@"; fi
}

# Makes the server's directory, and enters it: whoever runs the server must not need the way to it.
make_directory() {
    mkdir -p "$1"
    [[ -z "$(ls -A "$1")" ]] || give_up "$1 is not empty"
    DIR=$(realpath "$1")
    owned "$DIR"
    cd "$DIR"
    touch "$MARK"
}

free_port() {
    local port
    while port=$((RANDOM % 20000 + 12000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}

secret() { od -An -N12 -tx1 /dev/urandom | tr -d ' \n'; }

# make_certificates: ca.pem, and server.pem with server.key for localhost and 127.0.0.1.
make_certificates() {
    need openssl
    local names="subjectAltName=DNS:localhost,IP:127.0.0.1"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 30 \
        -subj "/CN=Ringcard tests" -addext "keyUsage=critical,keyCertSign" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj "/CN=localhost" 2>/dev/null
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out server.pem \
        -extfile <(printf '%s\nbasicConstraints=CA:FALSE\n' "$names") 2>/dev/null
    rm -f ca.key ca.srl server.csr
    owned server.pem server.key ca.pem
}

# failed LOG...: the server did not come up; its last words, and nothing stays.
failed() {
    echo "$(basename "$SELF") did not start; its log ends:" >&2
    tail -n 30 "$@" >&2 || true
    "$SELF" stop "$DIR" >&2
    exit 69
}

# wait_until COMMAND...: tries again until it succeeds, the server's process $PID is gone, or START_SECONDS are over.
wait_until() {
    local end=$((SECONDS + START_SECONDS))
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) && runs "$PID" || return 1
        sleep 0.05
    done
}

# Ends the server with the process that started it.
watch_over() {
    setsid bash -c '
        timeout --foreground "$3" tail --pid="$4" -s 0.5 -f /dev/null
        rm -f "$2/watch.pid"
        "$1" stop "$2"
    ' watch "$SELF" "$DIR" "$SERVER_SECONDS" "${SERVER_PARENT:-$PPID}" </dev/null >/dev/null 2>&1 &
    echo $! >"$DIR/watch.pid"
}

# A process that has ended and was not yet waited for counts as gone.
runs() { grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"; }

# end_process FILE [SIGNAL]: ends the process whose id FILE holds, and waits for it; if need be by force.
end_process() {
    local pid end
    pid=$(head -n 1 "$1" 2>/dev/null) || return 0
    kill "-${2:-TERM}" "$pid" 2>/dev/null || return 0
    end=$((SECONDS + STOP_SECONDS))
    while runs "$pid"; do
        if ((SECONDS >= end)); then kill -KILL "$pid" 2>/dev/null || true; fi
        sleep 0.05
    done
}

# Removes DIR, but nothing that is not a server's directory.
remove_directory() {
    local directory
    directory=$(realpath "$1")
    cd / # it may be where we are
    if [[ -f "$directory/$MARK" ]]; then rm -rf "$directory"; fi
}

# The watch ends first, all of its group; a watch at work has taken its file away.
end_watch() {
    local pid
    pid=$(cat "$1/watch.pid" 2>/dev/null) || return 0
    kill -- "-$pid" 2>/dev/null || true
}

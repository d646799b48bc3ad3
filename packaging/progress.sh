# Progress of long commands whose output goes to a log; sourced by install.sh.
#     follow LABEL LOG COMMAND...     runs a command; a line of progress every 15 s, on a terminal one that changes
# The status is that of the command. Builds tell per cent, pip the package that it is at.

progress_of() {
    percent=$(grep -aoE '\[ *[0-9]+(%|/[0-9]+)\]' "$1" 2>/dev/null | tail -n 1 | tr -d '[] ')
    case $percent in
        */*) printf '%s %%' "$((100 * ${percent%/*} / ${percent#*/}))" ;;
        *%) printf '%s %%' "${percent%\%}" ;;
        *)
            count=$(grep -acE '^ *Collecting ' "$1" 2>/dev/null || true)
            grep -aE '^ *(Collecting|Downloading|Building wheel|Installing collected packages)' "$1" 2>/dev/null |
                tail -n 1 | sed -E 's/^ +//; s/^(Installing collected packages).*/installing them/' |
                cut -c 1-60 | sed "s/^/${count:-0} packages, /" | tr -d '\n'
            ;;
    esac
}

watch_log() {
    started=$(date +%s)
    pause=${PROGRESS_SECONDS:-15}
    [ ! -t 2 ] || pause=1
    while kill -0 $$ 2>/dev/null; do
        sleep "$pause" >/dev/null 2>&1
        if [ -t 2 ]; then start='\r\033[K' end=; else start='' end='\n'; fi
        printf "$start  %s: %s s, %s$end" "$1" "$(($(date +%s) - started))" "$(progress_of "$2")" >&2
    done
}

# The command runs in the foreground, so that Ctrl-C ends it and all that it started.
follow() {
    label=$1 log=$2
    shift 2
    watch_log "$label" "$log" &
    watcher=$!
    status=0
    "$@" >>"$log" 2>&1 || status=$?
    kill $watcher 2>/dev/null || true
    wait $watcher 2>/dev/null || true
    [ ! -t 2 ] || printf '\r\033[K' >&2
    return $status
}

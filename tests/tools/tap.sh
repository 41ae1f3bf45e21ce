# TAP for shell tests: source this, call the checks, end with `finish`.
#
#     . "$(dirname "$0")/tap.sh"
#     check "what must hold" command arg ...        passes when the command exits 0
#     fails 2 "unknown option" "text" command ...   exits 2 and stderr holds the text, one line
#     skip "what" "why"
#     finish
#
# $work is an empty folder, removed at the end. Output of commands goes to $work/out, $work/err.
set -u
export LC_ALL=C
PATH=$VSYN_BUILD/gen:$VSYN_BUILD/ingest:$VSYN_BUILD/train:$VSYN_BUILD/eval:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/vsyn-tools-XXXXXX")
trap 'rm -rf "$work"' EXIT
tap_n=0

ok() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $1"; }
not_ok()
{
    tap_n=$((tap_n + 1))
    echo "not ok $tap_n - $1"
    shift
    [ $# -gt 0 ] && printf '%s\n' "$@" | sed 's/^/# /'
    tail -n 5 "$work/err" 2>/dev/null | sed 's/^/# stderr: /'
}
skip() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $1 # SKIP $2"; echo "SKIPPED: $1: $2" >&2; }

check()
{
    local what=$1 status
    shift
    "$@" >"$work/out" 2>"$work/err"
    status=$?
    if [ $status -eq 0 ]; then ok "$what"; else not_ok "$what" "exit $status: $*"; fi
}

# Equal texts.
same()
{
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:      $2" "expected: $3"; fi
}

# fails STATUS WHAT TEXT command...: that exit status, and a message with TEXT on stderr that is
# one line (two with wrong usage, where the second says how to get help).
fails()
{
    local want=$1 what=$2 text=$3 status lines
    shift 3
    "$@" >"$work/out" 2>"$work/err"
    status=$?
    lines=$(grep -c . "$work/err")
    if [ $status -ne "$want" ]; then
        not_ok "$what" "exit $status, expected $want: $*"
    elif ! grep -qF -- "$text" "$work/err"; then
        not_ok "$what" "the message lacks \"$text\""
    elif [ "$lines" -gt "$want" ]; then
        not_ok "$what" "$lines lines on stderr"
    else
        ok "$what"
    fi
}

finish() { echo "1..$tap_n"; }

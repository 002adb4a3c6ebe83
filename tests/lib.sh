# shellcheck shell=bash
# The test library: TAP, one isolated scratch directory per file.
#
#	#!/usr/bin/env bash
#	# What this file proves.
#	. "${0%/*}/lib.sh"
#
#	new_repo project
#
#	t 'a note is written and read back' <<'EOF'
#		cd project
#		git agent log done 'ported the solver'
#		git agent log >out
#		test_grep 'ported the solver' out
#	EOF
#
#	finish
#
# Each test is a script of its own: it begins in $SCRATCH, under `set -e`,
# and what it sets in the shell ends with it; files and repositories stay for
# the tests after it.  So write one command per line: no && chains, and no
# `! command`, which set -e does not see (use test_exit or test_no_grep).
# A test that fails shows its commands and their output.
#
#	tests/t0100-init.sh [--keep] [-v]
#		--keep	leave the scratch directory and say where it is
#		-v	show the output of every test as it runs
#
# Variables: ROOT (the source tree), B (the build tried), SCRATCH (removed at
# the end), DAEMON_URL (after start_git_daemon).  If TEST_FAILURES is set, what
# a failed test shows is appended to that file, too.

set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
B=${B:-$ROOT/build}
test_count=0 test_failed=0 test_keep='' test_verbose=''
test_failures=${TEST_FAILURES:-/dev/null}
unset TEST_FAILURES
for arg; do
	case $arg in
	--keep)	test_keep=1 ;;
	-v)	test_verbose=1 ;;
	*)	echo "usage: ${0##*/} [--keep] [-v]" >&2; exit 129 ;;
	esac
done

# Nothing of the user's, the machine's or a surrounding agent's gets in.
for arg in $(compgen -e); do
	case $arg in
	GIT_* | XDG_* | CLAUDE* | CODEX* | GEMINI* | ANTHROPIC* | SLURM* | \
	TMUX* | LC_* | LESS* | LV | MAKE* | MFLAGS | DAEMON_URL | COLUMNS | LINES | \
	NO_COLOR | CLICOLOR* | EDITOR | VISUAL | PAGER | MANPAGER | EMAIL | \
	BASH_ENV | ENV | CDPATH | SSH_* | DISPLAY | HTTP*_PROXY | http*_proxy)
		unset "$arg" ;;
	esac
done
unset arg
SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/git-agent-test.XXXXXX") || exit 1
SCRATCH=$(cd "$SCRATCH" && pwd -P)
test_log=$SCRATCH/.log
mkdir "$SCRATCH/.home" "$SCRATCH/.tmp"
export HOME=$SCRATCH/.home TMPDIR=$SCRATCH/.tmp TEST_SCRATCH=$SCRATCH
export PATH=$B/bin:$PATH TZ=UTC LC_ALL=C.UTF-8 TERM=dumb
export ASAN_OPTIONS="log_path=$SCRATCH/.sanitizer:exitcode=99"
export LSAN_OPTIONS="suppressions=$ROOT/tests/leaks.supp:print_suppressions=0"
export UBSAN_OPTIONS="$ASAN_OPTIONS:print_stacktrace=1"

# The user: Ada.  HOME is isolated, so that her ~/.gitconfig is git's global
# one.  The variables that move the configuration stay unset, as they are for
# nearly everybody, unless this machine's own would get in the way.
test -z "$(git config --system --list 2>/dev/null)" ||
	export GIT_CONFIG_NOSYSTEM=1
cat >"$HOME/.gitconfig" <<'EOF'
[user]
	name = Ada Lovelace
	email = ada@example.org
[init]
	defaultBranch = main
[advice]
	detachedHead = false
[gc]
	autoDetach = false
EOF
cd "$SCRATCH" || exit 1

# ---- tests -----------------------------------------------------------------

# t TITLE <<'EOF' … EOF: run the script on standard input.
t() {
	local script status
	script=$(cat)
	test_count=$((test_count + 1))
	# A plain command, never a condition: there set -e would be off.
	test_run "$script"
	status=$?
	if compgen -G "$SCRATCH/.sanitizer.*" >/dev/null; then
		# The leak checker of a process that is just being killed
		# may only say that it could not look.
		if grep -qsvE '^(=+|==[0-9]+==(Unable to get registers|Failed suspending|Could not attach).*)$' "$SCRATCH"/.sanitizer.*; then
			cat "$SCRATCH"/.sanitizer.* >>"$test_log"
			status=99
		fi
		rm -f "$SCRATCH"/.sanitizer.*
	fi
	if test "$status" = 0; then
		echo "ok $test_count - $1"
	else
		test_failed=$((test_failed + 1))
		echo "not ok $test_count - $1"
		test_show "$1" "$status" | tee -a "$test_failures" >&2
	fi
}

test_run() (
	: >"$test_log"
	exec {trace}>>"$test_log" </dev/null
	if test -n "$test_verbose"; then
		echo "# --- test $test_count" >&2
		exec > >(tee -a "$test_log" >&2) 2>&1
	else
		exec >>"$test_log" 2>&1
	fi
	PS4='+ ' BASH_XTRACEFD=$trace
	set -e
	eval "set -x; $1"
)

# Why a test failed, as TAP comments, where prove lets it through.
test_show() {
	echo "# ${0##*/}: not ok $test_count - $1 (status $2)"
	grep -vE '^\+* (local - *$|set \+x$)' "$test_log" | tail -n 100 | LC_ALL=C tr -c '\11\12\40-\377' '?' |
		sed 's/^/#   /'
}

# as_user COMMAND…: as one whom a file's permissions bind, which root is not.
as_user() {
	local may=-dac_override,-dac_read_search
	if test "$(id -u)" = 0; then
		setpriv --bounding-set=$may --inh-caps=$may "$@"
	else
		"$@"
	fi
}

# skip TITLE REASON: stands where a test would; takes no script.
skip() {
	test_count=$((test_count + 1))
	echo "ok $test_count # skip $1: $2"
}

# skip_all REASON: before the first test.
skip_all() {
	echo "1..0 # skip $1"
	exit 0
}

have() {
	command -v "$1" >/dev/null 2>&1
}

# The last line of every test file.
finish() {
	echo "1..$test_count"
	test "$test_failed" = 0
	exit
}

# A preparation outside of a test failed.
bail() {
	echo "Bail out! ${0##*/}: $*"
	exit 1
}

# ---- checks, for use inside tests -------------------------------------------

# test_exit STATUS COMMAND…: fails with any other exit status.
test_exit() {
	local - && set +x
	local want=$1 got=0
	shift
	"$@" || got=$?
	test "$got" = "$want" && return
	echo "exit status $got, expected $want: $*" >>"$test_log"
	return 1
}

# test_cmp EXPECTED ACTUAL
test_cmp() {
	local - && set +x
	diff -u "$1" "$2" >>"$test_log" || return 1
}

# test_grep [GREP-OPTION…] PATTERN FILE; test_no_grep likewise.
test_grep() {
	local - && set +x
	grep "$@" >>"$test_log" && return
	test_excerpt 'no line matches' "$@"
}

test_no_grep() {
	local - && set +x
	test -r "${*: -1}" || { test_excerpt 'not readable' "$@"; return 1; }
	grep "$@" >/dev/null || return 0
	test_excerpt 'unexpected match' "$@"
}

test_excerpt() {
	{
		echo "$1: grep ${*:2}"
		sed 's/^/| /' "${*: -1}" | head -n 60
	} >>"$test_log" 2>&1
	return 1
}

# test_empty FILE; test_lines COUNT FILE
test_empty() {
	test ! -s "$1" || test_excerpt 'not empty' "$1"
}

test_lines() {
	test "$(wc -l <"$2")" -eq "$1" || test_excerpt "not $1 lines" "$2"
}

# test_json FILTER [FILE]: the jq filter gives true, of `out` if no
# FILE is named.
test_json() {
	local - && set +x
	jq -e "$1" "${2:-out}" >/dev/null || test_excerpt 'not true' "$1" "${2:-out}"
}

# wait_until SECONDS COMMAND…: until it succeeds; fails when time is up.
wait_until() {
	local - && set +x
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		test $SECONDS -lt $end || return 1
		sleep 0.05
	done
}

# on_tty COMMAND-LINE: with a terminal on all three standard streams; its
# output, carriage returns and all, goes to standard output.
on_tty() {
	local - && set +x
	TERM=xterm script -qec "$1" /dev/null </dev/null
}

# ---- preparations, inside tests or outside -----------------------------------

# new_repo DIR: a repository with one commit.
new_repo() {
	local - && set +x
	git init -q "$1" && new_commit "$1" start
}

# new_commit DIR MESSAGE: adds a line to file.txt.
new_commit() {
	local - && set +x
	echo "$2" >>"$1/file.txt" && git -C "$1" add file.txt &&
		git -C "$1" commit -qm "$2"
}

# as NAME COMMAND…: as another person.
as() {
	local name=$1
	shift
	GIT_AUTHOR_NAME=$name GIT_COMMITTER_NAME=$name \
	GIT_AUTHOR_EMAIL=${name%% *}@example.org \
	GIT_COMMITTER_EMAIL=${name%% *}@example.org "$@"
}

# start_git_daemon DIR: serve the repositories below DIR on loopback, for
# reading and pushing; DAEMON_URL is git://127.0.0.1:PORT.  The first call
# outside of tests, so that the variable stays; after stop_git_daemon, which
# leaves nothing answering there, it starts again at the same address.
start_git_daemon() {
	local - && set +x
	local i
	mkdir -p "$1"
	for ((i = 0; i < 20; i++)); do
		export DAEMON_URL=${DAEMON_URL:-git://127.0.0.1:$((RANDOM % 20000 + 20000))}
		test_daemon "$1" && return
		test -f "$SCRATCH/.daemon.up" || unset DAEMON_URL
	done
	bail "no git daemon: $(cat "$SCRATCH/.daemon.log")"
}

test_daemon() {
	: >"$SCRATCH/.daemon.log"
	"$(git --exec-path)/git-daemon" --verbose --reuseaddr --export-all \
		--enable=receive-pack --listen=127.0.0.1 \
		--port="${DAEMON_URL##*:}" --base-path="$1" "$1" \
		</dev/null >>"$SCRATCH/.daemon.log" 2>&1 &
	echo $! >"$SCRATCH/.daemon.pid"
	wait_until 10 test_daemon_decided
	grep -q 'Ready to rumble' "$SCRATCH/.daemon.log" &&
		touch "$SCRATCH/.daemon.up"
}

test_daemon_decided() {
	grep -q 'Ready to rumble' "$SCRATCH/.daemon.log" || test_daemon_gone
}

test_daemon_gone() {
	! kill -0 "$(cat "$SCRATCH/.daemon.pid")" 2>/dev/null
}

stop_git_daemon() {
	local - && set +x
	kill "$(cat "$SCRATCH/.daemon.pid")" && wait_until 10 test_daemon_gone
}

# ---- the end -----------------------------------------------------------------

# End the processes of this file that are still there, whatever session they
# fled to: they carry our scratch directory in their environment.
test_reap() {
	local p
	for p in /proc/[0-9]*; do
		test "${p#/proc/}" != $$ || continue
		! grep -qzsFx "TEST_SCRATCH=$SCRATCH" "$p/environ" ||
			kill -KILL "${p#/proc/}"
	done 2>/dev/null
}

test_cleanup() {
	local status=$?
	trap - EXIT
	# shellcheck disable=SC2046 # a list of words
	kill $(jobs -p) 2>/dev/null
	test_reap
	cd /
	if test -n "$test_keep"; then
		echo "# kept: $SCRATCH" >&2
	else
		chmod -R u+rwX "$SCRATCH" 2>/dev/null
		rm -rf "$SCRATCH" || { sleep 1; rm -rf "$SCRATCH"; }
	fi
	exit "$status"
}
trap test_cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

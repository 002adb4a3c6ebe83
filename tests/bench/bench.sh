#!/usr/bin/env bash
# `make bench`: whole processes against git's own, medians of RUNS pairs that
# take turns.  The ratios carry over between machines, the times do not; so
# this informs, and is never a test.
set -u
B=${B:-build}
RUNS=${RUNS:-100}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CLAUDE_PROJECT_DIR=$work/project HOME=$work PATH=$B/bin:$PATH TZ=UTC

# row WHAT AGAINST LIMIT COMMAND… -- COMMAND…
row() {
	local what=$1 against=$2 limit=$3 times
	shift 3
	if ! times=$("$B/bench/time-runs" "$RUNS" "$@" <"$work/event"); then
		printf '%-24s %-24s %32s\n' "$what" "$against" 'not measured'
		return
	fi
	# shellcheck disable=SC2086 # three numbers
	set -- $times
	printf '%-24s %-24s %7s µs %7s µs %6s %5s  %s\n' "$what" "$against" \
		"$1" "$2" "$3" "$limit" \
		"$(awk "BEGIN { print $3 <= $limit ? \"ok\" : \"above\" }")"
}

git config --global user.name Ada
git config --global user.email ada@example.org
git config --global agent.fsync false
git init -q "$work/project"
cd "$work/project" || exit 1
git commit -q --allow-empty -m start
git-agent-log 'done' 'a record' || exit 0
printf '{"session_id":"1","cwd":"%s","hook_event_name":"PostToolBatch"}\n' \
	"$PWD" >"$work/event"
touch .git/agent/fetched	# a sync that was just made
tree=$(git rev-parse 'HEAD^{tree}')
commit=$(git commit-tree -p HEAD -m next "$tree")

printf '%-24s %-24s %10s %10s %6s %5s\n' \
	'what' 'against' 'median' 'median' 'ratio' 'limit'
row 'hook, nothing new' '/bin/true' 1.3 \
	git-agent-hook -- /bin/true
row 'a command (log -n 1)' 'rev-parse HEAD' 2.8 \
	git-agent-log -n 1 -- git rev-parse HEAD
row 'one append (log done)' 'commit-tree, update-ref' 1.4 \
	git-agent-log 'done' x -- \
	git commit-tree -p HEAD -m 'x {}' "$tree" ';' \
	git update-ref 'refs/bench/{}' "$commit"

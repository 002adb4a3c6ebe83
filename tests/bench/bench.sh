#!/usr/bin/env bash
# `make bench`: whole processes against git's own, medians of RUNS pairs that
# take turns.  The ratios carry over between machines, the times do not; so
# this informs, and is never a test.
set -u
B=$(cd "${B:-build}" && pwd) || exit 1
RUNS=${RUNS:-100}
# How large the largest fixture is; 1000000 takes some minutes more.
BENCH_RECORDS=${BENCH_RECORDS:-100000}
here=$(cd "${0%/*}" && pwd)
cache=$B/bench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CLAUDE_PROJECT_DIR=$work/project HOME=$work PATH=$B/bin:$PATH TZ=UTC

# row WHAT AGAINST LIMIT COMMAND… -- COMMAND…
row() {
	local what=$1 against=$2 limit=$3 times
	shift 3
	if ! times=$("$B/bench/time-runs" "${runs:-$RUNS}" "$@" \
	    <"$work/event"); then
		printf '%-24s %-24s %32s\n' "$what" "$against" 'not measured'
		return
	fi
	# shellcheck disable=SC2086 # four numbers
	set -- $times
	printf '%-24s %-24s %7s µs %7s µs %6s %5s %4d MiB  %s\n' "$what" \
		"$against" "$1" "$2" "$3" "$limit" $(($4 / 1024)) \
		"$(awk -v r="$3" -v l="$limit" 'BEGIN {
			if (l != "-") print r + 0 <= l + 0 ? "ok" : "above" }')"
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
row 'loading our libraries' 'rev-parse HEAD' - \
	"$B/bench/load-libgit2" -- git rev-parse HEAD
row 'a command (log -n 1)' 'rev-parse HEAD' 2.8 \
	git-agent-log -n 1 -- git rev-parse HEAD
row 'one append (log done)' 'commit-tree, update-ref' 1.4 \
	git-agent-log 'done' x -- \
	git commit-tree -p HEAD -m 'x {}' "$tree" ';' \
	git update-ref 'refs/bench/{}' "$commit"

# ---- writing many -------------------------------------------------------------

# A batch of N records against git's own way of writing as many commits, both
# synced to the disk.  What fast-import has already it would not write: each
# run gets the same text with another number in it.
write_many() {
	local i json=$work/json stream=$work/stream
	git init -q "$work/batch"
	git -C "$work/batch" config agent.fsync true
	git init -q "$work/imported"
	perl -e 'printf qq({"kind": "%s", "subject": "run 000, record %d",) .
		qq( "body": "What was done, told in a sentence or two."}\n),
		(qw(done failed status next))[$_ % 4], $_ for 1 .. shift' \
		"$1" >"$json"
	(cd "$work/batch" && git-agent-log --batch <"$json" 2>/dev/null)
	git -C "$work/batch" fast-export --glob='refs/agent/log/*' |
		sed 's|refs/agent/log/.*|refs/agent/log/imported|' >"$stream"
	for i in {0..11}; do
		sed "s/run 000/run $((100 + i))/" "$stream" >"$stream-$i"
	done
	runs=10 row "batch of $1" 'fast-import' 0.8 \
		sh -c "cd '$work/batch' &&
			exec git-agent-log --batch --no-push <'$json'" -- \
		sh -c "cd '$work/imported' &&
			git update-ref -d refs/agent/log/imported &&
			exec git fast-import --quiet <'$stream-{}'"
}

printf '\n'
write_many 10000

# ---- reading, by the number of records and of writers ------------------------

# fixture WRITERS RECORDS: kept in the build folder; its path in $at.  Packed
# as gc leaves what was written one by one: fast-import alone makes no deltas.
fixture() {
	local made
	at=$cache/packed-$1-$2
	made=$(cksum <"$here/logs.pl")
	test "$made" != "$(cat "$at/.git/made" 2>/dev/null)" || return 0
	rm -rf "$at"
	git init -q "$at"
	"$here/logs.pl" "$1" "$2" |
		git -C "$at" -c fastimport.unpackLimit=1 fast-import --quiet
	git -C "$at" commit -q --allow-empty -m start
	git -C "$at" pack-refs --all
	git -C "$at" repack -adfq
	rm -rf "$at"/.git/refs/agent/log/*
	touch -d '1 hour ago' "$at/.git/packed-refs"
	echo "$made" >"$at/.git/made"
}

# The index, as it is when nothing has changed for some time.
settle() {
	(cd "$1" && git-agent-status --offline; sleep 2.2
	git-agent-status --offline) >/dev/null 2>&1
}

read_cold() {
	fixture "$1" "$2"
	runs=$3 row "read $2 cold" 'log --format=%B' "$4" \
		sh -c "cd '$at' && rm -f .git/agent/index* &&
			exec git-agent-status --offline" -- \
		sh -c "cd '$at' && exec git log --glob='refs/agent/*' --format=%B"
}

# The fixed cost is that of the same page in the smallest project that fills
# it; which is a command's, too, with what it shows.
read_again() {
	local small
	fixture 1 100
	small=$at
	settle "$small"
	fixture "$1" "$2"
	settle "$at"
	runs=50 row "status, $2 in $1" 'status, 100 in 1' 1.2 \
		env -C "$at" git-agent-status --offline -- \
		env -C "$small" git-agent-status --offline
	runs=50 row "status, $2 in $1" 'rev-parse HEAD' 2.8 \
		env -C "$at" git-agent-status --offline -- \
		env -C "$at" git rev-parse HEAD
	runs=50 row "log -n 10, $2 in $1" 'log -n 10, 100 in 1' 1.2 \
		env -C "$at" git-agent-log -n 10 --offline -- \
		env -C "$small" git-agent-log -n 10 --offline
}

# The slow path: the folders have another time, so the refs are read.
list_writers() {
	fixture "$1" "$2"
	settle "$at"
	runs=20 row "list $1 writers" 'for-each-ref' 1.1 \
		sh -c "cd '$at' && touch .git/packed-refs &&
			exec git-agent-status --offline" -- \
		sh -c "cd '$at' && touch .git/packed-refs &&
			exec git for-each-ref --format='%(refname)'"
}

# one_more DIR N: a record of a writer of its own, again and again.
one_more() {
	local ref=refs/agent/log/w-more-000001 parent
	parent=$(git -C "$1" rev-parse -q --verify "$ref")
	git -C "$1" update-ref "$ref" "$(printf \
		'next: %s\n\nAgent-Kind: next\nAgent-Clock: %s.%06dZ\n' "$2" \
		2024-01-01T00:00:00 "$2" | git -C "$1" commit-tree \
		${parent:+-p "$parent"} "$tree")"
}

# grown WRITERS RECORDS DIR: a copy of a fixture that has one more writer.
grown() {
	fixture "$1" "$2"
	cp -a "$at" "$3"
	one_more "$3" 0
	git -C "$3" pack-refs --all
	settle "$3"
}

# What is new is read, whatever else there is.
read_one_new() {
	local small=$work/small large=$work/large-$1
	rm -rf "$small"
	grown 1 100 "$small"
	grown "$1" "$2" "$large"
	export -f one_more
	runs=50 row "status, one new, $2 in $1" 'one new, 100 in 1' 1.2 \
		-p "tree=$tree n=1{}; one_more '$small' \$n; one_more '$large' \$n" \
		env -C "$large" git-agent-status --offline -- \
		env -C "$small" git-agent-status --offline
	rm -rf "$large"
}

# clone REMOTE DIR: a clone with its records, as a gc leaves it.
clone() {
	git clone -q "$1" "$2"
	(cd "$2" && git-agent-sync; git pack-refs --all) >/dev/null 2>&1
	settle "$2"
}

# Each has a clone of its own, so that neither finds what the other did.  With
# one new record git looks at every ref, to know that all it leads to is here;
# what is ours to hold is not to add much to that.
sync_writers() {
	local remote plain clone
	fixture "$1" "$2"
	remote=$work/remote-$1 clone=$work/clone-$1 plain=$work/plain-$1
	git clone -q --bare "$at" "$remote"
	git -C "$remote" fetch -q "$at" 'refs/agent/*:refs/agent/*'
	git -C "$remote" pack-refs --all
	clone "$remote" "$clone"
	clone "$remote" "$plain"
	runs=10 row "sync, nothing new, $1" 'fetch' 1.2 \
		env -C "$clone" git-agent-sync -- \
		env -C "$plain" git fetch -q origin \
		'refs/agent/log/*:refs/agent-remotes/origin/log/*'
	export -f one_more
	runs=10 row "sync, one new, $1" 'fetch, one new' 1.3 \
		-p "tree=$tree; one_more '$remote' {}; sleep 2.2" \
		env -C "$clone" git-agent-sync -- \
		env -C "$plain" git fetch -q origin \
		'refs/agent/log/*:refs/agent-remotes/origin/log/*'
}

printf '\n%-24s %-24s %10s %10s %6s %5s %8s\n' 'RECORDS in WRITERS' 'against' \
	'median' 'median' 'ratio' 'limit' 'peak'
read_cold 100 100000 7 0.9
read_again 1 1000
read_again 100 100000
list_writers 10000 100000
read_one_new 100 100000
read_one_new 10000 100000
sync_writers 1000 10000
sync_writers 10000 100000
if test "$BENCH_RECORDS" -ge 1000000; then
	read_cold 10000 1000000 3 1.0
	read_again 10000 1000000
	read_one_new 10000 1000000
fi

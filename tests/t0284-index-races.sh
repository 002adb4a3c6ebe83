#!/usr/bin/env bash
# The index while others write: records, the index itself, and refs within
# the same second.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/index.sh"

# busy_log PREFIX: twenty-five records.
busy_log() {
	local i
	for ((i = 1; i <= 25; i++)); do
		git agent log --no-push 'done' "$1 $i" || return
	done
}

# busy_reader FILE
busy_reader() {
	local i
	for ((i = 1; i <= 25; i++)); do
		git agent status --offline --json || echo '"failed"'
	done >"$1"
}

t 'many read and write at once' <<'EOT'
	new_repo busy
	cd busy
	git agent log --no-push 'done' first
	for i in 1 2; do
		busy_log "$i" >../log."$i" 2>&1 &
	done
	for i in 1 2 3; do
		busy_reader ../read."$i" 2>../read."$i".err &
	done
	for job in $(jobs -p); do
		wait "$job"
	done
	for i in 1 2 3; do
		test_empty ../read."$i".err
		jq -s . ../read."$i" >../parsed
		test_json 'length == 25 and all(.[]; .stats.records >= 1 and
			.stats.records <= 51)' ../parsed
		# Nobody sees less than before.
		test_json '[.[].stats.records] | . == sort' ../parsed
	done
	git agent status --offline --json >out
	test_json '.stats.records == 51'
	same_without_index
EOT

# grow FIRST LAST WRITER: records in one pack; the clock is the number.
grow() {
	local i m at="from refs/agent/log/$3^0"
	git rev-parse -q --verify "refs/agent/log/$3" >/dev/null || at=''
	for ((i = $1; i <= $2; i++)); do
		printf -v m '%s\n' "done: record $i" '' 'Agent-Kind: done' \
			"Agent-Clock: 2023-01-01T00:00:00.$(printf %06d "$i")Z"
		printf 'commit refs/agent/log/%s\ncommitter A <a@b> 1700000000 +0000\ndata %d\n%s%s\n' \
			"$3" "${#m}" "$m" "$at"
		at=''
	done | git fast-import --quiet
}

t 'killed while it writes the index, nothing is lost' <<'EOT'
	git init -q killed
	cd killed
	grow 1 4500 w-a-000001
	at=4500
	for i in $(seq 40); do
		case $((i % 5)) in
		0) rm -f .git/agent/index ;;
		1) rm -f .git/agent/index-* ;;
		2) rm -f .git/agent/index-refs-* ;;
		*) grow $((at + 1)) $((at + 5)) w-a-000001; at=$((at + 5)) ;;
		esac
		git-agent-status --offline >/dev/null &
		sleep "0.0$((i * 37 % 10))$((i * 13 % 10))"
		kill -KILL $! || :
		wait $! || :
	done
	git agent status --offline --json >out
	test_json ".stats.records == $at"
	same_without_index
	# What the dead left behind is gone with the next one that writes.
	touch .git/agent/index.abcdef .git/agent/index-{0123,refs-0123}.abcdef
	grow $((at + 1)) $((at + 1)) w-a-000001
	git agent status --offline
	find .git/agent -name 'index*' ! -name index.lock ! -name index-proof >left
	test_lines 3 left
EOT

t 'a ref that moves at once after it was read is seen' <<'EOT'
	git init -q racy
	cd racy
	for i in $(seq 40); do
		grow "$i" "$i" w-a-000001
		git agent status --offline --json >out
		test_json ".stats.records == $i"
	done
EOT

in_one_second() {
	git init -q racy
	cd racy || return
	for i in $(seq 30); do
		grow "$i" "$i" w-a-000001
		git agent status --offline --json >../out
		jq -e ".stats.records == $i" ../out || return
	done
}
export -f grow in_one_second

if on_coarse true 2>/dev/null; then
	t '… where the times of files are whole seconds' <<-'EOT'
		on_coarse in_one_second
	EOT
else
	skip 'where the times of files are whole seconds' 'cannot mount here'
fi

# old TIME: the folders of the refs are as old as that, says utimes(2).
old() {
	find .git/refs -type d -exec touch -d "$1" {} +
	test ! -e .git/packed-refs || touch -d "$1" .git/packed-refs
}

t '… and when the times of the folders are set back' <<'EOT'
	cd racy
	old '2023-01-01 UTC'
	sleep 2.5
	git agent status --offline --json >out
	git agent status --offline --json >out
	grow 41 41 w-a-000001
	old '2023-01-01 UTC'
	git agent status --offline --json >out
	test_json '.stats.records == 41'
EOT

t 'a new folder of refs, and one that went away, are seen' <<'EOT'
	cd racy
	sleep 2.5
	git agent status --offline --json >out
	tip=$(git rev-parse refs/agent/log/w-a-000001)
	git update-ref refs/agent-remotes/far/away/log/w-b-000001 "$tip"
	git agent status --offline --json >out
	test_json '.stats.logs == 2'
	sleep 2.5
	git agent status --offline --json >out
	git update-ref refs/agent/log/beat/w-c-000001 "$tip"
	git agent status --offline --json >out
	test_json '.stats.logs == 3'
	sleep 2.5
	git agent status --offline --json >out
	git update-ref -d refs/agent/log/beat/w-c-000001
	git update-ref -d refs/agent-remotes/far/away/log/w-b-000001
	git agent status --offline --json >out
	test_json '.stats.logs == 1'
EOT

finish

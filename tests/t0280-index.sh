#!/usr/bin/env bash
# The index of the records grows by what is new; readers never say anything
# else by it than by one that was made anew.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/index.sh"
export -f without_age seen_by_readers set_index_aside take_index_back same_without_index

# in_life SEED STEPS FIRST [STEP-COMMAND]: see tests/fixtures/index-events.pl
in_life() {
	git init -q "life-$1"
	cd "life-$1"
	perl "$ROOT/tests/fixtures/index-events.pl" "$1" "$2" "$3" \
		bash -c "${4:-same_without_index} \"\$1\"" -
}

for seed in 2 6 7; do
	t "whatever happens to the logs, the grown index is right ($seed)" <<-EOT
		in_life $seed 50 0
	EOT
done

# The older file of two, which has to stay the same to be tried at all.
older() { find .git/agent -name 'index-[0-9a-f]*' -printf '%f\n'; }
in_two_files() {
	same_without_index "$1" || return
	test "${1%%:*}" != 0 || older >../older
	older | diff -u ../older -
}
export -f older in_two_files

t 'also where it adds to an older file' <<'EOT'
	export LOG_COUNT=-n400
	in_life 21 30 4200 in_two_files
	test_lines 1 ../older
	# The newest one has become a large part of it, not the older one.
	test "$(stat -c %s .git/agent/index)" -gt 4096
EOT

# records FIRST LAST [TRAILER]: a fast-import stream on top of the tip.
records() {
	local i m at
	at=$(git rev-parse -q --verify refs/agent/log/w-a-000001) || at=''
	for ((i = $1; i <= $2; i++)); do
		m=$(printf '%s\n' "done: record $i" '' 'Agent-Kind: done' ${3+"$3"} \
			'Agent-Writer: w-a-000001' \
			"Agent-Clock: $(printf '2023-01-02T%02d:%02d:%02d.000000Z' \
			$((i / 3600)) $((i / 60 % 60)) $((i % 60)))"; echo x)
		m=${m%x}
		echo "commit refs/agent/log/w-a-000001"
		echo "committer Ada Lovelace <ada@example.org> $((1700000000 + i)) +0000"
		printf 'data %d\n%s' ${#m} "$m"
		test -z "$at" || echo "from $at"
		at=''
		echo
	done
}

t 'the newest file does not grow without end by small steps' <<'EOT'
	git init -q grows
	cd grows
	records 1 4200 | git fast-import --quiet
	git agent status --offline
	older >../before
	for i in 1 2 3; do
		records $((i * 1500 + 3000)) $((i * 1500 + 4499)) |
			git fast-import --quiet
		git agent status --offline
	done
	older >../after
	test_exit 1 cmp ../before ../after
	test_lines 1 ../after
	same_without_index
EOT

# The state of the refs that the index was made from names this file.
knows_packed_refs() {
	git agent status --offline
	grep -aqF "$(stat -c '%i %Y' .git/packed-refs)" .git/agent/index
}

t 'after refs were packed it is believed again without reading them' <<'EOT'
	cd grows
	git pack-refs --all
	wait_until 10 knows_packed_refs
	git update-ref refs/heads/other refs/agent/log/w-a-000001
	git pack-refs --all
	test_exit 1 grep -aqF "$(stat -c '%i %Y' .git/packed-refs)" .git/agent/index
	# What changed just now may change again: that proves nothing yet.
	wait_until 10 knows_packed_refs
EOT

t 'what was missing beyond the first few is noticed when it comes' <<'EOT'
	git init -q many
	cd many
	n=w-000-000000
	for i in $(seq 100); do
		for k in 1 2; do
			m=$(printf '%s\n' "done: $i $k" '' 'Agent-Kind: done' \
				"Agent-Clock: 2023-01-0${k}T00:00:00.$(printf %06d "$i")Z")
			echo "commit refs/agent-remotes/origin/log/w-$i-000001"
			echo "committer Ada <ada@example.org> 1700000000 +0000"
			printf 'data %d\n%s\n\n' $((${#m} + 1)) "$m"
		done
	done >../stream
	git -c fastimport.unpackLimit=1000 fast-import --quiet <../stream
	mkdir ../hidden
	git for-each-ref --format='%(parent)' refs/agent-remotes >../ids
	sed 's|^..|&/|' ../ids >../paths
	(cd .git/objects; tar -cf ../../../hidden.tar -T ../../../paths)
	sed 's|^|.git/objects/|' ../paths | xargs rm
	test_exit 3 git agent status --offline --json >out
	test_json '.stats.records == 100 and .stats.missing == 100'
	tail -n 1 ../paths >last
	tar -C .git/objects -xf ../hidden.tar -T last
	touch .git/shallow
	test_exit 3 git agent status --offline --json >out
	test_json '.stats.records == 101 and .stats.missing == 99'
	tar -C .git/objects -xf ../hidden.tar
	test_exit 0 git agent status --offline --json >out
	test_json '.stats.records == 200 and .stats.missing == 0'
EOT

finish

#!/usr/bin/env bash
# What the newest records say is kept beside the index, and readers never say
# anything else by it than by the records themselves.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/index.sh"

texts=.git/agent/texts

# by_hand KIND SUBJECT [TRAILER…]: a record of a writer of our making.
second=0 run=01JDD000000000000000000001
by_hand() {
	local ref=refs/agent/log/w-hand-000001 parent
	parent=$(git rev-parse -q --verify "$ref") || parent=''
	second=$((second + 1))
	printf '%s\n' "$1: $2" '' "Agent-Kind: $1" "${@:3}" \
		'Agent-Writer: w-hand-000001' \
		"Agent-Clock: $(printf '2026-01-01T00:%02d:%02d.000000Z' \
		$((second / 60)) $((second % 60)))" >../message
	git update-ref "$ref" "$(git commit-tree -F ../message \
		${parent:+-p "$parent"} 4b825dc642cb6eb9a060e54bf8d69288fbee4904)"
	git rev-parse "$ref"
}

t 'the fixture' <<'EOT'
	git init -q p
	cd p
	git commit -q --allow-empty -m 'a first commit'
	for i in $(seq 20); do
		git agent log 'done' "task $i"
		git agent log failed "approach $i" --instead "way $i"
	done
	git agent log next 'what is next'
	git agent log status 'how it is'
	git hash-object -t tree -w /dev/null
	by_hand check PASS 'Agent-State: PASS' \
		"Agent-Commit: $(git rev-parse HEAD)" \
		'Agent-Metric: err 1e-05 state=PASS'
	by_hand steer 'an old one that is open'
	for i in $(seq 20); do
		id=$(by_hand steer "look at case $i")
		by_hand delivered "case $i" "Agent-Steer: $id" "Agent-Run: $run"
		by_hand answered "case $i is done" "Agent-Steer: $id" \
			'Agent-State: done'
	done
	by_hand run begins "Agent-Run: $run" 'Agent-Event: start' \
		'Agent-Agent: claude'
	by_hand run 'ended well' "Agent-Run: $run" 'Agent-Event: end' \
		'Agent-Outcome: done'
	by_hand limit "a long one: $(printf 'it is long, %.0s' {1..800})"
EOT

t 'records that are not in a pack are not kept' <<'EOT'
	cd p
	git agent status --offline
	test_exit 1 grep -aq 'task 20' "$texts"
EOT

t 'those that are, are, and readers say the same' <<'EOT'
	cd p
	seen_by_readers >../loose
	git gc -q --prune=now
	seen_by_readers >../packed
	test_cmp ../loose ../packed
	grep -aq 'task 20' "$texts"
	test_grep 'err 1e-05' ../packed
	test_grep 'an old one that is open' ../packed
	test_grep 'case 20 is done' ../packed
	test_grep 'ended well' ../packed
	for n in 5 7 12; do
		git -c core.abbrev=$n agent log -n 1 --offline >../out
		id=$(sed -n '1s/ .*//p' ../out)
		test "$(git rev-parse --short=$n "$id")" = "$id"
	done
EOT

# zero FILE [KEEP]: it has other contents, and, with KEEP, the time it had.
zero() {
	touch -r "$1" ../time
	chmod u+w "$1"
	head -c "$(stat -c %s "$1")" /dev/zero | dd of="$1" conv=notrunc status=none
	test -z "${2-}" || touch -r ../time "$1"
}

t '… without an object, as long as the packs are what they were' <<'EOT'
	cd p
	git agent status --offline --json >../right
	pack=$(echo .git/objects/pack/*.pack)
	cp -p "$pack" ../pack
	zero "$pack" keep
	git agent status --offline --json >../out 2>../err || :
	git agent log -n 5 --offline >../log 2>../err || :
	touch "${pack%.pack}.idx"
	test_exit 3 git agent log -n 5 --offline >../touched
	cp -p ../pack "$pack"
	for what in '0.00001\|1e-05' 'an old one that is open' 'case 20 is done' \
		'ended well' 'claude' 'task 20' 'approach 20' 'how it is'; do
		test_grep "$what" ../right
		test_grep "$what" ../out
	done
	test_grep 'how it is' ../log
	test_no_grep 'how it is' ../touched
	# What is too long for it is not kept.
	test_grep 'a long one' ../right
	test_no_grep 'a long one' ../out
EOT

t 'a pack that is gone is noticed' <<'EOT'
	cd p
	git agent log next 'a change'
	git repack -adq
	git prune-packed
	git agent log --all --offline >../out
	test_grep 'task 20' ../out
	mkdir ../gone
	mv .git/objects/pack/* ../gone
	rc=0
	git agent log --all --offline >../out 2>&1 || rc=$?
	mv ../gone/* .git/objects/pack
	test $rc = 3
	test_no_grep 'task 20' ../out
	git agent log --all --offline >../out
	test_grep 'task 20' ../out
EOT

t 'what has its ref later than its pack is kept, too' <<'EOT'
	git init -q other
	(cd other && git agent log 'done' 'from another one')
	git init -q later
	cd later
	git agent log 'done' 'of our own'
	git fetch -q ../other 'refs/agent/log/*:refs/heads/*'
	git repack -adq
	git prune-packed
	git agent log --offline
	git update-ref refs/agent-remotes/origin/log/w-other-000001 \
		"$(git for-each-ref --format='%(objectname)' refs/heads)"
	git agent log --offline
	pack=$(echo .git/objects/pack/*.pack)
	zero "$pack" keep
	test_exit 3 git agent log --offline >out
	test_grep 'of our own' out
	test_grep 'from another one' out
EOT

t 'missing, cut short, overwritten or with flipped bits, it does no harm' <<'EOT'
	cd p
	git agent status --offline
	cp "$texts" ../texts
	size=$(stat -c %s "$texts")
	seen_by_readers >../right 2>&1
	is_right() {
		local - && set +x
		seen_by_readers >../got 2>&1
		test_cmp ../right ../got
	}
	for n in 0 1 4095 4096 8192 $((size - 4096)) $((size - 1)); do
		truncate -s "$n" "$texts"
		is_right
		cp ../texts "$texts"
	done
	for i in $(seq 24); do
		at=$(((i * 7919 + i * i * 104729) % size))
		printf '\125' | dd of="$texts" bs=1 seek=$at conv=notrunc status=none
		is_right
		cp ../texts "$texts"
	done
	cp .git/agent/index "$texts"
	is_right
	rm "$texts"
	mkdir "$texts"
	is_right
	rmdir "$texts"
	is_right
EOT

t 'the next reader makes it again' <<'EOT'
	cd p
	size=$(stat -c %s ../texts)
	for how in 'rm' 'truncate -s 0' 'truncate -s 5000' 'zero'; do
		cp ../texts "$texts"
		$how "$texts"
		touch .git/agent/texts.abcdef
		git agent log -n 1 --offline
		test "$(stat -c %s "$texts")" = "$size"
		git agent log next "after $how"
		git agent status --offline
		test ! -e .git/agent/texts.abcdef
	done
	# Also after a repack that moves no ref.
	cp "$texts" ../texts
	git repack -adqF
	git agent log -n 1 --offline
	test_exit 1 cmp -s ../texts "$texts"
	test "$(stat -c %s "$texts")" -gt 10000
	# And only once, though git gives a pack another time, as it has the empty
	# tree of the record.
	made=$(stat -c %y "$texts")
	touched=$(stat -c %Y .git/objects/pack/*.pack)
	sleep 1.1
	git agent log next 'one that is loose'
	test "$touched" != "$(stat -c %Y .git/objects/pack/*.pack)"
	git agent log -n 1 --offline
	rm .git/agent/index
	git agent log -n 1 --offline
	test "$made" = "$(stat -c %y "$texts")"
EOT

t 'what is taken back does not stay' <<'EOT'
	cd p
	git agent log --retract "$(git agent log --json -n 1 'done' |
		jq -r '.[0].id')" 'it was not done'
	git agent status --offline >out
	test_no_grep 'task 20' out
	test_grep 'task 19' out
EOT

# alike FIRST SECOND: a record and a blob, whose names begin with the same seven
# digits, as files.
alike() {
	perl -MDigest::SHA=sha1_hex -e 'my %seen;
	my $who = "Ada <ada\@example.org> 1767225600 +0000";
	for my $i (1 .. 40000) {
		my $text = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n" .
		    "author $who\ncommitter $who\n\ndone: the one, $i\n\n" .
		    "Agent-Kind: done\nAgent-Writer: w-alike-000001\n" .
		    "Agent-Clock: 2026-01-01T00:00:00.000000Z\n";
		my $id = sha1_hex("commit " . length($text) . "\0$text");
		$seen{substr $id, 0, 7} = $text;
	}
	for (my $i = 0;; $i++) {
		my $text = "object $i\n";
		my $id = sha1_hex("blob " . length($text) . "\0$text");
		my $other = $seen{substr $id, 0, 7} or next;
		open(my $f, ">", $ARGV[0]); print $f $other;
		open(my $g, ">", $ARGV[1]); print $g $text;
		last;
	}' "$1" "$2"
}

t 'an id that others begin like, too, is shown longer' <<'EOT'
	git init -q short
	cd short
	alike ../record ../blob
	git hash-object -t tree -w /dev/null
	git update-ref refs/agent/log/w-alike-000001 \
		"$(git hash-object -t commit -w ../record)"
	git repack -adq
	git prune-packed
	git agent log -n 1 --offline | without_age >out
	id=$(sed -n '1s/ .*//p' out)
	test "${#id}" = 7
	test_lines 1 <(git rev-parse --disambiguate="$id")
	git hash-object -w ../blob | git pack-objects -q .git/objects/pack/pack
	git prune-packed
	test_lines 2 <(git rev-parse --disambiguate="$id")
	git agent log -n 1 --offline | without_age >out
	longer=$(sed -n '1s/ .*//p' out)
	test "${#longer}" -gt 7
	# Also by what is kept then.
	git agent log -n 1 --offline | without_age >again
	test_cmp out again
	git -c core.abbrev=20 agent log -n 1 --offline >out
	test "$(sed -n '1s/ .*//p' out | wc -c)" = 21
EOT

t 'of a repository that borrows nothing is kept' <<'EOT'
	git init -q lender
	(cd lender && git agent log 'done' 'first task' && git agent log 'done' 'second task')
	git clone -qs lender borrower 2>../err
	cd borrower
	git fetch -q origin 'refs/agent/log/*:refs/agent-remotes/origin/log/*'
	test_exit 3 git agent log --offline >out
	test_grep first out
	id=$(cd ../lender && git rev-parse "$(git for-each-ref \
		--format='%(refname)' refs/agent/log)~1")
	rm -f "../lender/.git/objects/${id:0:2}/${id:2}"
	test_exit 3 git agent log --offline >out
	test_no_grep first out
	test_grep second out
	test ! -e "$texts"
EOT

finish

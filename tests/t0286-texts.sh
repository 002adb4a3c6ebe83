#!/usr/bin/env bash
# What the newest records say is kept beside the index, and readers never say
# anything else by it than by the records themselves.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/index.sh"

texts=.git/agent/texts

# What changed a moment ago may change again unseen; so it is waited for.
settle() {
	sleep 2.2
	git agent status --offline >/dev/null
	test -s "$texts"
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
	git agent steer 'look at the third case'
	printf '%s\n' 'check: PASS' '' 'Agent-Kind: check' 'Agent-State: PASS' \
		"Agent-Commit: $(git rev-parse HEAD)" \
		'Agent-Metric: err 1e-05 state=PASS' 'Agent-Writer: w-check-000001' \
		'Agent-Clock: 2026-01-01T00:00:00.000000Z' >../message
	git hash-object -t tree -w /dev/null
	git update-ref refs/agent/log/w-check-000001 "$(git commit-tree \
		-F ../message 4b825dc642cb6eb9a060e54bf8d69288fbee4904)"
EOT

t 'records that are not in a pack are not kept' <<'EOT'
	cd p
	sleep 2.2
	git agent status --offline
	test ! -e "$texts"
EOT

t 'those that are, are, and readers say the same' <<'EOT'
	cd p
	seen_by_readers >../loose
	git gc -q --prune=now
	seen_by_readers >../packed
	test_cmp ../loose ../packed
	settle
	seen_by_readers >../kept
	test_cmp ../loose ../kept
	test_grep 'err 1e-05' ../kept
	test_grep 'look at the third case' ../kept
EOT

# The folder of packs stays as it was, so nobody can notice.
t '… without an object' <<'EOT'
	cd p
	pack=$(echo .git/objects/pack/*.pack)
	cp "$pack" ../pack
	chmod u+w "$pack"
	: >"$pack"
	git agent status --offline | without_age >../out
	git agent log -n 10 --offline | without_age >../log
	mv "$texts" ../texts
	test_exit 3 git agent log -n 10 --offline
	mv ../texts "$texts"
	cat ../pack >"$pack"
	git agent status --offline | without_age >../right
	git agent log -n 10 --offline | without_age >../right.log
	test_cmp ../right ../out
	test_cmp ../right.log ../log
EOT

t 'a pack that is gone is noticed' <<'EOT'
	cd p
	mkdir ../gone
	mv .git/objects/pack/* ../gone
	for wait in 0 2.2; do
		sleep $wait
		rc=0
		git agent log --all --offline >../out 2>&1 || rc=$?
		test $rc = 3 && test_no_grep 'task 20' ../out || touch ../bad
	done
	mv ../gone/* .git/objects/pack
	test ! -e ../bad
	git agent log --all --offline >../out
	test_grep 'task 20' ../out
	# Also if it was not there for long.
	git repack -adq
	git agent log next 'a change'
	git agent log --all --offline >../out
	mv .git/objects/pack/* ../gone
	rc=0
	git agent log --all --offline >../out 2>&1 || rc=$?
	mv ../gone/* .git/objects/pack
	test $rc = 3
	test_no_grep 'task 20' ../out
EOT

t 'what has its ref later than its pack is kept, too' <<'EOT'
	git init -q ../other
	(cd ../other && git agent log 'done' 'from another one')
	git init -q later
	cd later
	git agent log 'done' 'of our own'
	git fetch -q ../../other 'refs/agent/log/*:refs/heads/*'
	git repack -adq
	git prune-packed
	settle
	git update-ref refs/agent-remotes/origin/log/w-other-000001 \
		"$(git for-each-ref --format='%(objectname)' refs/heads)"
	git agent log --offline
	pack=$(echo .git/objects/pack/*.pack)
	chmod u+w "$pack"
	: >"$pack"
	test_exit 3 git agent log --offline >out
	test_grep 'of our own' out
	test_grep 'from another one' out
EOT

t 'missing, cut short, overwritten or with flipped bits, it does no harm' <<'EOT'
	cd p
	settle
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

t 'it is made again with the next change' <<'EOT'
	cd p
	cp ../texts "$texts"
	for how in 'rm' 'truncate -s 0' 'truncate -s 5000'; do
		$how "$texts"
		touch .git/agent/texts.abcdef
		git agent log next "after $how"
		git agent status --offline
		test -s "$texts"
		test ! -e .git/agent/texts.abcdef
		test "$(stat -c %s "$texts")" -gt 10000
	done
EOT

t 'what is taken back does not stay' <<'EOT'
	cd p
	git agent log --retract "$(git agent log --json -n 1 'done' |
		jq -r '.[0].id')" 'it was not done'
	git agent status --offline >out
	test_no_grep 'task 20' out
	test_grep 'task 19' out
EOT

# like ID: a blob whose name begins so.
like() {
	perl -MDigest::SHA=sha1_hex -e 'for (my $i = 0;; $i++) {
		my $text = "object $i\n";
		my $id = sha1_hex("blob " . length($text) . "\0$text");
		next if index($id, $ARGV[0]) != 0;
		print $text;
		last;
	}' "$1"
}

t 'an id that others begin like, too, is shown longer' <<'EOT'
	git init -q short
	cd short
	git config core.abbrev 4
	git agent log 'done' 'the one'
	git repack -adq
	git pack-refs --all
	settle
	git agent log -n 1 --offline >out
	id=$(sed -n '1s/ .*//p' out)
	test_lines 1 <(git rev-parse --disambiguate="$id")
	test "${#id}" = 4
	like "$id" | git hash-object -w --stdin | git pack-objects -q \
		.git/objects/pack/pack
	git prune-packed
	test_lines 2 <(git rev-parse --disambiguate="$id")
	git agent log -n 1 --offline | without_age >out
	longer=$(sed -n '1s/ .*//p' out)
	test "${#longer}" -gt 4
	# Also by what is kept then.
	rm .git/agent/index
	settle
	git agent log -n 1 --offline | without_age >again
	test_cmp out again
	# And as it is configured now.
	git -c core.abbrev=20 agent log -n 1 --offline >out
	test "$(sed -n '1s/ .*//p' out | wc -c)" = 21
EOT

t 'of a repository that borrows nothing is kept' <<'EOT'
	git init -q lender
	(cd lender && git agent log 'done' 'first task' && git agent log 'done' 'second task')
	git clone -qs lender borrower 2>../err
	cd borrower
	git fetch -q origin 'refs/agent/log/*:refs/agent-remotes/origin/log/*'
	sleep 2.2
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

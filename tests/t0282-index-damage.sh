#!/usr/bin/env bash
# An index that is damaged, foreign or cannot be written: what readers say is
# right, and it is whole again afterwards.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/index.sh"
export -f without_age seen_by_readers set_index_aside take_index_back same_without_index
export LOG_COUNT=-n60

# p: two files and that of the refs.  The events after the first leave
# something in each.
git init -q p
grow() {
	perl "$ROOT/tests/fixtures/index-events.pl" "$@" \
		bash -c 'git agent status --offline || :' -
}
(cd p && grow 31 120 4200) >/dev/null 2>&1 || bail 'no fixture'
(cd p && git pack-refs --all && seen_by_readers) >right 2>right.err
sleep 2.5		# so that the times of the refs prove something
(cd p && git agent status --offline) >/dev/null 2>&1
cp -a p/.git/agent whole

older=.git/agent/$(basename whole/index-[0-9a-f]*)
refs=.git/agent/$(basename whole/index-refs-*)
restore() { rm -rf .git/agent; cp -a ../whole .git/agent; }

sum_of_all() { cat .git/agent/index .git/agent/index-{[0-9a-f],refs-}* | cksum; }

# Readers are right, exit as ever, and the index is whole afterwards: the
# next reader leaves it as it is.
is_mended() {
	local - && set +x
	local before
	seen_by_readers >../got 2>../got.err
	diff -u ../right ../got && diff -u ../right.err ../got.err || return
	before=$(sum_of_all)
	seen_by_readers >../got 2>&1
	test "$before" = "$(sum_of_all)"
}

# A reader that has to look at it all.
t 'the fixture has all files, and readers leave them alone' <<'EOT'
	cd p
	test -f "$older"
	test -f "$refs"
	test "$(stat -c %s .git/agent/index)" -gt 4096
	before=$(sum_of_all)
	is_mended
	test "$before" = "$(sum_of_all)"
EOT

t 'missing, empty or cut short' <<'EOT'
	cd p
	for which in .git/agent/index "$older" "$refs"; do
		restore
		rm "$which"
		is_mended
		size=$(stat -c %s "../whole/${which##*/}")
		for n in 0 1 8 100 4095 4096 4097 $((size / 2)) $((size / 4096 / 2 * 4096)) \
			$((size - 4096)) $((size - 1)); do
			restore
			truncate -s "$n" "$which"
			is_mended
		done
		restore
		head -c 4096 /dev/zero >>"$which"
		is_mended
	done
EOT

# flip FILE OFFSET BIT
flip() {
	perl -e 'open(F, "+<", $ARGV[0]); seek(F, $ARGV[1], 0); read(F, $b, 1);
		seek(F, $ARGV[1], 0); print F chr(ord($b) ^ (1 << $ARGV[2]))' "$@"
}

t 'flipped bits, where nothing else has happened' <<'EOT'
	cd p
	for which in .git/agent/index "$older" "$refs"; do
		size=$(stat -c %s "../whole/${which##*/}")
		for i in $(seq 16); do
			restore
			flip "$which" $(((i * 7919 + i * i * 104729) % size)) $((i % 8))
			seen_by_readers >../got 2>../got.err
			test_cmp ../right ../got
			test_cmp ../right.err ../got.err
		done
	done
EOT

# one_more N: a record that takes back one of the older file's.
one_more() {
	local m
	m=$(printf '%s\n' "next: one more" '' 'Agent-Kind: next' \
		"Agent-Clock: 2024-01-01T00:00:$(printf %02d "$1").000000Z")
	git update-ref refs/agent-remotes/origin/log/w-more-000001 \
		"$(GIT_COMMITTER_DATE='1700000000 +0000' \
		GIT_AUTHOR_DATE='1700000000 +0000' git commit-tree -m "$m" 4b825dc642cb6eb9a060e54bf8d69288fbee4904)"
}

t '… and nothing of what could not be read is lost when it grows' <<'EOT'
	cd p
	git hash-object -t tree -w /dev/null
	restore
	one_more 1
	seen_by_readers >../more 2>../more.err
	git update-ref -d refs/agent-remotes/origin/log/w-more-000001
	for which in .git/agent/index "$older" "$refs"; do
		size=$(stat -c %s "../whole/${which##*/}")
		blocks=$((size / 4096))
		for i in $(seq 0 $((blocks > 12 ? 11 : blocks - 1))); do
			restore
			at=$(((blocks - 1 - i * blocks / 12 % blocks) * 4096 + 77 * i))
			test "$blocks" -gt 12 || at=$((i * 4096 + 501))
			flip "$which" "$at" 3
			one_more 1
			seen_by_readers >../got 2>../got.err
			test_cmp ../more ../got
			git update-ref -d refs/agent-remotes/origin/log/w-more-000001
		done
	done
EOT

t 'another version, and the files of another repository' <<'EOT'
	cd p
	sleep 2.5	# the refs have just moved
	restore
	# As another version would write it: with a checksum that is right.
	printf '\377' | dd of=.git/agent/index bs=1 seek=8 conv=notrunc
	is_mended
	git init -q ../q
	(cd ../q; grow 32 5 4200 >/dev/null; git pack-refs --all
		seen_by_readers) >../q.right 2>../q.err
	mkdir ../q.whole
	cp ../q/.git/agent/index* ../q.whole
	for what in 'index*' 'index' 'index-*' 'index-refs-*'; do
		restore
		rm -f ../q/.git/agent/index*
		find .git/agent -name "$what" -exec cp -t ../q/.git/agent {} +
		(cd ../q; seen_by_readers) >../got 2>../got.err
		test_cmp ../q.right ../got
		find .git/agent -name "$what" -exec rm {} +
		find ../q.whole -name "$what" -exec cp -t .git/agent {} +
		is_mended
	done
EOT

# unwritable FUNCTION: here, where nothing can be written.
unwritable() {
	# shellcheck disable=SC2016 # for the other shell
	unshare -m bash -c 'mount --bind "$PWD" "$PWD"
		mount -o remount,ro,bind "$PWD"
		cd "$PWD" || exit
		"$1"' - "$1"
}

if (cd p; unwritable true 2>/dev/null); then
t 'where it cannot be written, readers go without' <<'EOT'
	cd p
	restore
	one_more 1
	unwritable seen_by_readers >../got 2>../got.err
	git update-ref -d refs/agent-remotes/origin/log/w-more-000001
	test_cmp ../more ../got
	test_cmp ../more.err ../got.err
	test_exit 0 cmp ../whole/index .git/agent/index
EOT
else
	skip 'where it cannot be written' 'no mount namespaces here'
fi

finish

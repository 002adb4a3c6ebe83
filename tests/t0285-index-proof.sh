#!/usr/bin/env bash
# The index right after a ref has moved: what is packed is not read once more,
# and no change is missed.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/index.sh"
. "$ROOT/tests/fixtures/coordination.sh"

# grow LOG CLOCK…: records in refs/agent/log/LOG.
grow() {
	local log=$1
	shift
	grow_ref "refs/agent/log/$log" "$@"
}

status() { git agent status --offline "$@"; }
# With one that cannot be read it says so.
look() { status >/dev/null 2>&1 || test $? = 3; }
logs() {
	status --json >../logs
	test_json ".stats.logs == $1" ../logs
}

# The folders are older than what file systems round times to.
grow_old() { sleep 2.5; }

which_index() { stat -c %i .git/agent/index; }

t 'packed logs, and one that moves' <<'EOT'
	new_repo proof
	cd proof
	for i in 1 2 3 4 5 6; do
		grow "w-packed-00000$i" "$i" "1$i"
	done
	git pack-refs --all
	grow_old
	look
	grow w-loose-000001 21
	logs 7
	which_index >../index
EOT

t 'the index is as good at once, and is not written again' <<'EOT'
	cd proof
	logs 7
	which_index | diff ../index -
	test ! -e .git/agent/index-proof
	same_without_index
EOT

t '… and later, when that can be said in a few lines' <<'EOT'
	cd proof
	grow_old
	logs 7
	which_index | diff ../index -
	stat -c %i .git/agent/index-proof >../first
	logs 7
	# Nobody looks again.
	stat -c %i .git/agent/index-proof | diff ../first -
	tail -n 1 .git/agent/index-proof >last
	grep -E '^[0-9a-f]{16}$' last
	same_without_index
EOT

t 'each change is seen, within the same instant' <<'EOT'
	cd proof
	tick=0
	at=refs/agent/log
	old=$(git rev-parse "$at/w-packed-000002")
	for change in \
	    'grow w-loose-000001 31' \
	    'grow w-packed-000001 32' \
	    'grow w-new-000001 33' \
	    "git update-ref $at/w-copy-000001 $at/w-new-000001" \
	    "git update-ref -d $at/w-copy-000001" \
	    "mv .git/$at/w-loose-000001 .git/$at/w-loose-000002" \
	    "git update-ref refs/agent-remotes/far/log/w-far-000001 $at/w-new-000001" \
	    "git update-ref refs/agent-remotes/far/log/-bad- $at/w-new-000001" \
	    'rm .git/refs/agent-remotes/far/log/-bad-' \
	    'git pack-refs --all' \
	    'grow w-packed-000002 34'; do
		# The newest file is of this instant, and packed-refs may be old.
		grow w-tick-000001 "$((++tick + 40))"
		look
		$change
		same_without_index "$change"
	done
	test "$(git rev-parse "$at/w-packed-000002")" != "$old"
EOT

t '… and once that is proven' <<'EOT'
	cd proof
	tick=0
	for change in 'grow w-packed-000004 91' 'git pack-refs --all' \
	    'grow w-packed-000004 92'; do
		grow w-tick-000001 "$((++tick + 60))"
		look
		grow_old
		look
		$change
		same_without_index "$change"
	done
EOT

t 'a log that is deleted is put back' <<'EOT'
	cd proof
	tip=$(git rev-parse refs/agent/log/w-packed-000005)
	grow w-tick-000001 98
	look
	git update-ref -d refs/agent/log/w-packed-000005
	test_exit 3 status 2>err
	test_grep "'refs/agent/log/w-packed-000005', had been set back or deleted" err
	test "$(git rev-parse refs/agent/log/w-packed-000005)" = "$tip"
EOT

t 'a packed log that a symbolic ref hid is seen when it is back' <<'EOT'
	new_repo hidden
	cd hidden
	for i in 1 2 3; do
		grow "w-packed-00000$i" "$i"
	done
	git pack-refs --all
	mkdir -p .git/refs/agent/log
	echo 'ref: refs/heads/main' >.git/refs/agent/log/w-packed-000002
	grow_old
	grow w-tick-000001 5
	logs 3
	rm .git/refs/agent/log/w-packed-000002
	logs 4
EOT

# proven_and LINES…: a proof is there, and then it is something else.
proven_and() {
	grow w-tick-000001 "$((++tick))"
	look
	grow_old
	look
	cp .git/agent/index-proof ../was
	"$@" <../was >.git/agent/index-proof
	grow w-tick-000001 "$((++tick))"
	status --json >../out
	jq -e ".stats.records == $((tick + 1))" ../out
}
first_two_of_another() { head -n 2 && echo 0123456789abcdef; }
first_two_and_zeros() {
	sed -n 1,2p ../was && head -c 100 /dev/zero && tail -n 1 ../was
}

t 'a proof that is cut short, full of zeros or of another index is none' <<'EOT'
	new_repo proven
	cd proven
	tick=0
	grow w-packed-000001 1
	git pack-refs --all
	grow_old
	proven_and cat
	proven_and first_two_of_another
	proven_and first_two_and_zeros
	proven_and true
EOT

# fetched ORIGIN: the clone 'ORIGIN-me' has a log, packed long ago; after that
# another one, of 'ORIGIN-writer', is on the server, and nowhere else.
fetched() {
	new_origin "$1"
	new_clone "$1" "$1-other"
	new_clone "$1" "$1-me"
	new_clone "$1" "$1-writer"
	git -C "$1-other" agent log 'done' y1
	(cd "$1-me" && git agent sync && git pack-refs --all)
	grow_old
	(cd "$1-me" && look)
	git -C "$1-writer" agent log 'done' x1
	theirs=$(cd "$1-writer" && writer)
}

# pruned ORIGIN: there and here, by whatever git.
pruned() {
	git -C "../srv/$1.git" update-ref -d "refs/agent/log/$theirs"
	git update-ref -d "refs/agent-remotes/origin/log/$theirs"
}

# all_loose: each object in a file of its own.
all_loose() {
	local pack
	rm -rf ../packs
	mkdir ../packs
	find .git/objects/pack -type f -exec mv -t ../packs {} +
	for pack in ../packs/*.pack; do
		test ! -e "$pack" || git unpack-objects -q <"$pack" || return
	done
}

t 'pruned, before the index had it: the refs are as before, and it is put back' <<'EOT'
	fetched busy
	cd busy-me
	# Another process is at the index all the while.
	flock .git/agent/index.lock git agent sync
	test_grep "$theirs" .git/agent/known-logs
	pruned busy
	git agent log --offline >out 2>err || test $? = 3
	test_grep x1 out
	test_grep "'log/$theirs' has lost records" err
EOT

t '… or while it is made, and what it had cannot be read just then' <<'EOT'
	fetched away
	cd away-me
	git agent sync
	all_loose
	tip=$(git rev-parse "refs/agent-remotes/origin/log/$theirs")
	pruned away
	rm -f .git/agent/index*
	mv ".git/objects/${tip:0:2}/${tip:2}" ../away
	git agent log --offline >out 2>err || test $? = 3
	test_no_grep x1 out
	mv ../away ".git/objects/${tip:0:2}/${tip:2}"
	git agent log --offline >out 2>err || test $? = 3
	test_grep x1 out
EOT

t '… or while its remote is in a part of the config that is not read' <<'EOT'
	fetched view
	cd view-me
	git agent sync
	git config --get-regexp '^remote\.origin\.' >../remote
	while read -r key value; do
		git config -f .git/origin.cfg --add "$key" "$value"
	done <../remote
	git config --remove-section remote.origin
	git config include.path origin.cfg
	grow_old
	look
	pruned view
	git config --unset include.path
	git agent log --offline >out 2>err || test $? = 3
	git agent log --no-push 'done' n1
	git agent log --offline >out 2>err || test $? = 3
	test_no_grep x1 out
	git config include.path origin.cfg
	git agent log --offline >out 2>err || test $? = 3
	test_grep x1 out
EOT

t 'what a plain fetch brought is known at the next sync, too' <<'EOT'
	fetched plain
	cd plain-me
	git clone -q --bare ../srv/plain.git ../srv/second.git
	git remote add second "$(dirname "$(git remote get-url origin)")/second.git"
	git -c agent.remote=second agent sync || test $? = 3
	git fetch -q
	look
	git -C ../srv/second.git update-ref refs/agent/log/w-new-000001 \
		"$(git rev-parse "refs/agent-remotes/origin/log/$theirs")"
	git -c agent.remote=second agent sync
	test_no_grep "origin/log/$theirs" .git/agent/known-logs
	grow_old
	look
	git agent sync
	test_grep "origin/log/$theirs" .git/agent/known-logs
EOT

t 'of many objects that are missing each is seen when it comes' <<'EOT'
	new_repo many
	git init -q lacking
	cd many
	for i in $(seq -w 1 150); do
		grow "w-many-000$i" "1$i" "2$i"
	done
	git bundle create -q ../all.bundle --glob=refs/agent/log/*
	git -C ../lacking fetch -q ../all.bundle 'refs/agent/log/*:refs/agent/log/*'
	cd ../lacking
	all_loose
	mkdir ../parents
	git for-each-ref --format='%(parent)' refs/agent/log | sort >../ids
	while read -r id; do
		mv ".git/objects/${id:0:2}/${id:2}" "../parents/$id"
	done <../ids
	git agent log --all --offline --json >out 2>err || test $? = 3
	test_json 'length == 150' out
	id=$(sed -n 120p ../ids)
	mkdir -p ".git/objects/${id:0:2}"
	mv "../parents/$id" ".git/objects/${id:0:2}/${id:2}"
	git agent log --all --offline --json >out 2>err || test $? = 3
	test_json 'length == 151' out
EOT

# changes_in_place: packed-refs gets another value within a second, the file
# and its size being the same.
changes_in_place() {
	local i
	git init -q packed && cd packed || return
	grow w-a-000001 1
	git pack-refs --all
	for i in $(seq 2 12); do
		git agent status --offline --json >../out
		jq -e ".stats.records == $i - 1" ../out || return
		grow w-a-000001 "$i"
		sed -E "s/^[0-9a-f]{40} (.*w-a-000001)/$(git rev-parse \
			refs/agent/log/w-a-000001) \\1/" .git/packed-refs >../new
		cat ../new >.git/packed-refs
		rm .git/refs/agent/log/w-a-000001
	done
}
# hidden_at_once: a packed log is hidden and back within a second.
hidden_at_once() {
	local i
	git init -q hidden && cd hidden || return
	grow w-a-000001 1
	grow w-b-000001 2
	git pack-refs --all
	sleep 3.5
	for i in 1 2 3 4 5; do
		mkdir -p .git/refs/agent/log
		rm -rf .git/agent
		echo 'ref: refs/heads/main' >.git/refs/agent/log/w-b-000001
		git agent status --offline --json >../out
		rm .git/refs/agent/log/w-b-000001
		git agent status --offline --json >../out
		jq -e '.stats.logs == 2' ../out || return
	done
}
export -f grow grow_ref changes_in_place hidden_at_once

if on_coarse true 2>/dev/null; then
	t 'packed-refs that changes in place within a second is read' <<-'EOT'
		on_coarse changes_in_place
	EOT
	t 'a packed log that was hidden for less than a second is seen' <<-'EOT'
		on_coarse hidden_at_once
	EOT
else
	skip 'packed-refs that changes in place within a second' 'cannot mount here'
	skip 'a packed log that was hidden for less than a second' 'cannot mount here'
fi

finish

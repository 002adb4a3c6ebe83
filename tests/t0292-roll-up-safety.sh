#!/usr/bin/env bash
# Rolling up deletes refs at the remote, so nothing that others do beside it,
# or have forged before it, may make it delete what is nowhere else.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"
. "$ROOT/tests/fixtures/doctor.sh"

roll_up() {
	sleep 1.1
	git agent sync --roll-up --older-than 1s "$@"
}

# job ORIGIN NAME: a clone that wrote one record.
job() {
	new_clone "$1" "$2"
	(cd "$2" && git agent log 'done' "$2, one" && git agent sync) 2>&1
}

server_logs() {
	git -C "$SCRATCH/srv/$1.git" for-each-ref refs/agent/log | wc -l
}

t 'what a fetch beside it brought is not deleted unrecorded' <<'EOF'
	new_origin race
	job race racer
	new_clone race race-head
	cd racer
	git agent log 'done' 'LATE' --no-push
	late=$(git rev-parse "refs/agent/log/$(writer)")
	git push -q origin "$late:refs/heads/late"
	log=refs/agent/log/$(writer)
	cd ..
	cat >srv/race.git/hooks/post-receive <<HOOK
#!/bin/sh
test -e woken && exit 0
touch woken
git update-ref $log $late
git update-ref -d refs/heads/late
unset GIT_DIR GIT_QUARANTINE_PATH
cd $SCRATCH/race-head
git fetch -q $SCRATCH/srv/race.git 'refs/agent/log/*:refs/agent-remotes/origin/log/*'
HOOK
	chmod +x srv/race.git/hooks/post-receive
	cd race-head
	test_exit 1 roll_up 2>err
	test_grep 'stale info' err
	cd ..
	new_clone race fresh
	cd fresh
	git agent log >out
	test_grep LATE out
EOF

t "a stranger's roll-up is no proof that a log is safe" <<'EOF'
	new_origin forged
	job forged victim
	new_clone forged mallory
	cd mallory
	git agent sync
	git agent log 'done' 'mine'
	tip=$(git rev-parse "refs/agent-remotes/origin/log/$(cd ../victim && writer)")
	own=$(git rev-parse "refs/agent/log/$(writer)")
	tree=$(git hash-object -t tree /dev/null)
	printf 'rollup: x\n\nAgent-Kind: rollup\nAgent-Rolled-Up: x\nAgent-Clock: 2026-01-01T00:00:00.000000Z\n' |
		git commit-tree -p "$own" -p "$tip" "$tree" >id
	git push -q origin "$(cat id):refs/agent/log/$(writer)"
	cd ..
	new_clone forged admin
	cd admin
	roll_up
	git agent log rollup --json >out
	test_json 'length == 2'
	git -C ../srv/forged.git update-ref -d \
		"refs/agent/log/$(cd ../mallory && writer)" || :
	cd ..
	new_clone forged later
	cd later
	git agent log --all >out
	test_grep 'victim, one' out
EOF

# on_top ORIGIN CLONE: push the commit on stdin to the log of that clone,
# whose tip %s stands for.
on_top() {
	local log tip
	log=refs/agent/log/$(cd "$2" && writer)
	tip=$(git -C "$SCRATCH/srv/$1.git" rev-parse "$log")
	sed "s/%s/$tip/; s/%S/${tip^^}/" |
		git -C "$SCRATCH/srv/$1.git" hash-object -t commit -w --stdin |
		xargs git -C "$SCRATCH/srv/$1.git" update-ref "$log"
}

# What anybody sees of the logs that were rolled up, here and elsewhere.
is_seen() {
	git agent sync || test $? = 3
	test_exit 3 git agent log --all >out 2>err
	test_grep 'could not be read as records' err
	test_grep 'hidden, one' out
	rm .git/agent/index*
	test_exit 3 git agent log --all --offline >out
	test_grep 'hidden, one' out
}

t 'who rolled a log up cannot hide it behind commits that are no records' <<'EOF'
	new_origin hiding
	job hiding hidden
	new_clone hiding stranger
	new_clone hiding watcher
	(cd watcher && git agent sync)
	(cd stranger && roll_up)
	test "$(server_logs hiding)" = 1
	(cd watcher && git agent sync)
	log=refs/agent/log/$(cd stranger && writer)
	for i in {1..1500}; do
		printf 'commit %s\ncommitter E <e@x> %d +0000\ndata 1\nx\n' \
			"$log" "$i"
		test "$i" != 1 || printf 'from %s^0\n' "$log"
	done | git -C srv/hiding.git fast-import --quiet
	(cd watcher && is_seen)
	new_clone hiding newcomer
	(cd newcomer && is_seen)
	cd hidden
	git agent sync || test $? = 3
	test "$(server_logs hiding)" = 1
EOF

t '… nor behind a parent that is named in capitals' <<'EOF'
	tree=$(git hash-object -t tree /dev/null)
	printf 'tree %s\nparent %%S\nauthor E <e@x> 1 +0000\ncommitter E <e@x> 1 +0000\n\nx\n' \
		"${tree^^}" | on_top hiding stranger
	(cd watcher && is_seen)
	(cd newcomer && is_seen)
EOF

t '… nor, from who has seen it, behind one that is too large to read' <<'EOF'
	git -C srv/hiding.git config core.compression 1
	git -C srv/hiding.git config pack.window 0
	log=refs/agent/log/$(cd stranger && writer)
	for i in 1 2; do
		{ printf 'tree %s\nparent %%s\nauthor E <e@x> 1 +0000\ncommitter E <e@x> 1 +0000\n\n' \
			"$(git hash-object -t tree /dev/null)"
			yes | head -c 70000000; } | on_top hiding stranger
		(cd watcher && is_seen)
	done
	(cd newcomer && git fetch -q && is_seen)
	# One ref for what was hidden, and none for what hides nothing.
	git -C watcher for-each-ref --format='%(refname)' \
		refs/agent-remotes/origin/kept >kept
	test_lines 1 kept
	test_grep "${log#refs/agent/}\$" kept
	(cd watcher && git fetch -q --prune && is_seen)
EOF

t '… and who is new is told, until the owner syncs again' <<'EOF'
	new_clone hiding latest
	cd latest
	test_exit 3 git agent log --all >out 2>err
	test_grep 'could not be read as records' err
	test_no_grep 'hidden, one' out
	cd ../hidden
	git agent sync || test $? = 3
	test "$(server_logs hiding)" = 2
	cd ../latest
	is_seen
EOF

# rollups ORIGIN LOG [PARENT]: many roll-ups far in the future, that have the log
# `x` at PARENT.
rollups() {
	local i
	for i in {100..400}; do
		printf 'commit %s\ncommitter E <e@x> 1 +0000\ndata <<.\n' "$2"
		printf 'rollup: x\n\nAgent-Kind: rollup\nAgent-Rolled-Up: x\n'
		printf 'Agent-Clock: 9999-12-31T23:59:59.000%dZ\n.\n' "$i"
		test -z "${3:-}" || printf 'merge %s\n' "$3"
	done | git -C "$SCRATCH/srv/$1.git" fast-import --quiet
}

t 'roll-ups from the future do not hide a later one from who missed some' <<'EOF'
	new_origin many
	job many busy
	new_clone many watching
	new_clone many roller
	(cd watching && git agent sync)
	(cd busy && git agent log 'done' 'busy, two')
	rollups many refs/agent/log/evil
	(cd roller && roll_up)
	test_exit 128 server_log many busy
	cd watching
	test_exit 0 git agent sync >out
	test_grep "log/$(cd ../busy && writer) .*rolled up" out
	git agent log >out
	test_grep 'busy, two' out
EOF

t '… nor those of a log that is gone' <<'EOF'
	job many idle
	new_clone many late
	log=refs/agent/log/evil2
	rollups many "$log" "$(server_log many idle)"
	(cd late && git agent sync)
	(cd roller && roll_up)
	git -C srv/many.git update-ref -d "$log"
	cd late
	test_exit 3 git agent sync >out 2>err
	test_grep "log/$(cd ../idle && writer) .*rolled up" out
	test_no_grep "$(cd ../idle && writer)" err
EOF

t 'a clone that was rolled up still has all to push to another remote' <<'EOF'
	new_origin moved
	job moved mover
	new_clone moved moved-head
	(cd moved-head && roll_up)
	cd mover
	git agent sync
	git init -q --bare ../srv/other.git
	git remote add other "$DAEMON_URL/other.git"
	git config agent.remote other
	test "$(git agent status --offline --json 2>/dev/null |
		jq .stats.unpushed)" = 1
	git agent sync
	test "$(server_logs other)" = 1
EOF

t '… and to a server that lost the log it was rolled up into' <<'EOF'
	cd mover
	git config agent.remote origin
	git -C ../srv/moved.git update-ref -d \
		"refs/agent/log/$(cd ../moved-head && writer)"
	test_exit 3 git agent sync
	test "$(server_logs moved)" = 1
EOF

t 'what the server refuses is not pushed, roll-up or no roll-up' <<'EOF'
	new_origin refusing
	job refusing refused
	new_clone refusing refuser
	cd refuser
	git agent sync
	printf '#!/bin/sh\nexit 1\n' >../srv/refusing.git/hooks/update
	chmod +x ../srv/refusing.git/hooks/update
	git agent log 'done' a --no-push
	git agent log 'done' b --no-push
	test_exit 1 git agent steer --no-push 'do it'
	test_exit 1 roll_up
	git agent status --json >out
	test "$(jq .stats.unpushed out)" = 4
	test "$(jq -r '.steers[0].state' out)" = queued
	test "$(server_logs refusing)" = 1
EOF

t 'a log that was set back is told by a roll-up; that others are here is known' <<'EOF'
	new_origin back
	job back back1
	(cd back1 && git agent log 'done' 'then lost')
	job back back2
	new_clone back back-head
	cd back-head
	git agent sync
	log=refs/agent/log/$(cd ../back1 && writer)
	git -C ../srv/back.git update-ref "$log" "$log^"
	test_exit 3 roll_up 2>err
	test_grep 'has lost records' err
	test_no_grep hideRefs err
EOF

t 'notes that are none hinder nobody' <<'EOF'
	new_origin odd
	job odd odd1
	job odd odd2
	blob=$(echo x | git -C srv/odd.git hash-object -w --stdin)
	git -C srv/odd.git update-ref \
		"refs/notes/agent/$(cd odd1 && writer)" "$blob"
	new_clone odd odd-head
	cd odd-head
	roll_up 2>err
	test_grep 'rolled up 2 logs' err
	test "$(server_logs odd)" = 1
EOF

t 'a log that stays keeps its heartbeat and notes' <<'EOF'
	new_origin kept
	new_clone kept keeper
	cd keeper
	printf '[oracle]\ncommand = true\n' >.gitagent
	git add .gitagent
	git commit -qm oracle
	git push -q
	git agent check
	git agent sync
	git push -q origin \
		"$(git rev-parse "refs/agent/log/$(writer)"):refs/agent/beat/$(writer)"
	own=$(writer)
	cd ..
	printf '#!/bin/sh\ncase $1:$3 in refs/agent/log/*:0*0) exit 1; esac\n' \
		>srv/kept.git/hooks/update
	chmod +x srv/kept.git/hooks/update
	new_clone kept kept-head
	cd kept-head
	test_exit 1 roll_up
	git -C ../srv/kept.git for-each-ref --format='%(refname)' >refs
	test_grep "refs/agent/beat/$own" refs
	test_grep "refs/notes/agent/$own" refs
	n=$(git log --format=%s "refs/notes/agent/$(writer)" | wc -l)
	test_exit 1 roll_up
	test "$(git log --format=%s "refs/notes/agent/$(writer)" | wc -l)" = "$n"
EOF

t 'however far a log went on before it was rolled up, it is not lost for others' <<'EOF'
	new_origin long
	job long long1
	new_clone long long-seen
	new_clone long long-head
	(cd long-seen && git agent sync)
	cd long1
	seq 1 101000 | sed 's/.*/{"kind": "done", "subject": "&"}/' >lines
	git agent log --batch --no-push <lines
	git agent sync
	cd ../long-head
	roll_up
	cd ../long-seen
	git agent sync >out
	test_grep 'rolled up  deleted' out
	test_exit 0 git agent log -n 1
	git agent sync --check
EOF

# many_logs COUNT: as many logs of one record, ended long ago, for fast-import.
many_logs() {
	local - i text && set +x
	for ((i = 1; i <= $1; i++)); do
		printf -v text 'done: job %d\n\nAgent-Kind: done\nAgent-Writer: job-%04d\nAgent-Clock: 2024-01-01T00:00:00.%06dZ\n' "$i" "$i" "$i"
		printf 'commit refs/agent/log/job-%04d\ncommitter Job <job@example.org> 1704067200 +0000\ndata %d\n%s\n' "$i" ${#text} "$text"
	done
}

t 'more logs than one record or one push takes; one has to stay' <<'EOF'
	new_origin lots
	many_logs 510 >stream
	git -C srv/lots.git fast-import --quiet <stream
	new_clone lots lots-reader
	(cd lots-reader && git agent sync >/dev/null)
	printf '#!/bin/sh\ntest "$1" != refs/agent/log/job-0505\n' \
		>srv/lots.git/hooks/update
	chmod +x srv/lots.git/hooks/update
	new_clone lots lots-head
	cd lots-head
	test_exit 1 git agent sync --roll-up 2>err
	test_grep "509 logs" err
	test_grep "'log/job-0505': hook declined" err
	git -C ../srv/lots.git for-each-ref refs/agent/log >refs
	test_lines 2 refs
	git log --first-parent --format=%P "refs/agent/log/$(writer)" >parents
	awk 'NF > 501 { exit 1 } { n += NF } END { exit n < 510 }' parents
	rm ../srv/lots.git/hooks/update
	git agent sync --roll-up 2>err
	git -C ../srv/lots.git for-each-ref refs/agent/log >refs
	test_lines 1 refs
	for c in lots-head lots-reader; do
		cd "../$c"
		test_exit 0 git agent sync >/dev/null
		git for-each-ref refs/agent-remotes/origin/log >refs
		test_lines 1 refs
		git agent log --all --json --offline >log
		test "$(jq '[.[] | select(.kind == "done") | .subject] | unique | length' log)" = 510
	done
EOF

t "a lock on packed-refs: refs that stay are named, and go without it" <<'EOF'
	new_origin packed
	for i in 1 2; do
		new_clone packed packed$i
		(cd packed$i && git agent log 'done' "job $i")
	done
	new_clone packed packed-head
	new_clone packed packed-reader
	(cd packed-reader && git agent sync && git pack-refs --all)
	cd packed-head
	git agent sync
	git pack-refs --all
	touch .git/packed-refs.lock
	sleep 1.1
	test_exit 1 git agent sync --roll-up --older-than 1s 2>err
	test_grep "2 logs that 'origin' has no more could not be dropped" err
	test_grep "'packed-refs' is locked; if 'pgrep -a git'" err
	test_exit 1 git agent sync --roll-up --older-than 1s 2>err
	test_grep "rolled up there, but cannot be dropped here: 'packed" err
	test_no_grep 'stale info' err
	test_exit 1 git agent sync 2>err
	test_grep "run 'rm -f .*/packed-refs.lock'" err
	cd ../packed-reader
	touch .git/packed-refs.lock
	test_exit 1 git agent sync >out 2>err
	test_grep "run 'rm -f .*/packed-refs.lock'" err
	test_no_grep 'rolled up  *deleted' out
	for c in packed-head packed-reader; do
		cd "../$c"
		rm .git/packed-refs.lock
		test_exit 0 git agent sync
		git for-each-ref refs/agent-remotes/origin/log >refs
		test_lines 1 refs
	done
EOF

t 'and beside what another remote of that name lost, what was said stays' <<'EOF'
	new_origin lock
	job lock lock1
	job lock lock2
	new_clone lock lock-head
	new_clone lock lock-reader
	git -C lock-reader agent sync
	git -C lock-head agent sync --roll-up --older-than 1s
	log=log/$(cd lock2 && writer)
	git -C lock2 agent log 'done' 'not rolled up'
	git -C lock-reader fetch -q origin \
		"refs/agent/$log:refs/agent-remotes/origin/$log"
	git clone -q --mirror srv/lock.git srv/lock-new.git
	forge lock-new "$(cd lock2 && writer)"
	cd lock-reader
	git remote remove origin
	git remote add origin "$DAEMON_URL/lock-new.git"
	: >".git/refs/agent-remotes/origin/log/$(cd ../lock1 && writer).lock"
	test_exit 1 git agent sync >out 2>err
	test_grep "log/$(cd ../lock1 && writer) .*rolled up there, but cannot be dropped" out
	rm .git/refs/agent-remotes/origin/log/*.lock
	test_exit 0 git agent sync
	subjects >out
	test_grep '^forged$' out
	test_grep '^not rolled up$' out
EOF

finish

#!/usr/bin/env bash
# Rolling up: the logs of ended writers become part of another one, and their
# refs go away everywhere, while no record does.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"

# server_refs KIND: how many of these refs the server has.
server_refs() {
	git -C "$SCRATCH/srv/jobs.git" for-each-ref "refs/agent/$1" \
		"refs/notes/$1" | wc -l
}

# All logs but those of the last second have ended.
roll_up() {
	sleep 1.1
	git agent sync --roll-up --older-than 1s "$@"
}

t 'many jobs, each with a log of its own' <<'EOF'
	new_origin jobs
	for i in 1 2 3 4 5 6; do
		new_clone jobs job$i
		cd job$i
		git config user.name "Job $i"
		git agent log 'done' "job $i, one"
		git agent log failed "job $i, two" --because 'of this'
		cd ..
	done
	cd job1
	printf '[oracle]\ncommand = true\n' >.gitagent
	git add .gitagent
	git commit -qm oracle
	git push -q
	git agent check
	git agent sync
	cd ..
	new_clone jobs head
	new_clone jobs reader
	(cd reader && git agent sync && git agent log --all --json >../before)
	test "$(server_refs log)" = 6
EOF

t 'a dry run, and logs that are too young, change nothing' <<'EOF'
	cd head
	git agent sync --roll-up >out 2>err
	test_grep "no log on 'origin' has ended more than 30d ago" err
	roll_up --dry-run >out 2>err
	test_grep "would roll up 6 logs of 'origin'" err
	test "$(server_refs log)" = 6
	test ! -e .git/agent/writer
	test_exit 129 git agent sync --dry-run
	test_exit 129 git agent sync --roll-up --fetch
	for age in soon -3d ''; do
		test_exit 129 git agent sync --roll-up --older-than "$age" 2>err
		test_grep "^error: option '--older-than': " err
	done
EOF

t 'a log that moves meanwhile stays; the others are rolled up' <<'EOF'
	cat >srv/jobs.git/hooks/post-receive <<'HOOK'
#!/bin/sh
# Job 6 wakes up between the push of the roll-up and the deletion.
test -e woken && exit 0
touch woken
git update-ref refs/agent/log/late "$(cat late)"
HOOK
	cd job6
	git agent log 'done' 'job 6, late' --no-push
	late=$(git rev-parse "refs/agent/log/$(writer)")
	git push -q origin "$late:refs/heads/late"
	sed -i "s,refs/agent/log/late,refs/agent/log/$(writer)," \
		../srv/jobs.git/hooks/post-receive
	echo "$late" >../srv/jobs.git/late
	chmod +x ../srv/jobs.git/hooks/post-receive
	cd ../head
	test_exit 1 roll_up >out 2>err
	test_grep "rolled up 5 logs of 'origin' into this clone's" err
	test_grep "1 log on 'origin' could not be deleted ('log/.*stale" err
	test_grep 'no record is lost' err
	# No reader looks for the logs that are gone.
	git for-each-ref --format='%(refname)' refs/agent-remotes/origin/log >out
	cut -d' ' -f2 .git/agent/known-logs >known
	test_cmp out known
	rm ../srv/jobs.git/hooks/post-receive
	test "$(server_refs log)" = 2
	test "$(git for-each-ref refs/agent-remotes/origin/log | wc -l)" = 2
	git agent sync >out 2>err
	test "$(subjects --offline | grep -c 'job 6')" = 3
EOF

t 'the next roll-up takes it, and then there is nothing left to do' <<'EOF'
	cd head
	roll_up 2>err
	test_grep "rolled up 1 log of" err
	test "$(server_refs log)" = 1
	roll_up 2>err
	test_grep "no log on 'origin' has ended" err
	test "$(subjects --offline | grep -c '^job')" = 13
	git fsck --strict --no-dangling
EOF

t 'notes of the rolled up writers are still shown, their refs are gone' <<'EOF'
	cd head
	git log --notes='agent*' -1 >notes
	test_grep 'PASS' notes
	test "$(git -C ../srv/jobs.git for-each-ref refs/notes | wc -l)" = 1
	git for-each-ref refs/notes/agent-remotes >refs
	test_empty refs
EOF

t 'other clones follow without a warning, and lose no record' <<'EOF'
	cd reader
	test_exit 0 git agent sync >out 2>err
	test_empty err
	test_grep 'rolled up' out
	test "$(git for-each-ref refs/agent-remotes/origin/log | wc -l)" = 1
	git agent log --all --json >after 2>err
	test_empty err
	jq -r '.[].id' ../before | sort >ids
	jq -r '.[].id' after | sort | comm -23 ids - >lost
	test_empty lost
	jq -r '.[].subject' after >all
	test_grep 'job 6, late' all
EOF

t 'also after a plain fetch with --prune, before anything of ours ran' <<'EOF'
	new_clone jobs pruner
	cd pruner
	git agent sync 2>err
	git -C ../job1 agent log 'done' 'job 1 again'
	git agent sync
	(cd ../head && roll_up)
	git fetch -q --prune
	test_exit 0 git agent log --offline >out 2>err
	test_empty err
	test_grep 'job 1 again' out
	test "$(git for-each-ref refs/agent-remotes/origin/log | wc -l)" = 1
EOF

t 'its notes are shown once then, also if git has pruned the log' <<'EOF'
	new_origin notes
	for i in job reader; do
		new_clone notes notes-$i
	done
	cd notes-job
	printf '[oracle]\ncommand = true\n' >.gitagent
	git add .gitagent
	git commit -qm oracle
	git push -q
	git agent check
	git agent sync
	cd ../notes-reader
	git pull -q
	git agent sync
	shown() {
		git log -1 --notes='agent*' >log
		test "$(grep -c 'git agent check: PASS' log)" = "$1"
	}
	shown 1
	new_clone notes notes-head
	(cd ../notes-head && roll_up)
	git fetch -q --prune
	git agent log --offline
	shown 1
	git agent sync
	shown 1
	git for-each-ref refs/notes/agent-remotes >refs
	test_lines 1 refs
EOF

t 'a clone whose log was rolled up has nothing to push' <<'EOF'
	cd job2
	git agent sync >out 2>err
	test_no_grep 'not at' err
	git agent sync
	test "$(server_refs log)" = 1
	git agent status --json >out
	test "$(jq .stats.unpushed out)" = 0
EOF

t '… until it writes again: then its whole log is there, and folds in' <<'EOF'
	cd job2
	git agent log 'done' 'job 2 lives' 2>err
	test_grep "pushed to 'origin'" err
	test "$(server_refs log)" = 2
	cd ../reader
	git agent sync
	test "$(subjects --offline | grep -c 'job 2')" = 3
	cd ../head
	roll_up
	test "$(server_refs log)" = 1
	cd ../reader
	test_exit 0 git agent sync 2>err
	test "$(subjects --offline | grep -c 'job 2')" = 3
EOF

t 'a reader that missed the last records before a roll-up follows as well' <<'EOF'
	new_clone jobs behind
	(cd job3 && git agent log 'done' 'job 3, seen')
	(cd behind && git agent sync)
	(cd job3 && git agent log 'done' 'job 3, missed')
	(cd head && roll_up)
	cd behind
	test_exit 0 git agent sync >out 2>err
	test_empty err
	test "$(git for-each-ref refs/agent-remotes/origin/log | wc -l)" = 1
	test "$(subjects --offline | grep -c 'job 3')" = 4
EOF

t 'a log that is deleted without a roll-up is still lost' <<'EOF'
	(cd job4 && git agent log 'done' 'job 4, three')
	(cd reader && git agent sync)
	git -C srv/jobs.git update-ref -d \
		"refs/agent/log/$(cd job4 && writer)"
	cd reader
	test_exit 3 git agent sync 2>err
	test_grep 'has lost records' err
	test "$(subjects --offline 2>/dev/null | grep -c 'job 4, three')" = 1
EOF

t 'a server that keeps its refs: said, and nothing is lost' <<'EOF'
	(cd job4 && git agent sync)
	printf '#!/bin/sh\ncase $3 in 0*0) echo "we keep all"; exit 1; esac\n' \
		>srv/jobs.git/hooks/update
	chmod +x srv/jobs.git/hooks/update
	cd head
	test_exit 1 roll_up 2>err
	test_grep "could not be deleted ('log/.*hook declined)" err
	# It is in our log already; a second record would say nothing new.
	n=$(git agent log rollup --json | jq length)
	test_exit 1 roll_up
	test "$(git agent log rollup --json | jq length)" = "$n"
EOF

# restored NAME: its repository as it was before "two", which was pushed,
# fetched by NAME-seen and rolled up by NAME-head.
restored() {
	new_origin "$1"
	new_clone "$1" "$1-a"
	new_clone "$1" "$1-seen"
	new_clone "$1" "$1-head"
	git -C "$1-a" agent log 'done' one
	cp -a "$1-a/.git" "$1-backup"
	git -C "$1-a" agent log 'done' two
	git -C "$1-seen" agent sync
	sleep 1.1
	git -C "$1-head" agent sync --roll-up --older-than 1s
	# In place, so that no inode tells.
	tar -C "$1-backup" -c . | tar -C "$1-a/.git" -x --overwrite
	cd "$1-a"
	test "$(git log --format=%s "refs/agent/log/$(writer)")" = 'done: one'
}

# all_see NAME WANT: in all clones, and nothing is wrong in any.
all_see() {
	local c
	for c in a seen head; do
		cd "$SCRATCH/$1-$c"
		git agent sync
		git agent log --json | jq -r '.[].subject' | sort | tr '\n' ' ' >out
		test "$(cat out)" = "$2"
		git agent sync --check
		git fetch
	done
}

t 'a backup put back, and the log was rolled up: it is moved forward' <<'EOF'
	restored early
	git agent sync 2>err
	test_grep 'had been set back' err
	git agent log 'done' three
	all_see early 'one three two '
EOF

t '… and had gone on before: nobody takes that for a loss' <<'EOF'
	restored late
	git agent log 'done' three 2>err
	all_see late 'one three two '
	cd ../late-a
	git agent log 'done' four
	all_see late 'four one three two '
EOF

t 'a log that begins anew, and notes that are none, in one fetch' <<'EOF'
	new_origin anew
	for i in job head reader; do new_clone anew anew-$i; done
	cd anew-job
	git agent log 'done' one
	log=refs/agent/log/$(writer)
	(cd ../anew-reader && git agent sync)
	(cd ../anew-head && roll_up)
	begun=$(git cat-file commit "$log" | sed 's/one$/anew/' |
		git hash-object -w -t commit --stdin)
	blob=$(echo hello | git hash-object -w --stdin)
	git push -q origin "$begun:$log" "$blob:refs/notes/agent/blob"
	cd ../anew-reader
	git agent sync >out
	test_no_grep notes/blob out
	test "$(git rev-parse "refs/agent-remotes/origin/${log#refs/agent/}")" = "$begun"
	test_exit 1 git rev-parse -q --verify refs/notes/agent-remotes/origin/blob
EOF

t 'what is rolled up while a log that begins anew is fetched is not lost' <<'EOF'
	new_origin chain
	for i in job other head; do new_clone chain chain-$i; done
	git clone -q "$SCRATCH/srv/chain.git" chain-reader
	(cd chain-other && git agent log 'done' other)
	cd chain-job
	git agent log 'done' one
	log=refs/agent/log/$(writer)
	(cd ../chain-reader && git agent sync)
	# One log is rolled up, and begins anew; the other goes on.
	(cd ../chain-other && sleep 1.1 && git agent log 'done' more)
	(cd ../chain-head && git agent sync --roll-up --older-than 1s)
	test_exit 1 git -C ../srv/chain.git rev-parse -q --verify "$log"
	begun=$(git cat-file commit "$log" | sed 's/: one$/: anew/' |
		git hash-object -w -t commit --stdin)
	git push -q origin "$begun:$log"
	# It is the second time that the reader asks when the other one goes.
	cat >../chain-asked <<-END
		#!/bin/sh
		echo asked >>'$SCRATCH/chain-times'
		if test "\$(wc -l <'$SCRATCH/chain-times')" = 2; then
			sleep 1.1
			git -C '$SCRATCH/chain-head' agent sync --roll-up \\
				--older-than 1s >'$SCRATCH/chain-said' 2>&1
		fi
		exec git upload-pack "\$@"
	END
	chmod +x ../chain-asked
	cd ../chain-reader
	git config remote.origin.uploadpack "$SCRATCH/chain-asked"
	test_exit 0 git agent sync --fetch >out 2>err
	test_no_grep 'has lost records' err
	test "$(subjects | grep -v 'had ended' | sort | tr '\n' ' ')" = 'anew more one other '
	test_lines 2 ../chain-times
	test_grep '^rolled up ' ../chain-said
EOF

# rolled_up NAME: NAME-reader has the logs of NAME-job and NAME-other, which
# NAME-head then rolls up.
rolled_up() {
	local name=$1 i
	new_origin "$name" || return
	for i in job other head; do
		new_clone "$name" "$name-$i" || return
	done
	git clone -q "$SCRATCH/srv/$name.git" "$name-reader" || return
	for i in job other; do
		(cd "$name-$i" && git agent log 'done' "$i") || return
	done
	(cd "$name-reader" && git agent sync) || return
	git clone -q --mirror "srv/$name.git" "$name-before.git" || return
	sleep 1.1
	(cd "$name-head" && git agent sync --roll-up --older-than 1s)
}

t 'logs that are gone in an answer without the roll-up are not lost' <<'EOF'
	rolled_up torn
	other=refs/agent/log/$(cd torn-other && writer)
	job=refs/agent/log/$(cd torn-job && writer)
	# As when a server lists its refs while they go: each of them is gone
	# once before the roll-up is there to be seen.
	for log in job other; do
		git clone -q --mirror torn-before.git "torn-$log.git"
		git -C "torn-$log.git" update-ref -d "${!log}"
	done
	cat >asked <<-END
		#!/bin/sh
		echo asked >>'$SCRATCH/asked-torn'
		case \$(wc -l <'$SCRATCH/asked-torn') in
		1) exec git upload-pack '$SCRATCH/torn-job.git' ;;
		2) exec git upload-pack '$SCRATCH/torn-other.git' ;;
		esac
		exec git upload-pack "\$@"
	END
	chmod +x asked
	cd torn-reader
	git config remote.origin.uploadpack "$SCRATCH/asked"
	test_exit 0 git agent sync --fetch >out 2>err
	test_empty err
	test_lines 3 ../asked-torn
	test "$(subjects | grep -v 'had ended' | sort | tr '\n' ' ')" = 'job other '
	# What two answers in turn do not have is lost.
	git config remote.origin.uploadpack "git upload-pack '$SCRATCH/torn-job.git' #"
	head=$(git -C ../srv/torn.git for-each-ref --format='%(refname:lstrip=3)' refs/agent/log)
	test_exit 3 git agent sync --fetch >out 2>err
	test_grep "'log/$head' has lost records" err
EOF

t '… nor does the doctor say so' <<'EOF'
	rolled_up twice
	git clone -q --mirror twice-before.git twice-gone.git
	git -C twice-gone.git update-ref -d "refs/agent/log/$(cd twice-job && writer)"
	cat >asked <<-END
		#!/bin/sh
		echo asked >>'$SCRATCH/asked-twice'
		case \$(wc -l <'$SCRATCH/asked-twice') in
		1) exec git upload-pack '$SCRATCH/twice-gone.git' ;;
		esac
		exec git upload-pack "\$@"
	END
	cd twice-reader
	git config remote.origin.uploadpack "$SCRATCH/asked"
	test_exit 1 git agent sync --check >out
	test_lines 2 ../asked-twice
	test_grep 'unless another log has them that is not fetched yet' out
	# Once that is here, nothing is to be told.
	git fetch -q origin 'refs/agent/log/*:refs/agent-remotes/origin/log/*'
	rm ../asked-twice
	test_exit 0 git agent sync --check >out
	test_lines 2 ../asked-twice
	# Without a second answer the first one stands.
	sed "s|^esac|*) exit 1 ;;\nesac|" ../asked >../asked.once
	chmod +x ../asked.once
	rm ../asked-twice
	git config remote.origin.uploadpack "$SCRATCH/asked.once"
	test_exit 1 git agent sync --check >out
	test_lines 2 ../asked-twice
	test_grep '^deleted' out
	# Nor if both say so.
	git config remote.origin.uploadpack "git upload-pack '$SCRATCH/twice-gone.git' #"
	test_exit 1 git agent sync --check >out
	test_grep '^deleted' out
EOF

t 'nor is a log that another process drops here while it is looked for' <<'EOF'
	rolled_up dropped
	cd dropped-reader
	git for-each-ref --format="$PWD/.git/%(refname)" refs/agent-remotes/origin/log >refs
	test_lines 2 refs
	# As a plain fetch with --prune does; a lock keeps the sync waiting.
	cat >../asked <<-END
		#!/bin/sh
		sed 's/$/.lock/' '$PWD/refs' | xargs touch
		(sleep .5; xargs rm; sed 's/$/.lock/' '$PWD/refs' | xargs rm) \\
			<'$PWD/refs' >/dev/null 2>&1 &
		exec git upload-pack "\$@"
	END
	git config remote.origin.uploadpack "$SCRATCH/asked"
	test_exit 0 git agent sync --fetch >out 2>err
	test_empty err
	test "$(subjects | grep -v 'had ended' | sort | tr '\n' ' ')" = 'job other '
EOF

finish

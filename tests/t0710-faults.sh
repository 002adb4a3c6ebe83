#!/usr/bin/env bash
# What is left when a command is killed, or the disk refuses it, in any of
# its system calls that write: tests/fault/inject.c.  `make test` tries one
# point in so many of all kinds, `make stress` every one.
stress=${STRESS:-}
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/faults.sh"

printf '{"hook_event_name":"PostToolUse"}' >event
(make_fixtures) >fixtures.log 2>&1 || bail "no fixtures: $(cat fixtures.log)"

inject_hook() {
	export GIT_AGENT_RUN=01ARZ3NDEKTSV4RRFFQ69G5FAV
	examine=examine_hook inject_all "$@"
}

scenario 'the first record of a clone' inject_all first read 'the new' \
	git-agent-log done 'the new'
scenario 'one more record' inject_all append wrote 'the new' \
	git-agent-log done 'the new'
scenario 'a check' inject_all check wrote 'PASS: err' git-agent-check
scenario 'an instruction' inject_all steer wrote 'the new' \
	git-agent-steer 'the new'
scenario 'a sync both ways' inject_all sync apart 'mine later' git-agent-sync
scenario 'the first sync of a clone' inject_all connect bare 'of bob' \
	git-agent-sync
scenario 'init' inject_all init plain '' git-agent-init --goal 'to get there'
scenario 'the hook' inject_hook hook told 'turn left' git-agent-hook

t 'the lock of a killed process of ours is removed without a word' <<'END'
	fixture=wrote
	# The second run may write in another order, on a busy machine.
	for ((try = 0; try < 5; try++)); do
		restore
		"$inject" "$SCRATCH/run" "$SCRATCH/points" count \
			git-agent-log done one
		k=$(sed -n 's/ own lock openat .*refs.agent.log.*//p' \
			"$SCRATCH/points")
		restore
		test_exit 137 "$inject" "$SCRATCH/run" "$SCRATCH/point" \
			killed "$k" git-agent-log done two
		find .git/refs/agent/log -name '*.lock' >locks
		test ! -s locks || break
	done
	test -s locks
	git-agent-log done three
	find .git/refs/agent/log -name '*.lock' >locks
	test_empty locks
END

# rival: a clone with a refspec that the next sync takes away.
rival() {
	fixture=wrote
	restore
	git config --add remote.origin.fetch \
		'refs/old/log/*:refs/agent-remotes/origin/log/*'
}

t 'so is that on the config where a refspec was to go' <<'END'
	rival
	"$inject" "$SCRATCH/run" "$SCRATCH/points" count git-agent-sync
	k=$(sed -n 's/ own lock openat .*config.lock$//p' "$SCRATCH/points")
	rival
	test_exit 137 "$inject" "$SCRATCH/run" "$SCRATCH/point" killed "$k" \
		git-agent-sync
	test -e .git/config.lock
	git-agent-sync
	test ! -e .git/config.lock
	git config --get-all remote.origin.fetch >specs
	test_no_grep refs/old specs
	test_grep '^refs/agent/log' specs
END

t 'and one that is not ours is named, and what to do about it' <<'END'
	rival
	touch .git/config.lock
	test_exit 128 git-agent-sync 2>err
	test_grep "'config' is locked; if 'pgrep -a git'" err
	test_grep "run 'rm -f .*/config.lock'" err
	test -e .git/config.lock
END

# packed: a clone that is to delete logs that it has in packed-refs.
packed() {
	fixture=apart
	restore
	git agent sync
	git pack-refs --all
	sleep 1.1
}

t 'the lock on packed-refs of a git that died with us is removed, too' <<'END'
	roll=(git-agent-sync --roll-up --older-than 1s)
	packed
	"$inject" "$SCRATCH/run" "$SCRATCH/points" count "${roll[@]}"
	n=$(sed -n 's, git lock openat work/.git/packed-refs.lock$,,p' \
		"$SCRATCH/points" | head -n 1)
	# The points are not in quite the same order each time.
	for k in "$n" $((n + 1)) $((n - 1)) $((n + 2)) $((n - 2)); do
		packed
		test_exit 137 "$inject" "$SCRATCH/run" "$SCRATCH/point" \
			killed "$k" "${roll[@]}"
		test ! -e .git/packed-refs.lock || break
	done
	test -e .git/packed-refs.lock
	: >.git/packed-refs.new
	git-agent-log done next
	test ! -e .git/packed-refs.lock
	git pack-refs --all
	git-agent-sync
END

figures
finish

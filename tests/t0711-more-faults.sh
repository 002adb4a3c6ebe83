#!/usr/bin/env bash
# The same as t0710, for commands that write many records at once, that move,
# mend and withdraw what there is, for a reader that makes the index, and for
# the loop.
stress=${STRESS:-}
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/faults.sh"

log_of() {
	echo "refs/agent/log/$(head -n 1 "$1/.git/agent/writer")"
}

# job N: a clone that has written and is gone.
job() {
	git clone -q ../remote.git "../job$1"
	git -C "../job$1" agent log 'done' "of job $1"
}

# A log that is set back, one that is pruned, no refspec, and a lock in the
# way of its repair.
tear() {
	local theirs
	theirs=$(log_of ../bob)
	git update-ref "$(log_of .)" "$(log_of .)^"
	git update-ref -d "refs/agent-remotes/origin/${theirs#refs/agent/}"
	git config --unset-all remote.origin.fetch 'refs/agent/log'
	touch -d '20 minutes ago' .git/config.lock
}

make_more_fixtures() {
	make_fixtures
	fixture jobs wrote
	job 1
	git agent sync
	job 2
	fixture torn wrote
	tear
	fixture moved apart
	git config agent.prefix refs/heads/agent
	fixture unread apart
	rm .git/agent/index*
}

(set -e; make_more_fixtures) >fixtures.log 2>&1 ||
	bail "no fixtures: $(cat fixtures.log)"
: >event

# ---- many records at once ------------------------------------------------------

jq -nc 'range(60) | {kind: "done", subject: "batch \(.)"}' >batch.json

count_batch() {
	git log --glob='refs/agent/log/*' --format=%s | grep -c '^done: batch '
}

examine_batch() {
	local n kept
	n=$(count_batch)
	test $((n % 60)) = 0 || complain "$n of 60 records"
	examine
	# Each batch has taken away what the one before had left, and a repair
	# does it with what could still be somebody's.
	find .git/objects/pack -name 'pack_git2_*' \
		-exec touch -d '20 minutes ago' {} +
	obey git-agent-sync --repair || complain 'a repair'
	kept=$(find .git/objects/pack -name '*.keep' -o -name 'pack_git2_*')
	test -z "$kept" || complain "stays: $kept"
}

inject_batch() {
	input=$SCRATCH/batch.json examine=examine_batch inject_all "$@"
}

scenario 'a batch of records' inject_batch batch wrote 'batch 59' \
	git-agent-log --batch

# ---- roll-up -------------------------------------------------------------------

examine_roll_up() {
	local logs
	examine
	logs=$(git -C ../remote.git for-each-ref refs/agent/log)
	test "$(echo "$logs" | wc -l)" = 1 || complain "not rolled up: $logs"
	logs=$(git-agent-log --offline | grep -c 'of job')
	test "$logs" = 2 || complain "two records are shown as $logs"
}

inject_roll_up() {
	sleep 1.1	# until they have ended
	stride=37 examine=examine_roll_up inject_all "$@"
}

scenario 'rolling up' inject_roll_up roll-up jobs 'of job 2' \
	git-agent-sync --roll-up --older-than 1s

# ---- mending, and moving ---------------------------------------------------------

inject_repair() {
	partial='has lost records' inject_all "$@"
}

scenario 'a repair' inject_repair repair torn 'of bob' git-agent-sync --repair

inject_move() {
	stride=47 thorough=5 place=refs/heads/agent inject_all "$@"
}

scenario 'a move to another prefix' inject_move move moved 'mine later' \
	git-agent-sync

# ---- withdrawing -----------------------------------------------------------------

examine_retracted() {
	local shown
	shown=$(git-agent-log --offline)
	if test "$status" = 0; then
		test -z "$(lacks "$shown" 'no longer holds')" ||
			complain 'success was reported, and it still holds'
	fi
	examine
	shown=$(git-agent-log --offline)
	test "$(echo "$shown" | grep -c 'no longer holds')" = 1 ||
		complain "not withdrawn: $shown"
}

inject_retract() {
	examine=examine_retracted inject_all "$@"
}

scenario 'withdrawing a record' inject_retract retract wrote 'it was wrong' \
	git-agent-log --retract \
	"$(git -C fix/wrote/work log -1 --format=%H "$(log_of fix/wrote/work)")" \
	'it was wrong'

# ---- a reader ----------------------------------------------------------------------

examine_read() {
	local lost
	case $fault in
	ENOSPC | EIO)
		test "$status" = 0 || complain 'nothing was shown'
		lost=$(lacks "$(cat "$SCRATCH/out")" "${before[@]}")
		test -z "$lost" || complain "not shown: $lost"
		;;
	esac
	git-agent-log --all --json --offline >"$SCRATCH/with" 2>&1
	rm -f .git/agent/index*
	git-agent-log --all --json --offline >"$SCRATCH/without" 2>&1
	diff "$SCRATCH/with" "$SCRATCH/without" >"$SCRATCH/said" ||
		complain 'with the index something else is shown'
	examine
}

inject_read() {
	examine=examine_read inject_all "$@"
}

scenario 'a reader that makes the index' inject_read read unread '' \
	git-agent-log --all --offline

# ---- the loop ------------------------------------------------------------------------

cat >agent <<'END'
#!/bin/sh
cat >/dev/null
echo '<promise>DONE</promise>'
END
chmod +x agent

examine_loop() {
	examine
	is_whole || complain 'git fsck'
	test "$(jq .finished .git/agent/run.json)" = true ||
		complain 'the run did not end'
}

inject_loop() {
	# git died as it made the work tree in which the oracle runs.
	unfinished='error: .*worktrees/measure/HEAD.*' stride=97 \
		thorough=11 examine=examine_loop inject_all "$@"
}

scenario 'an iteration of the loop' inject_loop loop wrote 'DONE' \
	git-agent-loop --agent "$SCRATCH/agent"

figures
finish

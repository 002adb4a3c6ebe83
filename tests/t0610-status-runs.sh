#!/usr/bin/env bash
# git agent status: which runs live, and which are dead.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/status.sh"

# runs_of DIR: id and state of each run.
runs_of() {
	git -C "$1" agent status --json 2>/dev/null | jq -r '.runs[] | .id[-2:] + " " + .state'
}

t 'a run is live while its heart beats, and stale afterwards' <<'EOF'
	origin r.git
	rec r.git w1 4000 run 'run started' "Agent-Run: $run1" 'Agent-Event: start' 'Agent-Agent: claude'
	rec r.git w1 3000 run 'iteration 1' "Agent-Run: $run1" 'Agent-Event: iteration' 'Agent-Iteration: 1' 'Agent-Outcome: refused'
	rec r.git w1 170 beat 'the oracle is running' "Agent-Run: $run1" 'Agent-Interval: 60' 'Agent-Iteration: 2'
	git clone -q r.git rc
	test "$(runs_of rc)" = 'A1 live'
	status rc agent status
	test_grep "^Run $run1 live, iteration 2\$" out
	test_grep 'heard of 3 minutes ago' out
	test_grep '^  the oracle is running$' out
	test_grep 'claimed too early 1 time, and refused' out
	rec r.git w1 190 beat 'the oracle is running' "Agent-Run: $run1" 'Agent-Interval: 60'
	test "$(runs_of rc)" = 'A1 stale'
	status rc agent status
	test_grep 'no heartbeat: the run was killed' out
	test_no_grep 'the oracle is running' out
	rec r.git w1 190 beat 'slowly' "Agent-Run: $run1" 'Agent-Interval: 600'
	test "$(runs_of rc)" = 'A1 live'
EOF

t 'a heartbeat from the future proves no life' <<'EOF'
	rec r.git w1 -86400 beat 'tomorrow' "Agent-Run: $run1" 'Agent-Interval: 60'
	test "$(runs_of rc)" = 'A1 stale'
	status rc agent status
	test_grep 'its clock is far ahead' out
EOF

t 'an absurd interval keeps a dead run alive for days, not for ever' <<'EOF'
	origin a.git
	rec a.git w1 400000 run 'run started' "Agent-Run: $run1" 'Agent-Event: start'
	git clone -q a.git ac
	# Three intervals of a day each is what any heartbeat can ask for.
	for interval in 86400 86401 315360000 18446744073710 \
	    9223372036854775807 99999999999999999999999; do
		rec a.git w1 250000 beat 'away' "Agent-Run: $run1" "Agent-Interval: $interval"
		test "$(runs_of ac)" = 'A1 live'
		rec a.git w1 270000 beat 'away' "Agent-Run: $run1" "Agent-Interval: $interval"
		test "$(runs_of ac)" = 'A1 stale'
	done
	# What is none counts as the usual minute.
	for interval in -1 0 -9223372036854775808 x ''; do
		rec a.git w1 100 beat 'here' "Agent-Run: $run1" "Agent-Interval: $interval"
		test "$(runs_of ac)" = 'A1 live'
		rec a.git w1 200 beat 'here' "Agent-Run: $run1" "Agent-Interval: $interval"
		test "$(runs_of ac)" = 'A1 stale'
	done
EOF

t 'interrupted, resumed, ended' <<'EOF'
	rec r.git w1 180 run 'interrupted by SIGTERM' "Agent-Run: $run1" 'Agent-Event: end' 'Agent-Outcome: interrupted'
	test "$(runs_of rc)" = 'A1 interrupted'
	rec r.git w1 100 run 'resumed' "Agent-Run: $run1" 'Agent-Event: resume'
	rec r.git w1 90 beat 'the agent works' "Agent-Run: $run1" 'Agent-Interval: 60'
	test "$(runs_of rc)" = 'A1 live'
	rec r.git w1 80 run 'limit of iterations' "Agent-Run: $run1" 'Agent-Event: end' 'Agent-Outcome: limit'
	test "$(runs_of rc)" = 'A1 ended'
	git -C rc agent status --json | jq -e '.runs[0] | .outcome == "limit" and .iteration == 1'
EOF

t 'several runs by several writers: the newest, and all that live' <<'EOF'
	for i in 3 4 5 6 7; do
		rec r.git w$i $((9000 + i)) run 'run started' "Agent-Run: 01JDD0000000000000000000C$i" 'Agent-Event: start'
	done
	rec r.git w7 10 beat 'alive' 'Agent-Run: 01JDD0000000000000000000C7' 'Agent-Interval: 60'
	rec r.git w2 70 run 'run started' "Agent-Run: $run2" 'Agent-Event: start'
	runs_of rc | sort >got
	printf '%s\n' 'A1 ended' 'B2 live' 'C3 stale' 'C4 stale' 'C5 stale' 'C6 stale' 'C7 live' >expected
	test_cmp expected got
	status rc agent status
	grep -c '^Run ' out | test_grep '^4$' -
	test_grep 'C7 live' out
	test_no_grep 'A1 ended' out
	test_grep '… and 2 more without an end' out
EOF

t 'what is no run id is no run' <<'EOF'
	rec r.git w8 10 run 'bad' "Agent-Run: $(printf '\033[31mxxxxxxxxxxxxxxxxxxxxx')" 'Agent-Event: start'
	rec r.git w8 9 run 'bad' 'Agent-Event: start'
	rec r.git w8 8 run 'bad' 'Agent-Run: short' 'Agent-Event: start'
	runs_of rc >got
	test_lines 7 got
EOF

t 'in the clone of the loop the lock tells at once that it is dead' <<'EOF'
	new_repo here
	cat >here/.gitagent <<-'END'
		[oracle]
		command = true
		[agent "it"]
		command = sleep 361
	END
	git -C here add .
	git -C here commit -qm config
	(cd here && exec "$B/bin/git-agent-loop" --agent it >/dev/null 2>&1) &
	pid=$!
	live() { test "$(git -C here agent status --json | jq -r '.runs[0].state')" = live; }
	wait_until 20 live
	kill -KILL $pid
	stale() { test "$(git -C here agent status --json | jq -r '.runs[0].state')" = stale; }
	wait_until 20 stale
EOF

finish

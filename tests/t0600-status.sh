#!/usr/bin/env bash
# git agent status: where the work stands, as any clone sees it.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/status.sh"

origin o.git

# ---- nothing yet --------------------------------------------------------------

t 'nothing at all recorded' <<'EOF'
	git clone -q o.git fresh
	git -C fresh agent status >out 2>err
	test_empty out
	test_grep "no records here yet; 'git agent init'" err
	git -C fresh agent status --json >out 2>err
	test_json '.goal == null and .runs == [] and .checks == [] and .stats.records == 0 and .stats.partial == false'
	git -C fresh config --get-all remote.origin.fetch >specs
	test_lines 1 specs
EOF

t 'no remote, no commits, no repository' <<'EOF'
	git init -q unborn
	git -C unborn agent status 2>err
	test_grep 'no records' err
	rec unborn w1 60 status 'standing here' >id || git -C unborn hash-object -w -t tree /dev/null
	rec unborn w1 60 status 'standing here' >id
	git -C unborn agent status >out 2>err
	test_grep 'standing here' out
	test_grep '; no remote$' out
	mkdir none
	test_exit 128 git -C none agent status 2>err
	test_exit 129 git -C fresh agent status what 2>err
	test_exit 129 git -C fresh agent status -n x 2>err
EOF

# ---- a project with everything in it ---------------------------------------------

project() {
	local commit=$1 w=ada-node7-aaaaaa c=eve-laptop-bbbbbb steer
	rec o.git "$w" 9000 brief 'reach 1e-4 at every point'
	rec o.git "$w" 8000 run "run started" "Agent-Run: $run1" 'Agent-Event: start' 'Agent-Agent: claude'
	rec o.git "$w" 7000 check 'FAIL: y1 0.5' 'Agent-State: FAIL' "Agent-Commit: $commit" "Agent-Tree: $2" 'Agent-Oracle-Id: 1111' \
		'Agent-Metric: y1 0.5 unit=rel target<=0.0001 at=t=4e10 state=FAIL'
	rec o.git "$w" 6500 failed 'explicit Runge-Kutta' 'Agent-Instead: an implicit one'
	rec o.git "$w" 6400 limit 'only for the standard rates'
	rec o.git "$w" 6300 'next' 'adaptive steps'
	rec o.git "$w" 6200 milestone 'first run to the end'
	rec o.git "$w" 6100 'done' 'the right-hand side'
	rec o.git "$w" 6000 status 'two orders to go'
	steer=$(rec o.git "$c" 5000 steer 'switch to Kvaerno5')
	rec o.git "$w" 4900 delivered 'switch to Kvaerno5' "Agent-Steer: $steer" "Agent-Run: $run1"
	rec o.git "$w" 4000 answered 'it passes now' "Agent-Steer: $steer" 'Agent-State: done'
	rec o.git "$w" 3900 check 'PASS: y1 3e-05' 'Agent-State: PASS' "Agent-Commit: $commit" "Agent-Tree: $2" 'Agent-Oracle-Id: 1111' \
		'Agent-Metric: y1 3.0000000000000001e-05 unit=rel target<=0.0001 at=t=0.4 state=PASS'
	rec o.git "$w" 3800 run 'iteration 3: done' "Agent-Run: $run1" 'Agent-Event: iteration' 'Agent-Iteration: 3' 'Agent-Outcome: done'
	rec o.git "$w" 3700 run 'DONE accepted after 3 iterations' "Agent-Run: $run1" 'Agent-Event: end' 'Agent-Outcome: done'
}

t 'a fresh clone fetches by itself and shows every section' <<'EOF'
	project "$(git -C o.git rev-parse main)" "$(git -C o.git rev-parse 'main^{tree}')" >ids
	rm -rf fresh
	git clone -q o.git fresh
	status fresh agent status
	test_grep 'connected' err
	test_grep '^Goal reach 1e-4 at every point$' out
	test_grep "^Run $run1 ended, iteration 3\$" out
	test_grep '^  agent: claude$' out
	test_grep '^  by Ada Lovelace in ada-node7-aaaaaa; started 2 hours ago, ended 62 minutes ago after 1h 11m$' out
	test_grep '^  DONE accepted after 3 iterations$' out
	test_grep '^  [0-9a-f]* two orders to go (Ada Lovelace, 2 hours ago)$' out
	test_grep -E '^  [^ ].* ago +[0-9a-f]+ +FAIL +0.5$' out
	test_grep -E '^  [^ ].* ago +[0-9a-f]+ +PASS +3e-05$' out
	test_grep -E '^  target +<= 0.0001$' out
	test_grep -E '^  at +t=0.4$' out
	test_grep -E '^  [0-9a-f]+ done switch to Kvaerno5$' out
	test_grep 'sent 83 minutes ago, delivered 82 minutes ago' out
	test_grep '^    done by Ada Lovelace, .* ago: it passes now$' out
	for title in Status 'Accuracy at checkpoints' Steering 'Failed approaches' \
	    'Known limitations' 'Next steps' Milestones Done; do
		test_grep "^$title\$" out
	done
	test_grep '^      instead: an implicit one$' out
	test_grep '^15 records in 2 logs; fetched .* ago$' out
	git -C fresh for-each-ref refs/agent/ >own
	test_empty own
EOF

t 'the documented fields of --json' <<'EOF'
	git -C fresh agent status --json >out
	test_json '[keys_unsorted[]] == ["goal", "runs", "status", "checks", "steers", "failed", "limits", "next", "milestones", "done", "stats"]'
	test_json '.runs[0] | keys_unsorted == ["id", "state", "outcome", "outcome_text", "iteration", "refusals", "agent", "author", "writer", "started", "last", "beat", "doing"]'
	test_json '.status | keys_unsorted == ["id", "abbrev", "kind", "subject", "body", "instead", "author", "email", "writer", "clock", "clock_ahead", "at", "run"]'
	test_json '.checks[0] | keys_unsorted == ["id", "state", "summary", "commit", "tree", "dirty", "committed_as", "oracle_id", "author", "clock", "clock_ahead", "run", "metrics"]'
	test_json '.checks[0].metrics[0] | keys_unsorted == ["name", "value", "unit", "at", "target", "direction", "state", "reason"]'
	test_json '.steers[0] | keys_unsorted == ["id", "abbrev", "state", "stop", "subject", "body", "author", "email", "sent", "clock_ahead", "delivered", "delivered_to", "answered", "answered_by", "answer"]'
	test_json '.stats | keys_unsorted == ["records", "logs", "malformed", "missing", "clock_ahead", "unpushed", "remote", "fetched", "newest", "partial"]'
	test_json '.failed[0] == .failed[-1] and (.failed[0] | .kind == "failed" and .instead == "an implicit one")'
	test_json '.checks | map(.metrics[0].value) == [3.0000000000000001e-05, 0.5]'
	test_json '.runs[0] | .state == "ended" and .outcome == "done"'
	test_json '.steers[0] | .state == "done" and .answer == "it passes now" and .delivered_to == "ada-node7-aaaaaa"'
	test_json '[.. | strings | select(test("^20[0-9-]+T"))] | length > 10 and all(test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{6}Z$"))'
EOF

t '-n limits each list, and says how many more there are' <<'EOF'
	for i in 1 2 3; do rec o.git ada-node7-aaaaaa $((3600 - i)) 'next' "step $i"; done
	status fresh agent status -n 2
	test_grep 'step 3' out
	test_no_grep 'step 1' out
	test_grep '… and 2 more: git agent log next' out
	status fresh agent status -n 1
	test_grep '… and 1 earlier: git agent log check' out
	test_no_grep ' FAIL ' out
	status fresh agent status -n 0
	test_no_grep 'step [0-9]' out
	test_grep 'two orders to go' out
EOF

t '--offline shows what was fetched, and does not fetch' <<'EOF'
	rec o.git ada-node7-aaaaaa 60 status 'news'
	git -C fresh agent status --offline >out 2>err
	test_no_grep news out
	test_empty err
	git -C fresh agent status >out
	test_grep news out
	rm -rf never
	git clone -q o.git never
	test_exit 3 git -C never agent status --offline >out 2>err
	test_grep "nothing was ever fetched from 'origin'" err
	test_exit 3 git -C never agent status --offline --json >out 2>err
	test_json .stats.partial
EOF

t 'an unreachable remote: exit 3, and what is shown is said to be old' <<'EOF'
	git -C fresh remote set-url origin "$SCRATCH/nowhere.git"
	test_exit 3 git -C fresh agent status >out 2>err
	test_grep "could not ask 'origin' for news" err
	test_grep 'what is shown was fetched' err
	test_grep news out
	test_exit 3 git -C fresh agent status --json >out 2>err
	test_json '.stats.partial and .status.subject == "news"'
	git -C fresh remote set-url origin "$SCRATCH/o.git"
EOF

t 'from a linked worktree, a subdirectory, a bare clone' <<'EOF'
	mkdir -p fresh/deep
	git -C fresh/deep agent status >out
	test_grep news out
	git -C fresh worktree add -q ../beside
	git -C beside agent status >out
	test_grep news out
	git clone -q --bare o.git bare.git
	git -C bare.git agent status >out
	test_grep news out
EOF

# ---- what no longer holds --------------------------------------------------------------

t 'superseded and retracted notes are gone' <<'EOF'
	old=$(rec o.git w3 50 limit 'the old limit')
	rec o.git w3 49 limit 'the new limit' "Agent-Supersedes: $old"
	bad=$(rec o.git w3 48 status 'a wrong status')
	rec o.git w4 47 retract 'nonsense' "Agent-Retracts: $bad"
	wrong=$(rec o.git w3 46 check 'PASS: y1 0' 'Agent-State: PASS' 'Agent-Metric: y1 0 state=PASS')
	rec o.git w4 45 retract 'the oracle was broken' "Agent-Retracts: $wrong"
	steer=$(rec o.git w4 44 steer 'never mind')
	rec o.git w4 43 retract 'never mind' "Agent-Retracts: $steer"
	git -C fresh agent status >out
	test_no_grep 'the old limit' out
	test_grep 'the new limit' out
	test_no_grep 'a wrong status' out
	test_grep news out
	test_grep 'retracted never mind' out
	git -C fresh agent status --json >out
	test_json '.checks | length == 2'
EOF

t 'a status by a clock far in the future is not the current one, but flagged' <<'EOF'
	rec o.git w5 -864000 status 'from the future'
	rec o.git w6 30 status 'the current one'
	status fresh agent status
	test_grep '1 record has a clock far in the future' err
	awk '/^Status/ { getline; print; exit }' out >first
	test_grep 'the current one' first
	test_grep 'from the future .*by a clock far in the future$' out
	git -C fresh agent status --json >out 2>err
	test_json '.status.subject == "the current one" and .stats.clock_ahead == 1'
	origin f.git
	rec f.git w5 -864000 status 'from the future'
	git clone -q f.git future
	status future agent status
	test_grep 'from the future .*by a clock far in the future$' out
EOF

# ---- the table -----------------------------------------------------------------------------------

t 'a tree measured first and committed afterwards counts for the commit' <<'EOF'
	new_repo c
	printf '[oracle]\ncommand = echo metric err 0.1\n' >c/.gitagent
	git -C c agent check -q
	git -C c add .
	git -C c commit -qm config
	status c agent status
	short=$(git -C c rev-parse --short HEAD)
	test_grep -E "^  [^ ].* ago +$short +PASS +0.1" out
	git -C c agent status --json >out
	test_json ".checks[0] | .dirty and .committed_as == \"$(git -C c rev-parse HEAD)\""
	# the same again, now clean: one line for both
	git -C c agent check -q
	git -C c agent check -q
	status c agent status
	grep -c PASS out | test_grep '^1$' -
	git -C c agent status --json >out
	test_json '.checks | length == 3'
	echo x >c/new
	git -C c agent check -q
	status c agent status
	test_grep -E "^  [^ ].* ago +$short\\+ +PASS +0.1" out
EOF

t 'a verdict that changed on the same tree stays visible' <<'EOF'
	git -C c clean -qfd
	printf '[oracle]\ncommand = test -e .git/flaky || exit 1\n' >c/.gitagent
	git -C c commit -qam 'a flaky oracle'
	test_exit 3 git -C c agent check -q
	touch c/.git/flaky
	git -C c agent check -q
	status c agent status
	short=$(git -C c rev-parse --short HEAD)
	test_grep -E "$short +ERROR" out
	test_grep -E "$short +PASS" out
	# those before were by another oracle
	test_grep -E 'PASS\*' out
	test_grep '\* by another oracle: not comparable' out
EOF

t 'nan, missing, errors without metrics, unknown verdicts' <<'EOF'
	origin m.git
	rec m.git w1 90 check 'ERROR' 'Agent-State: ERROR' 'Agent-Metric: a nan target<=1 state=ERROR reason=it is not a number (nan)' \
		'Agent-Metric: b nan state=ERROR reason=it is missing from the output' 'Agent-Metric: c -inf state=ERROR'
	rec m.git w1 80 check 'UNTESTABLE; the build failed' 'Agent-State: UNTESTABLE'
	rec m.git w1 70 check 'SPLENDID' 'Agent-State: SPLENDID'
	rec m.git w1 60 check 'FAIL: a 1.0000001' 'Agent-State: FAIL' 'Agent-Metric: a 1.0000001 target<=1 state=FAIL' \
		'Agent-Metric: a-metric-without-a-value' 'Agent-Metric: c x state=PASS'
	git clone -q m.git mc
	status mc agent status
	test_grep -E 'ERROR +nan +missing +-inf$' out
	test_grep -E 'UNTESTABLE$' out
	test_no_grep SPLENDID out
	test_grep -E 'FAIL +1.0000001$' out
EOF

t 'checks that say the same again do not hide those before' <<'EOF'
	origin r.git
	same() {
		rec r.git w1 "$1" check 'PASS: a 1' 'Agent-State: PASS' "Agent-Commit: $2" "Agent-Tree: $2" 'Agent-Oracle-Id: 1111' 'Agent-Metric: a 1 state=PASS'
	}
	same 99 "$(printf '1%.0s' {1..40})"
	same 98 "$(printf '2%.0s' {1..40})"
	for i in {1..15}; do same $((90 - i)) "$(printf '3%.0s' {1..40})"; done
	git clone -q r.git rc
	status rc agent status -n 2
	test_grep -E '333333333333 +PASS' out
	test_grep -E '222222222222 +PASS' out
	test_no_grep 111111111111 out
EOF

t 'nor do goals by a clock in the future hide the one that is believed' <<'EOF'
	origin g.git
	rec g.git w1 60 brief 'the true goal'
	for i in {1..12}; do rec g.git w2 -$((90000000 + i)) brief forged; done
	git clone -q g.git gc
	status gc agent status
	test_grep 'Goal the true goal' out
	status gc agent status -n 1844674407370955162
	test_grep 'Goal the true goal' out
EOF

finish

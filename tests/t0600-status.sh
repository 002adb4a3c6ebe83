#!/usr/bin/env bash
# git agent status: where the work stands, as any clone sees it.  Most of the
# records are written by plain git, as another version would write them.
. "${0%/*}/lib.sh"

# test_json FILTER [FILE]: the jq filter gives true.
test_json() {
	local - && set +x
	jq -e "$1" "${2:-out}" >/dev/null || test_excerpt 'not true' "$1" "${2:-out}"
}

# ago SECONDS: a clock so long ago (or, negative, ahead).
ago() {
	date -u -d "@$(($(date +%s) - $1))" +%Y-%m-%dT%H:%M:%S.000000Z
}

# rec DIR WRITER SECONDS-AGO KIND TEXT [TRAILER…]: append a record to a log,
# or replace a beat; prints its id.
rec() {
	local - && set +x
	local dir=$1 writer=$2 when=$3 kind=$4 text=$5 ref parent message id
	shift 5
	ref=refs/agent/log/$writer
	test "$kind" != beat || ref=refs/agent/beat/$writer
	parent=$(git -C "$dir" rev-parse -q --verify "$ref") || true
	test "$kind" != beat || parent=''
	message=$(
		printf '%s: %s\n\nAgent-Kind: %s\n' "$kind" "$text" "$kind"
		test $# = 0 || printf '%s\n' "$@"
		printf 'Agent-Writer: %s\nAgent-Clock: %s\n' "$writer" "$(ago "$when")"
	)
	id=$(printf '%s\n' "$message" | git -C "$dir" commit-tree \
		${parent:+-p "$parent"} 4b825dc642cb6eb9a060e54bf8d69288fbee4904)
	git -C "$dir" update-ref "$ref" "$id"
	echo "$id"
}

# origin NAME: a bare repository with one commit.
origin() {
	local - && set +x
	rm -rf "$1" "$1.seed"
	new_repo "$1.seed"
	git clone -q --bare "$1.seed" "$1"
	git -C "$1" hash-object -w -t tree /dev/null >/dev/null
}

run1=01JDD0000000000000000000A1
run2=01JDD0000000000000000000B2

# status DIR ARGS…: its text in `out`, as on a wide pipe.
status() {
	local - && set +x
	COLUMNS=100 git -C "$@" >out 2>err
}

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
	test_json '.steers[0] | keys_unsorted == ["id", "abbrev", "state", "stop", "subject", "body", "author", "email", "sent", "delivered", "delivered_to", "answered", "answered_by", "answer"]'
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

# ---- runs ------------------------------------------------------------------------------------

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

# ---- for the eyes ------------------------------------------------------------------------------------

t 'hostile text is cleaned, in the text and on a terminal' <<'EOF'
	origin h.git
	evil=$(printf 'evil \033[2J\033]0;title\007 \302\233 \342\200\256 \201 end')
	for kind in brief status failed limit next milestone 'done' steer; do
		rec h.git w1 60 $kind "$evil" "Agent-Instead: $evil" "Agent-At: $evil"
	done
	rec h.git w1 60 check "$evil" 'Agent-State: FAIL' "Agent-Commit: $evil" "Agent-Oracle-Id: $evil" "Agent-Metric: ${evil// /_} 1 at=${evil// /_} unit=${evil// /_} state=FAIL"
	rec h.git w1 60 run "$evil" "Agent-Run: $run1" 'Agent-Event: start' "Agent-Agent: $evil" "Agent-Outcome: $evil"
	rec h.git w1 60 beat "$evil" "Agent-Run: $run1"
	rec h.git w1 60 run "$evil" "Agent-Run: $run2" 'Agent-Event: end' "Agent-Outcome: $evil"
	git clone -q h.git hc
	git -C hc agent status >out 2>&1
	test_grep -F 'evil ^[[2J^[]0;title^G' out
	test_no_grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae' out
	iconv -f UTF-8 -t UTF-8 out >/dev/null
	GIT_PAGER=cat on_tty 'git -C hc agent status' >tty
	sed 's/\x1b\[[0-9;]*m//g; s/\r$//' tty >left
	test_no_grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' left
	test_no_grep -aF "$(printf '\033[2J')" tty
	git -C hc agent status --json >out
	test_json '.goal | contains("evil")'
EOF

# width_of FILE: columns of the longest line, wide characters as two.
width_of() {
	python3 -c '
import sys, unicodedata
print(max(sum(2 if unicodedata.east_asian_width(c) in "WF" else
    0 if unicodedata.combining(c) else 1 for c in l.rstrip("\r\n"))
    for l in open(sys.argv[1], encoding="utf-8")))' "$1"
}

t 'lines fit a terminal of 40, 80 and 200 columns, wide characters too' <<'EOF'
	origin w.git
	cjk='刚性方程组需要隐式方法，因为显式方法的步长会缩小到十的负十二次方以下。' words=''
	for i in 1 2 3 4 5 6; do words="$words numerical experiments have shown that"; done
	for text in "$cjk$cjk$cjk" "$words" "mixed $cjk with words $cjk"; do
		for kind in brief status failed limit next milestone 'done' steer; do
			rec w.git w1 7200 $kind "$text" "Agent-Instead: $text"
		done
	done
	rec w.git w1 60 run "$cjk" "Agent-Run: $run1" 'Agent-Event: start' "Agent-Agent: ./agent $words"
	rec w.git w1 60 beat "$cjk$cjk" "Agent-Run: $run1"
	metrics=()
	for i in 精度 b c d e f g h i j k l m n o p q r; do
		metrics+=("Agent-Metric: metric.$i 0.00012345 unit=rel target<=0.001 at=l=$i state=PASS")
	done
	metrics+=('Agent-Metric: the.bad.one 1 target<=0.1 state=FAIL')
	rec w.git w1 60 check 'PASS' 'Agent-State: FAIL' "Agent-Commit: $(git -C w.git rev-parse main)" "${metrics[@]}"
	git clone -q w.git wc
	for columns in 40 80 200; do
		GIT_PAGER=cat NO_COLOR=1 COLUMNS=$columns on_tty 'git -C wc agent status' >tty
		sed 's/\x1b\[[0-9;]*m//g' tty | grep -v '^connected' >text
		test "$(width_of text)" -le $columns
		test_grep -E '^  checked .*the\.bad\.one' text
	done
	# no text was lost on the way
	test_no_grep 'metrics that do not fit' <(sed -n 1p text)
	for columns in 40 80; do
		COLUMNS=$columns git -C wc agent status >text
		tr -d ' \n' <text >squeezed
		test_grep -F "$cjk$cjk$cjk" squeezed
		test_grep -F "${words// /}" squeezed
	done
EOF

t 'columns line up behind wide characters' <<'EOF'
	GIT_PAGER=cat NO_COLOR=1 COLUMNS=200 on_tty 'git -C wc agent status' | tr -d '\r' >text
	python3 - text <<-'END'
	import sys, unicodedata
	w = lambda s: sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in s)
	lines = open(sys.argv[1], encoding="utf-8").read().split("\n")
	at = lines.index("Accuracy at checkpoints")
	head, row = lines[at + 1], lines[at + 2]
	assert w(head[:head.index("metric.精度") + len("metric.精度")]) == \
	    w(row[:row.index("0.0001234") + len("0.0001234")]), (head, row)
	END
EOF

t 'colours on a terminal only, and not with NO_COLOR' <<'EOF'
	git -C rc agent status >out
	test_no_grep -P '\x1b' out
	GIT_PAGER=cat on_tty 'git -C rc agent status' >tty
	test_grep -P '\x1b\[32mlive' tty
	GIT_PAGER=cat NO_COLOR=1 on_tty 'git -C rc agent status' >tty
	test_no_grep -P '\x1b' tty
	git -C rc -c color.ui=always agent status >out
	test_grep -P '\x1b\[32mlive' out
	GIT_PAGER='sed s/^/paged:/' on_tty 'git -C rc agent status' >tty
	test_grep '^paged:.*Run' tty
EOF

t 'a full disk is an error, a closed pipe is not' <<'EOF'
	test_exit 128 git -C rc agent status --offline >/dev/full 2>err
	test_grep 'cannot write the output' err
	git -C rc agent status --offline | head -c 1 >/dev/null
	test "${PIPESTATUS[0]}" = 0
EOF

finish

#!/usr/bin/env bash
# git agent check several times at once, and ended by signals.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/check.sh"

# Sleepers of this run, to be told from those of another.
export NAP=$$

t 'concurrent checks in one clone all arrive' <<'EOF'
	project many
	for i in 1 2 3 4 5 6; do
		git -C many agent check -q $(test $((i % 2)) = 0 || echo HEAD) || test $? = 1 &
	done
	wait
	test "$(git -C many agent log check --json | jq length)" = 6
	git -C many agent log check --json | jq -r '.[].id' | sort -u >ids
	test_lines 6 ids
	git -C many fsck
	git -C many log -1 --notes='agent*' >log
	test_grep FAIL log
EOF

# slow_check SIGNAL [REV]: end a check that is measuring by a signal to it
# alone; its exit status in `status`.
slow_check() {
	local - && set +x
	rm -f started
	(cd many && exec env --default-signal "$B/bin/git-agent-check" \
		${2:+"$2"} >../out 2>../err) &
	local pid=$!
	wait_until 20 test -e started || return 1
	kill "-$1" "$pid"
	local got=0
	wait "$pid" || got=$?
	echo "$got" >status
}

t 'a signal ends it, the oracle too, and nothing is recorded' <<'EOF'
	cat >many/oracle/compare <<-END
		(setsid sh -c 'trap "" TERM INT; sleep 351.$NAP; sleep 352.$NAP' &)
		touch '$SCRATCH/started'
		sleep 353.$NAP
	END
	git -C many commit -qam 'a slow oracle'
	newest many >before
	for pair in INT:130 TERM:143 HUP:129; do
		for rev in '' HEAD; do
			slow_check ${pair%:*} $rev
			test "$(cat status)" = ${pair#*:}
			test_grep 'interrupted; nothing was recorded' err
			test_empty out
		done
	done
	ps -eo args >processes
	test_no_grep -E "^sleep 35[123].$NAP" processes
	newest many >after
	test_cmp before after
EOF

t 'SIGKILL leaves nothing running either' <<'EOF'
	slow_check KILL
	test "$(cat status)" = 137
	gone() { test -z "$(ps -eo args | grep -E "^sleep 35[123].$NAP")"; }
	wait_until 10 gone
EOF

t 'a check that waits for its turn can be ended' <<'EOF'
	slow() {
		(cd many && exec env --default-signal "$B/bin/git-agent-check" HEAD >/dev/null 2>&1) &
		echo $! >"pid.$1"
	}
	rm -f started
	slow 1
	wait_until 20 test -e started
	slow 2
	sleep 1
	start=$SECONDS
	kill -TERM "$(cat pid.2)"
	wait "$(cat pid.2)" || test $? = 143
	test $((SECONDS - start)) -lt 10
	kill -TERM "$(cat pid.1)"
	wait "$(cat pid.1)" || test $? = 143
EOF

t 'what nohup has ignored stays ignored' <<'EOF'
	cat >many/oracle/compare <<-END
		touch '$SCRATCH/started'
		while test ! -e '$SCRATCH/go'; do sleep 0.1; done
		echo metric err 0
	END
	rm -f started go
	(cd many && trap '' HUP && exec "$B/bin/git-agent-check" --no-record -q) &
	pid=$!
	wait_until 20 test -e started
	kill -HUP $pid
	sleep 0.3
	touch go
	wait $pid
EOF

finish

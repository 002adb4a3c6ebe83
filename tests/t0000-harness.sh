#!/usr/bin/env bash
# The test library itself: what fails is reported as failing, and shown.
. "${0%/*}/lib.sh"

# suite: make inner.sh from standard input and run it; its status in `status`.
export OUTER=$SCRATCH

suite() {
	{
		echo '#!/usr/bin/env bash'
		echo ". '$ROOT/tests/lib.sh'"
		cat
	} >inner.sh
	local got=0
	TMPDIR=$SCRATCH/.tmp bash inner.sh >out 2>err || got=$?
	echo "$got" >status
}

t 'a test that passes is ok' <<'EOF'
	suite <<-'END'
		t 'truth' <<'INNER'
			true
		INNER
		finish
	END
	printf 'ok 1 - truth\n1..1\n' >expected
	test_cmp expected out
	test_empty err
	test "$(cat status)" = 0
EOF

t 'a test that fails is not ok, shows its output, and the file fails' <<'EOF'
	suite <<-'END'
		t 'before' <<'INNER'
			true
		INNER
		t 'broken' <<'INNER'
			echo 'some output'
			grep nothing /dev/null
			echo 'not reached'
		INNER
		finish
	END
	test "$(cat status)" = 1
	printf 'ok 1 - before\nnot ok 2 - broken\n1..2\n' >expected
	test_cmp expected out
	test_grep '^# .*not ok 2 - broken (status 1)' err
	test_grep '^#   some output' err
	test_grep '^#   ++* grep nothing' err
	test_no_grep '^#   not reached' err
EOF

t 'prove counts it as failed' <<'EOF'
	test_exit 1 prove -e bash inner.sh >out 2>err
	test_grep 'Failed 1/2 subtests' out
	test_grep 'Result: FAIL' out
EOF

t 'a file that ends early is no success' <<'EOF'
	suite <<-'END'
		t 'first' <<'INNER'
			true
		INNER
		exit 0
	END
	test_exit 1 prove -e bash inner.sh >out 2>err
	test_grep 'No plan found' out
EOF

t 'each check fails when it should' <<'EOF'
	suite <<-'END'
		echo one >a
		echo two >b
		t 'cmp' <<'INNER'
			test_cmp a b
		INNER
		t 'grep' <<'INNER'
			test_grep two a
		INNER
		t 'no_grep' <<'INNER'
			test_no_grep one a
		INNER
		t 'no_grep of a missing file' <<'INNER'
			test_no_grep one missing
		INNER
		t 'exit' <<'INNER'
			test_exit 128 false
		INNER
		t 'exit of a success' <<'INNER'
			test_exit 1 true
		INNER
		t 'empty' <<'INNER'
			test_empty a
		INNER
		t 'lines' <<'INNER'
			test_lines 2 a
		INNER
		t 'until' <<'INNER'
			wait_until 0 false
		INNER
		t 'in a subshell' <<'INNER'
			(cd / && false)
			true
		INNER
		t 'in a function' <<'INNER'
			f() { false; true; }
			f
		INNER
		t 'a sanitizer speaks' <<'INNER'
			echo 'runtime error' >"${UBSAN_OPTIONS#log_path=}.1" ||
				true
			echo 'runtime error' >"$SCRATCH/.sanitizer.1"
		INNER
		finish
	END
	test_grep '^1..12$' out
	test_no_grep '^ok' out
	test_grep '^#   exit status 1, expected 128: false' err
	test_grep '^#   no line matches: grep two a' err
	test_grep '^#   | one' err
EOF

t 'what the leak checker says of a killed process is no finding' <<'EOF'
	echo '==1==Unable to get registers from thread 2.' >"$SCRATCH/.sanitizer.1"
EOF

t 'each check passes when it should' <<'EOF'
	printf 'one\ntwo\n' >a
	cp a b
	: >none
	test_cmp a b
	test_grep two a
	test_grep -E '^(one|1)$' a
	test_no_grep three a
	test_exit 1 false
	test_exit 0 true
	test_empty none
	test_lines 2 a
	wait_until 1 true
EOF

t 'a skipped test says why' <<'EOF'
	suite <<-'END'
		skip 'flying' 'no wings'
		finish
	END
	printf 'ok 1 # skip flying: no wings\n1..1\n' >expected
	test_cmp expected out
	suite <<-'END'
		skip_all 'no sky'
		finish
	END
	test "$(cat out)" = '1..0 # skip no sky'
EOF

t 'tests see neither the user nor an agent around them' <<'EOF'
	export GIT_DIR=/nowhere CLAUDECODE=1 NO_COLOR=1
	suite <<-'END'
		t 'clean' <<'INNER'
			env >env
			test_no_grep -E '^(GIT_DIR|CLAUDECODE|NO_COLOR)=' env
			test "$HOME" = "$SCRATCH/.home"
			test "$PWD" = "$SCRATCH"
			test "$(git config user.name)" = 'Ada Lovelace'
			git config --list --show-origin >origins
			test_no_grep -v "^file:$HOME/.gitconfig" origins
			test "$(command -v git-agent || echo none)" \
				= "$(ls "$B/bin/git-agent" || echo none)"
		INNER
		finish
	END
	cat out err
	test_grep '^ok 1' out
EOF

t 'the scratch directory and stray processes are gone afterwards' <<'EOF'
	suite <<-'END'
		mkdir sealed
		touch sealed/file
		chmod 0 sealed
		(setsid sleep 4321 & echo $! >"$OUTER/pid")
		echo "$SCRATCH" >"$OUTER/scratch"
		finish
	END
	test ! -e "$(cat scratch)"
	stray_is_gone() { test ! -d "/proc/$(cat pid)"; }
	wait_until 5 stray_is_gone
EOF

t '--keep keeps it' <<'EOF'
	printf '. "%s"\necho here >file\nfinish\n' "$ROOT/tests/lib.sh" >inner.sh
	bash inner.sh --keep >out 2>err
	kept=$(sed -n 's/^# kept: //p' err)
	test "$(cat "$kept/file")" = here
EOF

start_git_daemon "$SCRATCH/srv"
git init -q --bare srv/origin.git
new_repo clone

t 'the git daemon takes pushes and gives fetches' <<'EOF'
	git -C clone remote add origin "$DAEMON_URL/origin.git"
	git -C clone push -q origin main
	git clone -q "$DAEMON_URL/origin.git" other
	test_cmp clone/file.txt other/file.txt
EOF

t 'the git daemon stops, and starts at the same address' <<'EOF'
	stop_git_daemon
	test_exit 128 git -C other fetch
	start_git_daemon "$SCRATCH/srv"
	git -C other fetch
	stop_git_daemon
EOF

t 'a terminal can be had' <<'EOF'
	on_tty 'test -t 0 && test -t 1 && test -t 2 && echo yes' >out
	test_grep yes out
EOF

# fuzz: `make run-fuzz` with this target, which is not built.
fuzz() {
	local - && set +x
	unset MAKEFLAGS MFLAGS MAKELEVEL
	make -s -C "$ROOT" run-fuzz B="$SCRATCH/fuzz" -o "$SCRATCH/fuzz/fuzz/fuzz-x" \
		FUZZ_SRC=tests/fuzz/fuzz-x.c
}

# target LINE…: what it does.
target() {
	mkdir -p fuzz/fuzz
	printf '%s\n' '#!/bin/sh' "$@" >fuzz/fuzz/fuzz-x
	chmod +x fuzz/fuzz/fuzz-x
}

t 'a fuzz target that ends in an error fails, with or without an input' <<'EOF'
	target 'echo stat::number_of_executed_units: 7 >&2'
	fuzz >out 2>&1
	test_grep 'executed_units: 7' out
	target 'echo no such library >&2' 'exit 127'
	test_exit 2 fuzz >out 2>&1
	test_grep 'no such library' out
	test_grep 'fuzz-x ended with status 127' out
	target 'echo SUMMARY: libFuzzer: out-of-memory >&2' 'exit 71'
	test_exit 2 fuzz >out 2>&1
	test_grep 'out-of-memory' out
	target ': >"${0%/fuzz/*}/crash-x-1"'
	test_exit 2 fuzz >out 2>&1
	test_grep 'crash-x-1' out
EOF

finish

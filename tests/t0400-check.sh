#!/usr/bin/env bash
# git agent check: what the oracle prints becomes a verdict, an exit status
# and, mostly, no pass.  Judging, and the ways in which an oracle can fail.
. "${0%/*}/lib.sh"

new_repo judge
# Sleepers of this run, to be told from those of another.
export NAP=$$

# verdict EXIT STATE METRICS OUTPUT [COMMAND]: the work tree of `judge`,
# whose oracle prints OUTPUT (printf %b); the JSON in `out`.
verdict() {
	local - && set +x
	{
		printf '[oracle]\ncommand = %s\n' "${5:-cat printed}"
		printf '%b\n' "$3"
	} >judge/.gitagent
	printf '%b' "$4" >judge/printed
	test_exit "$1" git -C judge agent check --no-record --json >out 2>err ||
		{ cat err out; return 1; }
	test_json ".state == \"$2\""
}

err_metric='[metric "err"]\npattern = ^err = (?<value>{num})$\ntarget = 1e-3'

# ---- states -----------------------------------------------------------------

t 'a target that is met passes: exit 0' <<'EOF'
	verdict 0 PASS "$err_metric" 'err = 1e-3\n'
	test_json '.metrics == [{name: "err", value: 0.001, unit: null, at: null, target: 0.001, direction: "lower", state: "PASS", reason: null}]'
	test_json '.reason == null'
EOF

t 'a target that is missed fails: exit 1' <<'EOF'
	verdict 1 FAIL "$err_metric" 'err = 1.0000001e-3\n'
	test_json '.metrics[0].state == "FAIL"'
EOF

t 'a missing metric is an error: exit 3' <<'EOF'
	verdict 3 ERROR "$err_metric" 'nothing of the kind\n'
	test_json '.metrics[0].value == "nan" and (.reason | contains("missing"))'
	verdict 3 ERROR "$err_metric" ''
EOF

t 'NaN and infinity are errors, whichever way is better' <<'EOF'
	for word in nan NaN -nan inf -inf +Infinity 1e999 -1e999; do
		verdict 3 ERROR "$err_metric" "err = $word\n"
		verdict 3 ERROR "$err_metric\ndirection = higher" "err = $word\n"
		verdict 3 ERROR "$err_metric\ntransform = abs" "err = $word\n"
	done
	test_json '.reason | contains("infinite")'
	verdict 3 ERROR "$err_metric" 'err = nan\n'
	test_json '.reason | contains("not a number (nan)")'
EOF

t 'a command that fails cannot pass, and keeps its numbers' <<'EOF'
	verdict 3 ERROR "$err_metric" 'err = 1e-9\n' 'cat printed; exit 7'
	test_json '.metrics[0].state == "PASS" and .metrics[0].value == 1e-9'
	test_json '.reason == "the command exited with status 7"'
EOF

t 'a crash is told by its signal' <<'EOF'
	verdict 3 ERROR "$err_metric" 'err = 1e-9\n' 'cat printed; kill -SEGV $$'
	test_json '.reason | test("signal 11 .Segmentation fault")'
	verdict 3 ERROR "$err_metric" 'err = 1e-9\n' 'cat printed; sh -c "kill -9 \$\$"; exit $?'
	test_json '.reason | test("signal 9")'
EOF

t 'a command that is not there is no verdict on the work: exit 255' <<'EOF'
	verdict 255 ABORT "$err_metric" 'err = 1e-9\n' './no-such-oracle'
	test_json '.reason | contains("cannot be run: command not found")'
	: >judge/not-executable
	verdict 255 ABORT "$err_metric" '' './not-executable'
	rm judge/not-executable
EOF

t 'a build that fails is untestable: exit 125, and nothing is measured' <<'EOF'
	verdict 125 UNTESTABLE 'build = echo no compiler; exit 2' '' 'touch measured'
	test_json '.reason == "the build failed with exit status 2"'
	test_json '.metrics == []'
	test ! -e judge/measured
	verdict 0 PASS 'build = touch built' '' 'test -e built'
EOF

t 'a build that takes too long is untestable' <<'EOF'
	verdict 125 UNTESTABLE 'build = sleep 60\ntimeout = 1s' ''
	test_json '.reason == "the build timed out after 1.0s"'
EOF

t 'the worst of all is the state' <<'EOF'
	printf '%s\n' 'metric a 1' 'metric b 2' 'metric c nan' >lines
	verdict 3 ERROR '[metric "a"]\ntarget = 1\n[metric "b"]\ntarget = 1\n[metric "c"]' "$(cat lines)"
	test_json '[.metrics[].state] == ["PASS", "FAIL", "ERROR"]'
	verdict 1 FAIL '[metric "a"]\ntarget = 1\n[metric "b"]\ntarget = 1' "$(sed 3d lines)"
EOF

t 'without any metric the exit status decides' <<'EOF'
	verdict 0 PASS '' 'all is well\n'
	verdict 3 ERROR '' 'all is well\n' false
EOF

# ---- a timeout ----------------------------------------------------------------

t 'a timeout ends the whole process tree, also what fled by setsid' <<'EOF'
	cat >judge/slow <<-'END'
		#!/bin/sh
		sleep 331.$NAP &
		setsid sleep 332.$NAP &
		(setsid sh -c 'trap "" TERM HUP; sleep 333.$NAP; sleep 334.$NAP' &)
		cat printed
		sleep 335.$NAP
	END
	start=$SECONDS
	verdict 3 ERROR "timeout = 1s\n$err_metric" 'err = 1e-9\n' 'sh ./slow'
	test_json '.reason == "timed out after 1.0s"'
	test_json '.metrics[0].value == 1e-9'
	test $((SECONDS - start)) -lt 30
	ps -eo args >processes
	test_no_grep -E "^sleep 33[1-5].$NAP" processes
EOF

t 'what the oracle leaves behind when it ends is ended too' <<'EOF'
	verdict 0 PASS "$err_metric" 'err = 1e-9\n' 'setsid sleep 341.$NAP & cat printed'
	ps -eo args >processes
	test_no_grep "^sleep 341.$NAP" processes
EOF

# ---- patterns, matches, units ---------------------------------------------------

t 'two matches are an error, unless a rule says which counts' <<'EOF'
	two='err = 5e-4\nerr = 2e-3\nerr = 1e-4\n'
	verdict 3 ERROR "$err_metric" "$two"
	test_json '.reason | contains("3 times")'
	verdict 0 PASS "$err_metric\nmatch = first" "$two"
	test_json '.metrics[0].value == 5e-4'
	verdict 0 PASS "$err_metric\nmatch = last" "$two"
	test_json '.metrics[0].value == 1e-4'
	verdict 1 FAIL "$err_metric\nmatch = worst" "$two"
	test_json '.metrics[0].value == 2e-3'
EOF

t 'the worst is the lowest where higher is better, and a NaN is worse yet' <<'EOF'
	verdict 1 FAIL "$err_metric\nmatch = worst\ndirection = higher" 'err = 5\nerr = -2\nerr = 9\n'
	test_json '.metrics[0].value == -2'
	verdict 3 ERROR "$err_metric\nmatch = worst" 'err = 5\nerr = nan\nerr = 1e-9\n'
	verdict 3 ERROR "$err_metric\nmatch = worst" 'err = nan\nerr = 1e-9\n'
EOF

t 'abs judges the size, and finds the worst by it' <<'EOF'
	verdict 0 PASS "$err_metric" 'err = -5\n'
	verdict 1 FAIL "$err_metric\ntransform = abs" 'err = -5\n'
	test_json '.metrics[0].value == 5'
	verdict 1 FAIL "$err_metric\ntransform = abs\nmatch = worst" 'err = -5\nerr = 4\n'
	test_json '.metrics[0].value == 5'
EOF

t 'higher is better where the project says so' <<'EOF'
	verdict 0 PASS "$err_metric\ndirection = higher" 'err = 1e-3\n'
	test_json '.metrics[0].direction == "higher"'
	verdict 1 FAIL "$err_metric\ndirection = higher" 'err = 0.999e-3\n'
EOF

t 'another unit than the declared one is an error' <<'EOF'
	unit='[metric "err"]\npattern = ^err = (?<value>{num}) ?(?<unit>\\S*)$\nunit = rel\ntarget = 1e-3'
	verdict 0 PASS "$unit" 'err = 1e-4 rel\n'
	test_json '.metrics[0].unit == "rel"'
	verdict 3 ERROR "$unit" 'err = 1e-4 percent\n'
	test_json '.reason | contains("percent")'
	verdict 3 ERROR '[metric "err"]\nunit = rel' 'metric err 1e-4 abs\n'
EOF

t 'the place of the worst point is kept' <<'EOF'
	at='[metric "tt"]\npattern = ^tt l=(?<at>\\d+) rel=(?<value>{num})$\nmatch = worst\ntransform = abs\ntarget = 1e-3'
	verdict 0 PASS "$at" 'tt l=2 rel=3.1e-04\ntt l=3 rel=-2.9e-04\n'
	test_json '.metrics[0].at == "2"'
EOF

t 'numbers as Fortran and others print them' <<'EOF'
	for pair in '1.5D-04 0.00015' '1.5d-4 0.00015' '+.5e-3 0.0005' '0. 0' '-0 0'; do
		verdict 0 PASS "$err_metric" "err = ${pair% *}\n"
		test_json ".metrics[0].value == ${pair#* }"
	done
	verdict 1 FAIL "$err_metric" 'err = 150\n'
EOF

t 'a part of a number is never taken for the number' <<'EOF'
	open='[metric "err"]\npattern = err = (?<value>{num})\ntarget = 1e-3'
	# Fortran without room for the E; a version; two numbers run together
	for word in 1.5-101 1.2.3 1e-9-7 1.0e-5.5 0x0p1; do
		verdict 3 ERROR "$err_metric" "err = $word\n"
	done
	for word in 1.5-101 1.0e-5.5 1e-9-7 0x1p-9; do
		verdict 3 ERROR "$open" "err = $word\n"
	done
EOF

t 'lines end as they do on other systems too' <<'EOF'
	verdict 0 PASS "$err_metric" 'err = 1e-4\r\n'
	verdict 0 PASS "$err_metric" 'x\nerr = 1e-4'
	verdict 0 PASS '[metric "err"]\ntarget = 1e-3' 'metric err 1e-4\r\n'
EOF

t 'sanity comes first' <<'EOF'
	verdict 0 PASS "sanity = ^complete\$\n$err_metric" 'err = 1e-4\ncomplete\n'
	verdict 3 ERROR "sanity = ^complete\$\n$err_metric" 'err = 1e-4\nincomplete\n'
	test_json '.reason | startswith("the output does not match sanity")'
	test_json '.metrics[0].value == 1e-4'
EOF

t 'a pattern that explodes ends as an error, soon' <<'EOF'
	start=$SECONDS
	long=$(printf 'a%.0s' {1..5000})
	verdict 3 ERROR '[metric "err"]\npattern = ^(?:a|aa|aaa)+b(?<value>{num})$' "b1\n$long\nb1"
	test_json '.reason | contains("too hard")'
	test $((SECONDS - start)) -lt 20
EOF

# ---- lines that describe themselves ------------------------------------------------

t 'metric lines need no pattern' <<'EOF'
	verdict 0 PASS '[metric "tt"]\ntarget = 1e-3' 'metric tt 5e-4 rel at=l=20\n'
	test_json '.metrics[0] | .unit == "rel" and .at == "l=20" and .value == 5e-4'
	verdict 1 FAIL '[metric "tt"]\ntarget = 1e-3\nmatch = worst' 'metric tt 5e-4\nmetric tt 5e-2\n'
	verdict 3 ERROR '[metric "tt"]\ntarget = 1e-3' 'metric tt 5e-4\nmetric tt 5e-2\n'
EOF

t 'metric lines of undeclared metrics are recorded, without a target' <<'EOF'
	verdict 0 PASS '' 'metric time 12.5 s\nmetric tensor is positive\n'
	test_json '[.metrics[] | [.name, .value, .unit, .target, .state]] == [["time", 12.5, "s", null, "PASS"]]'
	verdict 3 ERROR '' 'metric time nan\n'
EOF

t 'a metric line that is none of a declared metric is an error' <<'EOF'
	for line in 'metric tt' 'metric tt 5e-4x' 'metric tt 0,0005' \
	    'metric tt 5e-4 rel at=1 and so on'; do
		verdict 3 ERROR '[metric "tt"]\ntarget = 1e-3' "$line\n"
	done
EOF

t 'too many metrics are an error, not a record of megabytes' <<'EOF'
	verdict 3 ERROR '' '' 'seq -f "metric m%.0f 1" 3000'
	test_json '(.metrics | length) == 1000'
	test_json '.reason | contains("more than 1000")'
	# a name beyond all measure is none
	verdict 0 PASS '' "metric $(printf 'n%.0s' {1..5000}) 1\n"
	test_json '.metrics == []'
EOF

t 'whatever the output says, a metric is a few clean words' <<'EOF'
	verdict 3 ERROR '[metric "e"]\npattern = ^e (?<value>{num}) (?<at>.*)$' 'e nan \033[2Jx state=PASS reason=fine\n'
	test_json '.metrics[0].at == "^[[2Jx_state=PASS_reason=fine"'
EOF

# ---- the environment ------------------------------------------------------------------

t 'a locale with a decimal comma changes nothing' <<'EOF'
	mkdir locales
	localedef -i de_DE -f UTF-8 locales/de_DE.UTF-8 || true
	export LOCPATH=$PWD/locales LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8
	printf '%.1f\n' 1,5 || true
	verdict 0 PASS "$err_metric" 'err = 0.5e-3\n'
	test_json '.metrics[0].value == 0.0005 and .wall_seconds < 60'
	verdict 0 PASS '' '' 'env >environment'
	test_grep '^LC_NUMERIC=C$' judge/environment
	test_grep '^LANG=de_DE.UTF-8$' judge/environment
	test_no_grep '^LC_ALL=' judge/environment
EOF

t 'the oracle has no standard input to wait for' <<'EOF'
	verdict 0 PASS '' '' 'cat; echo done' </dev/zero
EOF

t '100 MB of output are an error, and little of it is kept' <<'EOF'
	verdict 3 ERROR "$err_metric" 'err = 1e-9\n' 'cat printed; yes | head -c 100000000'
	test_json '.reason == "the output is longer than 64 MiB"'
	git -C judge agent check -q || test $? = 3
	id=$(git -C judge for-each-ref --format='%(refname)' refs/agent/log)
	git -C judge show "$id:output.txt" >kept
	test_grep '^err = 1e-9$' kept
	test_grep 'bytes left out' kept
	test "$(wc -c <kept)" -lt 200000
EOF

t 'ten thousand points in megabytes of output are read in seconds' <<'EOF'
	start=$SECONDS
	awk 'BEGIN { for (i = 0; i < 300000; i++) printf "tt l=%d rel=%.3e some more words\n", i, 1e-4 * (i % 7) }' >judge/points
	verdict 0 PASS '[metric "tt"]\npattern = ^tt l=(?<at>\\d+) rel=(?<value>{num}) \nmatch = worst\ntarget = 6e-4' '' 'cat points'
	test $((SECONDS - start)) -lt 20
	rm judge/points
EOF

t 'the output is read as bytes, NUL and invalid UTF-8 among them' <<'EOF'
	verdict 0 PASS "$err_metric" 'a\0b\n\0377\0376\nerr = 1e-4\n\0303('
	test_json '.metrics[0].value == 1e-4'
EOF

# ---- .gitagent that is not right ----------------------------------------------------------

# malformed LINE WORDS: .gitagent from standard input is refused, naming both.
malformed() {
	local - && set +x
	cat >judge/.gitagent
	test_exit 255 git -C judge agent check --no-record >out 2>err || return 1
	test_empty out || return 1
	test_grep "'.gitagent' line $1: " err || return 1
	test_grep -F -- "$2" err || return 1
	test_grep ABORT err
}

t 'a malformed .gitagent: file, line, and what was expected; exit 255' <<'EOF'
	printf '[oracle]\ncommand = true\ntimeout = soon\n' | malformed 3 'expected a duration such as'
	printf 'command = true\n' | malformed 1 'expected a section'
	printf '[oracle]\nwhat\n' | malformed 2 "expected '[section]' or 'key = value'"
	printf '[oracle\n' | malformed 1 "expected '[section]'"
	printf '[oracel]\n' | malformed 1 'did you mean [oracle]?'
	printf '[oracle]\ncomand = x\n' | malformed 2 "did you mean 'command'?"
	printf '[oracle]\ncommand = x\ncommand = y\n' | malformed 3 'given already in line 2'
	printf '[oracle]\ncommand =\n' | malformed 2 "a value behind the '='"
	printf '[oracle]\ntimeout = 2m\n' | malformed 1 "lacks 'command"
	printf '[metric "a"]\n' | malformed 1 'needs an [oracle]'
	printf '[oracle]\ncommand = x\n[metric "a"]\ntarget = nan\n' | malformed 4 'a number such as'
	printf '[oracle]\ncommand = x\n[metric "a"]\npattern = (\n' | malformed 4 'not valid'
	printf '[oracle]\ncommand = x\n[metric "a"]\npattern = a{num}\n' | malformed 4 '(?<value>{num})'
	printf '[oracle]\ncommand = x\n[metric "a"]\nmatch = best\n' | malformed 4 'one, first, last or worst'
	printf '[oracle]\ncommand = x\n[metric "a b"]\n' | malformed 3 'blanks'
	printf '[oracle]\ncommand = x\nprotect = ../elsewhere\n' | malformed 3 'inside the work tree'
	printf '[oracle]\ncommand = x\nprotect = ./\n' | malformed 3 'inside the work tree'
	printf '[oracle]\ncommand = x\nratchet = 5%%\n[metric "a"]\n' | malformed 3 'ratchet'
	printf '[oracle]\ncommand = x\npoints = p\n' | malformed 3 'not supported by this version'
EOF

t 'an oracle that is malformed is JSON too' <<'EOF'
	test_exit 255 git -C judge agent check --no-record --json >out 2>err
	test_json '.state == "ABORT" and .record == null and (.reason | contains("line 3"))'
EOF

t 'no .gitagent, or none with an oracle: exit 255, and what to do' <<'EOF'
	rm judge/.gitagent
	test_exit 255 git -C judge agent check >out 2>err
	test_grep "run 'git agent init'" err
	test_exit 255 git -C judge agent check HEAD >out 2>err
	test_grep "'HEAD:.gitagent' does not exist" err
	printf '[loop]\nagent = x\n' >judge/.gitagent
	test_exit 255 git -C judge agent check >out 2>err
	test_grep "no \[oracle\] section" err
EOF

# ---- options -------------------------------------------------------------------------------

t 'text for people: state, commit, values, targets, the last lines' <<'EOF'
	verdict 1 FAIL "$err_metric\nunit = rel" 'noise\nerr = 1.0000001e-3\n'
	test_exit 1 git -C judge agent check --no-record >out
	test_grep "^FAIL $(git -C judge rev-parse --short HEAD) with uncommitted changes" out
	# as many digits as show that it was missed
	test_grep -E '^  FAIL +err +0.0010000001 rel +target <= 0.001$' out
	test_no_grep noise out
	verdict 3 ERROR "$err_metric" 'noise\n'
	test_exit 3 git -C judge agent check --no-record >out
	test_grep -E '^  ERROR +err +missing +target <= 0.001 +it is missing' out
	test_grep '^    noise$' out
EOF

t '-v shows the output, -q nothing at all' <<'EOF'
	verdict 0 PASS "$err_metric" 'noise\nerr = 1e-4\n'
	git -C judge agent check --no-record -v >out
	test_grep '^noise$' out
	git -C judge agent check --no-record -q >out 2>err
	test_empty out
	test_empty err
	verdict 1 FAIL "$err_metric" 'err = 1\n'
	test_exit 1 git -C judge agent check --no-record -q >out 2>err
	test_empty out
	test_empty err
EOF

t 'control bytes of the oracle never reach a terminal' <<'EOF'
	verdict 3 ERROR "$err_metric" '\033[2J\033]0;owned\007\nmetric \033[31mred 1 \033[7mu at=\0233x\nerr = \033[1m\n'
	on_tty 'git -C judge agent check --no-record -v' >tty || true
	on_tty 'git -C judge agent check --no-record' >>tty || true
	git -C judge agent check --no-record -v >plain 2>&1 || true
	# What is left of ESC are our own colours.
	sed 's/\x1b\[[0-9;]*m//g' tty >left
	test_no_grep -aP '\x1b|\x07|\x9b' left
	test_no_grep -aP '\x1b|\x07|\x9b' plain
	test_grep -F '^[[2J' left
	test_no_grep -aF "$(printf '\033[7m')" tty
EOF

t '--no-record writes nothing' <<'EOF'
	rm -rf clean
	git clone -q judge clean
	cp judge/.gitagent clean/.gitagent
	git -C clean add .gitagent
	git -C clean commit -qm 'an oracle'
	find clean/.git -type f -exec md5sum {} + | sort >before
	git -C clean agent check --no-record -q || test $? = 3
	find clean/.git -type f -exec md5sum {} + | sort >after
	test_cmp before after
EOF

t 'more than one revision is a usage error' <<'EOF'
	test_exit 129 git -C judge agent check HEAD HEAD~1 2>err
	test_grep 'one revision at most' err
EOF

finish

#!/usr/bin/env bash
# git agent check: what is measured, where, and what is written down.
. "${0%/*}/lib.sh"

# test_json FILTER [FILE]: the jq filter gives true.
test_json() {
	local - && set +x
	jq -e "$1" "${2:-out}" >/dev/null || test_excerpt 'not true' "$1" "${2:-out}"
}

# project DIR: value.txt holds the error; the oracle is a script of its own.
project() {
	local - && set +x
	new_repo "$1"
	mkdir "$1/oracle"
	cat >"$1/oracle/compare" <<-'END'
		#!/bin/sh
		echo "metric err $(cat value.txt) rel at=x=3"
	END
	cat >"$1/.gitagent" <<-'END'
		[oracle]
		command = sh oracle/compare
		protect = ./oracle/
		[metric "err"]
		target = 1e-3
	END
	echo 0.1 >"$1/value.txt"
	git -C "$1" add .
	git -C "$1" commit -qm 'an oracle'
}

# trailers RECORD KEY
trailer() {
	git -C "$1" log -1 --format="%(trailers:key=$3,valueonly)" "$2"
}

newest() {
	git -C "$1" for-each-ref --format='%(objectname)' refs/agent/log
}

project p
# Sleepers of this run, to be told from those of another.
export NAP=$$

# ---- records ------------------------------------------------------------------

t 'the record: commit, tree, oracle, metrics with all digits, output' <<'EOF'
	echo 0.00012345678901234567 >p/value.txt
	git -C p commit -qam 'better'
	git -C p agent check --json >out
	rec=$(jq -r .record out)
	test "$rec" = "$(newest p)"
	test "$(trailer p "$rec" Agent-Kind)" = check
	test "$(trailer p "$rec" Agent-State)" = PASS
	test "$(trailer p "$rec" Agent-Commit)" = "$(git -C p rev-parse HEAD)"
	test "$(trailer p "$rec" Agent-At)" = "$(git -C p rev-parse HEAD)"
	test "$(trailer p "$rec" Agent-Tree)" = "$(git -C p rev-parse 'HEAD^{tree}')"
	test "$(trailer p "$rec" Agent-Dirty)" = ''
	test "$(trailer p "$rec" Agent-Oracle-Id)" = "$(jq -r .oracle_id out)"
	trailer p "$rec" Agent-Wall | test_grep -E '^[0-9]+\.[0-9]{3}$' -
	test "$(trailer p "$rec" Agent-Metric)" = \
		'err 0.00012345678901234567 unit=rel target<=0.001 at=x=3 state=PASS'
	test "$(git -C p show "$rec:output.txt")" = 'metric err 0.00012345678901234567 rel at=x=3'
	test "$(git -C p log -1 --format=%s "$rec")" = 'check: PASS: err 0.0001235'
	git -C p log -1 --format=%b "$rec" | test_grep '^PASS .*err .*0.0001235 rel .*target <= 0.001.* at x=3' -
EOF

t 'a failure is recorded too, whatever it is' <<'EOF'
	for value in 0.5 nan; do
		echo $value >p/value.txt
		git -C p agent check -q || echo $? >>status
	done
	printf '1\n3\n' >expected
	test_cmp expected status
	git -C p agent log check --json | jq -r '.[].subject' | head -2 >out
	printf '%s\n' 'ERROR: err nan; metric '\''err'\'': it is not a number (nan)' 'FAIL: err 0.5' >expected
	test_cmp expected out
	test_grep '^err nan .*state=ERROR reason=it is not' <(trailer p "$(newest p)" Agent-Metric)
	git -C p checkout -q .
EOF

t 'a dirty work tree has the tree id of the commit made afterwards' <<'EOF'
	echo 0.0002 >p/value.txt
	mkdir -p 'p/new folder'
	echo untracked >'p/new folder/Ångström file'
	printf 'ignored\n' >p/.gitignore
	echo no >p/ignored
	printf '#!/bin/sh\n' >p/tool
	chmod +x p/tool
	ln -s tool p/link
	git -C p rm -q --cached file.txt
	cp p/.git/index index
	git -C p agent check --json >out
	cmp p/.git/index index
	test_json '.dirty and .state == "PASS"'
	rec=$(jq -r .record out)
	test "$(trailer p "$rec" Agent-Dirty)" = yes
	git -C p add --all
	git -C p commit -qm 'as measured'
	test "$(jq -r .tree out)" = "$(git -C p rev-parse 'HEAD^{tree}')"
	test "$(jq -r .commit out)" = "$(git -C p rev-parse HEAD~1)"
	ls p/.git/agent >left
	test_no_grep index left
EOF

t 'untracked files count, even if the user does not care to see them' <<'EOF'
	git -C p config status.showUntrackedFiles no
	touch p/more
	git -C p agent check --no-record --json >out
	test_json .dirty
	rm p/more
	git -C p config --unset status.showUntrackedFiles
	git -C p agent check --no-record --json >out
	test_json '.dirty | not'
EOF

t 'the result is a note on the commit, here and, synced, elsewhere' <<'EOF'
	git init -q --bare origin.git
	git -C p remote add origin ../origin.git
	git -C p push -q origin main
	git -C p agent check -q
	git -C p log -1 --notes='agent*' >log
	test_grep 'git agent check: PASS' log
	test_grep 'PASS .*err .*0.0002 rel .*(target <= 0.001)  at x=3' log
	git clone -q origin.git other
	git -C other agent sync
	git -C other log -1 --notes='agent*' --notes='agent-remotes/*' >log
	test_grep 'err .*0.0002 rel' log
	git -C other agent log check -n1 >log
	test_grep 'PASS: err 0.0002' log
EOF

t 'a dirty work tree is no result of the commit: no note' <<'EOF'
	echo 0.9 >p/value.txt
	test_exit 1 git -C p agent check -q
	git -C p log -1 --notes='agent*' >log
	test_grep 'PASS .*0.0002' log
	test_no_grep FAIL log
	git -C p checkout -q .
EOF

t 'notes and records have no control bytes for those who use plain git' <<'EOF'
	printf '0.0001 \033[31mred' >p/value.txt
	git -C p commit -qam 'coloured'
	git -C p agent check -q || true
	git -C p log -1 --notes='agent*' >log
	git -C p log -1 "$(newest p)" >>log
	test_no_grep -aP '\x1b' log
	git -C p reset -q --hard HEAD~1
EOF

t 'no identity: said before an hour is spent measuring' <<'EOF'
	cat >p/.gitagent <<-'END'
		[oracle]
		command = touch measured
	END
	git config --global --rename-section user nobody
	test_exit 128 git -C p agent check 2>err
	git config --global --rename-section nobody user
	test_grep -i 'user.name' err
	test ! -e p/measured
	git -C p checkout -q .
EOF

t 'a result that cannot be recorded is shown all the same; exit 128' <<'EOF'
	log=$(git -C p for-each-ref --format='%(refname)' refs/agent/log)
	touch "p/.git/$log.lock"
	test_exit 128 git -C p agent check >out 2>err
	test_grep '^PASS' out
	rm "p/.git/$log.lock"
EOF

# ---- a revision -------------------------------------------------------------------

t 'a revision is measured apart: work tree, index and HEAD stay' <<'EOF'
	echo 0.7 >p/value.txt
	git -C p add value.txt
	echo 0.8 >p/value.txt
	touch p/untracked
	git -C p status --porcelain >before
	git -C p rev-parse HEAD ORIG_HEAD >>before 2>&1 || true
	git -C p reflog >>before
	md5sum p/.git/index p/.git/HEAD >>before
	git -C p agent check --json HEAD >out
	git -C p status --porcelain >after
	git -C p rev-parse HEAD ORIG_HEAD >>after 2>&1 || true
	git -C p reflog >>after
	md5sum p/.git/index p/.git/HEAD >>after
	test_cmp before after
	test_json '.state == "PASS" and (.dirty | not)'
	test "$(jq -r .tree out)" = "$(git -C p rev-parse 'HEAD^{tree}')"
	git -C p reset -q --hard
	rm p/untracked
EOF

t 'an older revision, by today'\''s oracle' <<'EOF'
	cat >p/oracle/compare <<-'END'
		#!/bin/sh
		test ! -e left || echo 'sanity: not clean'
		touch left
		ls >files
		echo "metric err $(cat value.txt) percent"
	END
	git -C p commit -qam 'a new oracle'
	test_exit 1 git -C p agent check --json HEAD~3 >out
	test_json '.metrics[0] | .unit == "percent" and .value == 0.1'
	test "$(jq -r .commit out)" = "$(git -C p rev-parse HEAD~3)"
	git -C p log -1 --notes='agent*' HEAD~3 >log
	test_grep 'FAIL .*0.1 percent' log
EOF

t 'nothing of an earlier measurement is left' <<'EOF'
	git -C p agent check -v HEAD >out
	git -C p agent check -v HEAD >out
	test_no_grep 'not clean' out
	test ! -e p/left
EOF

t 'the results are for different oracles when the oracle has changed' <<'EOF'
	git -C p agent check --no-record --json HEAD >a
	git -C p agent check --no-record --json >b
	git -C p agent check --no-record --json --oracle-from HEAD~1 HEAD >c
	test "$(jq .oracle_id a)" = "$(jq .oracle_id b)"
	test "$(jq .oracle_id a)" != "$(jq .oracle_id c)"
	test_json '.metrics[0].unit == "rel"' c
EOF

t '--oracle-from alone measures HEAD, by the definition of that commit' <<'EOF'
	echo 0.9 >p/value.txt
	git -C p agent check --no-record --json --oracle-from HEAD~1 >out
	test_json '.metrics[0] | .unit == "rel" and .value == 0.0002'
	git -C p checkout -q .
EOF

t 'protected paths are those of the oracle, additions gone' <<'EOF'
	git -C p checkout -qb cheat
	printf 'echo "metric err 0 rel"\n' >p/oracle/compare
	echo 'sourced' >p/oracle/extra
	sed -i 's/1e-3/1e9/' p/.gitagent
	echo 0.5 >p/value.txt
	git -C p add .
	git -C p commit -qm 'weaken the oracle'
	git -C p agent check --no-record -q
	test_exit 1 git -C p agent check --no-record --json --oracle-from main HEAD >out
	test_json '.metrics[0] | .value == 0.5 and .target == 0.001'
	test ! -e p/.git/agent/measure/oracle/extra
EOF

t 'a link in the place of a protected path leads nowhere' <<'EOF'
	git -C p checkout -qb link
	git -C p rm -rq oracle
	mkdir p/mine
	printf 'echo "metric err 0 rel"\n' >p/mine/compare
	ln -s mine p/oracle
	git -C p add .
	git -C p commit -qm 'a link'
	test_exit 1 git -C p agent check --no-record --json --oracle-from main HEAD >out
	test_json '.metrics[0].value == 0.5'
	test "$(cat p/mine/compare)" = 'echo "metric err 0 rel"'
	git -C p checkout -q cheat
EOF

t '[oracle] trusted: where the definition comes from' <<'EOF'
	git -C p checkout -q main
	sed -i '/^protect/a trusted = main' p/.gitagent
	git -C p commit -qam 'trust main'
	git -C p checkout -q cheat
	git -C p checkout -q main -- .gitagent
	sed -i 's/1e-3/1e9/' p/.gitagent
	git -C p commit -qam 'keep the trust, weaken the rest'
	test_exit 1 git -C p agent check --no-record --json HEAD >out
	test_json '.metrics[0] | .value == 0.5 and .target == 0.001'
	git -C p agent check --no-record --json main >out
	# who names a commit means that one
	git -C p agent check --no-record --json --oracle-from HEAD HEAD >out
	test_json '.metrics[0].target == 1e9'
	git -C p checkout -q main
EOF

t 'what cannot be trusted is no verdict: exit 255' <<'EOF'
	sed -i 's/^trusted.*/trusted = origin\/gone/' p/.gitagent
	git -C p commit -qam 'no such branch'
	test_exit 255 git -C p agent check HEAD 2>err
	test_grep 'trusted.*origin/gone' err
	sed -i '/^trusted/d; s/^protect.*/protect = oracle reference/' p/.gitagent
	git -C p commit -qam 'no such path'
	test_exit 255 git -C p agent check HEAD 2>err
	test_grep "protected path 'reference' is not" err
	test_exit 255 git -C p agent check 2>err
	test_grep "protected path 'reference' is not" err
	git -C p reset -q --hard HEAD~3
EOF

t 'a revision that is none: exit 128' <<'EOF'
	test_exit 128 git -C p agent check no-such-branch 2>err
	test_grep 'no-such-branch' err
	test_exit 128 git -C p agent check --oracle-from no-such-branch HEAD 2>err
	test_grep 'no-such-branch' err
EOF

t 'hooks of the repository do not run' <<'EOF'
	for hook in post-checkout post-index-change reference-transaction pre-commit; do
		printf '#!/bin/sh\necho %s >>"%s/hooked"\n' $hook "$SCRATCH" >p/.git/hooks/$hook
		chmod +x p/.git/hooks/$hook
	done
	rm -rf p/.git/agent/measure
	git -C p agent check --no-record -q HEAD
	echo 1 >p/new
	git -C p agent check --no-record -q
	rm p/new p/.git/hooks/*
	test ! -e hooked
EOF

# ---- the folder where revisions are measured ------------------------------------------

t 'what a killed check left behind is no obstacle' <<'EOF'
	git -C p agent check --no-record -q HEAD
	admin=$(sed 's/gitdir: //' p/.git/agent/measure/.git)
	touch "$admin/index.lock"
	git -C p agent check --no-record -q HEAD
	echo garbage >"$admin/index"
	git -C p agent check --no-record -q HEAD
	rm p/.git/agent/measure/.git
	git -C p agent check --no-record -q HEAD
	mkdir -p p/.git/agent/measure/deep/er
	chmod 0 p/.git/agent/measure/deep
	git -C p agent check --no-record -q HEAD
EOF

t 'a moved clone measures in its own folder' <<'EOF'
	mv p moved
	git -C moved agent check --no-record -q HEAD
	test_grep "^gitdir: $SCRATCH/moved/" moved/.git/agent/measure/.git
	mv moved p
	git -C p agent check --no-record -q HEAD
EOF

t 'a copied clone does not touch the work tree of the first' <<'EOF'
	cp -r p copy
	echo 0.0003 >copy/value.txt
	git -C copy commit -qam 'in the copy'
	cp -r p/.git/worktrees before.d
	git -C copy agent check --no-record --json HEAD >out
	test_json '.metrics[0].value == 0.0003'
	diff -r before.d p/.git/worktrees
	rm -rf copy before.d
EOF

t 'worktrees of the user that are out of sight are not forgotten' <<'EOF'
	git -C p worktree add -q -b away ../away
	mv away away.unmounted
	rm -rf p/.git/agent/measure
	git -C p agent check --no-record -q HEAD
	mv away.unmounted away
	git -C away status
	git -C p worktree remove ../away
EOF

# ---- places to be in ---------------------------------------------------------------------

t 'from a subdirectory; a path with blanks' <<'EOF'
	rm -rf 'a place with blanks'
	git clone -q p 'a place with blanks'
	mkdir -p 'a place with blanks/deep/er'
	cd 'a place with blanks/deep/er'
	git agent check --no-record --json >"$SCRATCH/out"
	cd "$SCRATCH"
	test_json '(.dirty | not) and .state == "PASS"'
	git -C 'a place with blanks/deep/er' agent check --no-record -q HEAD
	touch 'a place with blanks/deep/new'
	git -C 'a place with blanks/deep/er' agent check --no-record --json >out
	test_json .dirty
EOF

t 'a linked worktree: its own state, the common records' <<'EOF'
	git -C p worktree add -q -b side ../side
	echo 0.0004 >side/value.txt
	git -C side commit -qam 'side'
	git -C side agent check --json >out
	test_json '.metrics[0].value == 0.0004 and (.dirty | not)'
	test "$(jq -r .record out)" = "$(newest p)"
	git -C side agent check --no-record --json HEAD >out
	test_json '.metrics[0].value == 0.0004'
	git -C p agent check --no-record --json >out
	test_json '.metrics[0].value == 0.0002'
EOF

t 'called by a git hook, which sets GIT_DIR and GIT_INDEX_FILE' <<'EOF'
	cat >p/.git/hooks/pre-commit <<-END
		#!/bin/sh
		git agent check --no-record --json >"$SCRATCH/hook.json"
		git agent check --no-record --json HEAD >"$SCRATCH/hook-head.json"
	END
	chmod +x p/.git/hooks/pre-commit
	echo 0.0005 >p/value.txt
	echo other >>p/file.txt 2>/dev/null || true
	cd p/oracle
	git commit -qm 'by a hook' ../value.txt
	cd "$SCRATCH"
	test_json '.metrics[0].value == 0.0005 and .dirty' hook.json
	test_json '.metrics[0].value == 0.0002' hook-head.json
	test "$(git -C p show --format= --name-only HEAD)" = value.txt
	git -C p fsck --no-dangling
	# in a linked worktree git sets GIT_DIR to a path of its own
	echo 0.0006 >side/value.txt
	git -C side commit -qam 'by a hook'
	test_json '.metrics[0].value == 0.0006 and .dirty' hook.json
	test_json '.metrics[0].value == 0.0004' hook-head.json
	rm p/.git/hooks/pre-commit
EOF

t 'the oracle'\''s own git sees the tree that is measured' <<'EOF'
	cat >p/oracle/compare <<-'END'
		git rev-parse --show-toplevel
		echo "metric err $(cat "$(git rev-parse --show-toplevel)/value.txt") rel"
	END
	git -C p commit -qam 'an oracle that calls git'
	# libgit2 1.5 forgets what it read out of GIT_WORK_TREE
	export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
	GIT_DIR=$PWD/p/.git GIT_WORK_TREE=$PWD/p git agent check --no-record -v >out
	test_grep "^$SCRATCH/p\$" out
	cd p/oracle
	GIT_DIR=../.git GIT_WORK_TREE=.. git agent check --no-record -v HEAD >"$SCRATCH/out"
	cd "$SCRATCH"
	test_grep "^$SCRATCH/p/.git/agent/measure\$" out
EOF

t 'a bare repository: a revision can be measured, a work tree not' <<'EOF'
	git clone -q --bare p bare.git
	test_exit 128 git -C bare.git agent check 2>err
	test_grep -i 'work tree' err
	git -C bare.git agent check --no-record --json HEAD >out
	test_json '.metrics[0].value == 0.0005'
EOF

t 'before the first commit: said, exit 128' <<'EOF'
	git init -q unborn
	cp p/.gitagent unborn
	test_exit 128 git -C unborn agent check 2>err
	test_grep -i 'commit' err
	test_exit 128 git -C unborn agent check HEAD 2>err
EOF

t 'no repository: said, exit 128' <<'EOF'
	mkdir none
	test_exit 128 git -C none agent check 2>err
	test_grep 'git repository' err
EOF

t 'a submodule: measured with the commit, its changes seen' <<'EOF'
	new_repo lib
	echo 0.0007 >lib/value.txt
	git -C lib add value.txt
	git -C lib commit -qm value
	project super
	git -C super -c protocol.file.allow=always submodule --quiet add ../lib 'lib s'
	sed -i 's|value.txt|"lib s/value.txt"|' super/oracle/compare
	git -C super commit -qam 'a submodule'
	git -C super agent check --no-record --json >out
	test_json '.state == "PASS" and .metrics[0].value == 0.0007 and (.dirty | not)'
	rm -rf lib
	git -C super agent check --no-record --json HEAD >out
	test_json '.state == "PASS" and .metrics[0].value == 0.0007'
	git -C super agent check --no-record --json HEAD >out
	test_json '.state == "PASS"'
	# build products in it do not matter, changes and other commits do
	touch 'super/lib s/build.o'
	git -C super agent check --no-record --json >out
	test_json '.dirty | not'
	echo 0.5 >'super/lib s/value.txt'
	test_exit 1 git -C super agent check --no-record --json >out
	test_json .dirty
	git -C 'super/lib s' commit -qam 'worse'
	test_exit 1 git -C super agent check --no-record --json >out
	test_json .dirty
	git -C super commit -qam 'the other commit'
	test "$(jq -r .tree out)" = "$(git -C super rev-parse 'HEAD^{tree}')"
EOF

t 'inside a submodule' <<'EOF'
	git -C super reset -q --hard
	cp super/.gitagent super/oracle/compare 'super/lib s'
	sed -i 's/protect.*//; s/oracle.compare/compare/' 'super/lib s/.gitagent'
	sed -i 's|"lib s/value.txt"|value.txt|' 'super/lib s/compare'
	git -C 'super/lib s' add .
	git -C 'super/lib s' commit -qm 'an oracle'
	echo precious >'super/lib s/untracked'
	test_exit 1 git -C 'super/lib s' agent check --no-record --json HEAD >out
	test_json '.metrics[0].value == 0.5'
	test "$(cat 'super/lib s/untracked')" = precious
EOF

# ---- at the same time, and cut short -----------------------------------------------------

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

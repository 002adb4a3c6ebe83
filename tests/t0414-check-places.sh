#!/usr/bin/env bash
# git agent check in subdirectories, linked worktrees, hooks, bare repositories
# and submodules.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/check.sh"

project p
echo 0.0002 >p/value.txt
git -C p commit -qam 'better'

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

t 'a git that was killed as it made the place where the oracle runs' <<'EOF'
	project unfinished
	cd unfinished
	test_exit 1 git agent check HEAD
	measure=.git/worktrees/measure
	test -s "$measure/commondir"
	: >"$measure/commondir"
	rm -r .git/agent/measure
	test_exit 128 git worktree list
	# What is no folder of a work tree is not one, whatever is in it.
	echo "$PWD/.git/agent/measure/.git" >.git/gitdir
	test_exit 1 git agent check HEAD
	git worktree list
	# Somebody else's is not ours to mend.
	git worktree add -q ../unfinished-other
	: >.git/worktrees/unfinished-other/commondir
	rm -r .git/agent/measure .git/worktrees/measure
	test_exit 128 git agent check HEAD 2>err
	test_grep commondir err
	test -e .git/worktrees/unfinished-other/gitdir
EOF

finish

#!/usr/bin/env bash
# git agent check of a revision: measured apart from the work tree, by the
# definition that is trusted.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/check.sh"

project p
for value in 0.00012 0.0002; do
	echo $value >p/value.txt
	git -C p commit -qam "value $value"
done

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
	# Below a file is nothing.
	sed -i 's/^protect.*/protect = oracle value.txt\/x/' p/.gitagent
	git -C p commit -qam 'nor that one'
	test_exit 255 git -C p agent check HEAD 2>err
	test_grep "protected path 'value.txt/x' is not" err
	git -C p reset -q --hard HEAD~4
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

finish

#!/usr/bin/env bash
# git agent check: what is written down, and when it is not.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/check.sh"

project p

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
	test_no_grep "^index[.][0-9]" left
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

finish

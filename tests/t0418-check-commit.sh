#!/usr/bin/env bash
# git agent check of a revision measures what the commit says, whatever this
# clone alone defines: replaced objects, attributes, filters, index flags.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/check.sh"

project p
cd p || exit

t 'a replaced oracle and a replaced file do not count' <<'END'
	test_exit 1 git agent check -q HEAD
	fake=$(printf 'echo metric err 1e-9 rel\n' | git hash-object -w --stdin)
	git replace "$(git rev-parse HEAD:oracle/compare)" "$fake"
	test_exit 1 git agent check --json HEAD >out
	test_json '.metrics[0].value == 0.1'
	git replace -d "$(git rev-parse HEAD:oracle/compare)"
	fake=$(echo 1e-9 | git hash-object -w --stdin)
	git replace "$(git rev-parse HEAD:value.txt)" "$fake"
	rm -rf .git/agent/measure
	test_exit 1 git agent check --json HEAD >out
	test_json '.metrics[0].value == 0.1'
END

t '… nor does the oracle'\''s own git see one' <<'END'
	echo 'echo metric err $(git show HEAD:value.txt) rel' >oracle/compare
	git commit -qam 'an oracle that asks git'
	test_exit 1 git agent check --json HEAD >out
	test_json '.metrics[0].value == 0.1'
	git replace -d "$(git rev-parse HEAD:value.txt)"
	git reset -q --hard HEAD~
END

# A filter that makes any file a good value, or a good oracle.
git config filter.cheat.smudge "sed 's/^[0-9.]*\$/1e-9/; s/value.txt/good/'"
git config filter.cheat.clean cat

t 'a filter that only this clone names does not count' <<'END'
	echo 'value.txt filter=cheat' >.git/info/attributes
	test_exit 1 git agent check --json HEAD >out
	test_json '.metrics[0].value == 0.1'
	rm -rf .git/agent/measure
	test_exit 1 git agent check --json HEAD >out
	test_json '.metrics[0].value == 0.1'
	rm .git/info/attributes
	echo 'value.txt filter=cheat' >"$SCRATCH/attributes"
	git config core.attributesFile "$SCRATCH/attributes"
	rm -rf .git/agent/measure
	test_exit 1 git agent check --json HEAD >out
	test_json '.metrics[0].value == 0.1'
	git config --unset core.attributesFile
END

t '… nor do its ends of lines' <<'END'
	git config core.autocrlf true
	rm -rf .git/agent/measure
	test_exit 1 git agent check --json HEAD
	test_no_grep "$(printf '\r')" .git/agent/measure/value.txt
	git config --unset core.autocrlf
END

t 'what the commit itself declares does' <<'END'
	git config filter.swap.smudge 'tr a-z A-Z'
	git config filter.swap.clean 'tr A-Z a-z'
	printf '%s\n' '*.swap filter=swap' '*.crlf text eol=crlf' >.gitattributes
	echo word | tee a.swap b.crlf >/dev/null
	git add .
	git commit -qm 'filters'
	test_exit 1 git agent check -q HEAD
	test "$(cat .git/agent/measure/a.swap)" = WORD
	test_grep "$(printf '\r')" .git/agent/measure/b.crlf
	test -z "$(git -C .git/agent/measure status --porcelain)"
END

t 'protected paths: only what the oracle'\''s own commit declares' <<'END'
	oracle=$(git rev-parse HEAD)
	echo 'compare filter=cheat' >oracle/.gitattributes
	echo 'oracle/* filter=cheat' >.gitattributes
	echo 1e-9 >good
	git add .
	git commit -qm 'a filter for the oracle'
	test_exit 1 git agent check --oracle-from $oracle --json HEAD >out
	test_json '.metrics[0].value == 0.1'
	git agent check --no-record -q HEAD
	git reset -q --hard $oracle
	# the other way round, as for old commits of a project with LFS
	echo 'oracle/* filter=cheat' >.gitattributes
	git add .
	git commit -qm 'a filter for the oracle'
	git agent check --oracle-from HEAD --json HEAD~ >out || true
	test "$(cat .git/agent/measure/oracle/compare | grep -c good)" = 1
	test_exit 1 git agent check --json $oracle --oracle-from $oracle
	git reset -q --hard $oracle
END

t 'what git was told not to look at is looked at' <<'END'
	test_exit 1 git agent check -q HEAD
	cd .git/agent/measure
	git update-index --assume-unchanged value.txt
	echo 1e-9 >value.txt
	test_exit 1 git agent check -q --no-record HEAD
	git update-index --skip-worktree value.txt
	echo 1e-9 >value.txt
	test_exit 1 git agent check -q --no-record HEAD
	test "$(cat value.txt)" = 0.1
	echo 1e-9 >value.txt
	touch -d '1 minute ago' value.txt
	echo 'value.txt filter=honest' >../../info/attributes
	git -c filter.honest.clean='git show HEAD:value.txt' add value.txt
	rm ../../info/attributes
	test -z "$(git status --porcelain)"
	test_exit 1 git agent check -q --no-record HEAD
	test "$(cat value.txt)" = 0.1
END

t 'nothing of it stays but the work tree' <<'END'
	git worktree list >list
	test_lines 2 list
	rm list
	test ! -e .git/agent/measure.laid
	test -z "$(git -C .git/agent/measure status --porcelain)"
	test -z "$(git status --porcelain --untracked-files=no)"
	git fsck
END

finish

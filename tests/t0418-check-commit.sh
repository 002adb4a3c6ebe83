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

finish

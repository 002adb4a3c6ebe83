#!/usr/bin/env bash
# Tests the example without git-agent: the reference, the judge, the three
# solvers.  TAP on stdout.  CC, CFLAGS and WRAP (say, "valgrind -q
# --error-exitcode=9") are honoured.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
work=$(mktemp -d "${TMPDIR:-/tmp}/stiff-test.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cp -R "$here/project/." "$work/" && cd "$work" || exit 1
CC=${CC:-cc}
CFLAGS=${CFLAGS:--O2 -Wall -Wextra -Werror}
export CC CFLAGS
read -ra wrap <<<"${WRAP:-}"
count=0
failures=0

result() {	# STATUS DESCRIPTION
	count=$((count + 1))
	if (($1 == 0)); then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		sed 's/^/# /' log
		failures=$((failures + 1))
	fi
}

judge() {	# [SOLVER [ARG...]]
	"${wrap[@]}" oracle/judge "$@" >out 2>log
}

# A solver that prints what it is given on its standard input.
solver_printing() {
	cat >answer
	printf '#!/bin/sh\ncat answer\n' >fake
	chmod +x fake
}

good_answer() {
	sed '/^#/d' oracle/reference.tsv | cut -f 1-4
}

refused() {	# DESCRIPTION PATTERN [SOLVER...]
	local status=0 name=$1 pattern=$2

	shift 2
	judge "${@:-./fake}" && status=1
	grep -q 'comparison complete' out && status=1
	grep -Eq "$pattern" log || status=1
	result "$status" "judge refuses $name"
}

worst() {	# SPECIES LIMIT: is its error below the limit?
	sed -n "s/^$1 worst=\([^ ]*\) .*/\1/p" out |
	    awk -v limit="$2" '{ n++; bad += !($1 + 0 < limit) }
		END { exit !(n == 1 && bad == 0) }'
}

install_stage() {	# NAME
	cp "$here/agent/$1.c" solver.c && make -s solver >log 2>&1
}

make -s solver oracle/judge >log 2>&1
result $? "solver and judge compile without a warning"
refused "the unfinished solver" "exited with 1" ./solver

if [[ -z ${WRAP:-} ]]; then
	make -s reference-check >log 2>&1
	result $? "the reference is recomputed and agrees with its table"
	sed 's/0\.98517211386/0.98517211387/' oracle/reference.tsv >bad.tsv
	! oracle/reference oracle/points.tsv bad.tsv >log 2>&1
	result $? "a changed digit in the table is noticed"
	oracle/reference oracle/points.tsv 2>log | cmp - oracle/reference.tsv
	result $? "the table is what the reference prints"
fi

# shellcheck disable=SC2086 # CFLAGS is a list
$CC -std=c11 $CFLAGS -Wno-unused-function -o order-test \
    "$here/agent/order-test.c" -lm >log 2>&1 && ./order-test >log
result $? "kvaerno5 satisfies the order conditions"

good_answer | solver_printing
judge ./fake && grep -qx 'y1 worst=0 at=0.4' out &&
    tail -n 1 out | grep -qx 'comparison complete: 13 points, 3 species'
result $? "judge accepts the reference itself"
good_answer | sed 5d | solver_printing
refused "a missing line" "line 5 has t=40000"
good_answer | sed 13d | solver_printing
refused "a missing last line" "line 13 of 13 is missing"
{ good_answer; good_answer | tail -n 1; } | solver_printing
refused "an extra line" "more than 13 lines"
good_answer | sed '3s/0\.71[0-9]*/nan/' | solver_printing
refused "a NaN" "line 3 is not four finite"
good_answer | sed '3s/0\.71[0-9]*/inf/' | solver_printing
refused "an infinity" "line 3 is not four finite"
good_answer | sed '3s/0\.71[0-9]*/1e999/' | solver_printing
refused "an overflow" "line 3 is not four finite"
good_answer | sed '3s/0\.71[0-9]*/1e308/;3s/9\.18[^	]*/1e308/' |
    solver_printing
refused "an error that is not finite" "y2 at t=40 cannot be compared"
good_answer | sed '7s/\./,/2' | solver_printing
refused "a decimal comma" "line 7 is not four finite"
good_answer | sed '7s/$/ 0/' | solver_printing
refused "a fifth number" "line 7 is not four finite"
good_answer | sed '7s/	[^	]*$//' | solver_printing
refused "three numbers" "line 7 is not four finite"
good_answer | sed '2s/^4/4.00001/' | solver_printing
refused "a wrong time" "line 2 has t=4.0000"
{ good_answer; echo; } | solver_printing
refused "an empty line at the end" "more than 13 lines"
printf %s "$(good_answer)" | solver_printing
refused "a last line without its newline" "line 13 of 13 is broken"
good_answer | sed '4s/$/\x00/' | solver_printing
refused "a NUL byte" "line 4 of 13 is broken"
head -c 100000 /dev/zero | tr '\0' 1 | solver_printing
refused "an endless line" "line 1 of 13 is broken"
: | solver_printing
refused "no answer" "line 1 of 13 is missing"
good_answer | solver_printing
echo 'exit 3' >>fake
refused "the right answer from a solver that failed" "exited with 3"
# shellcheck disable=SC2016 # for the other shell
sed 's/^exit 3/kill -11 $$/' fake >crash && chmod +x crash
refused "the right answer from a solver that crashed" "by signal 11" ./crash
printf '#!/bin/sh\nexec yes 1 2 3 4\n' >fake
refused "an endless answer" "line 1 has t=1"
refused "a solver that is not there" "cannot run './nowhere'" ./nowhere
good_answer | solver_printing
mv oracle/reference.tsv saved
refused "an absent reference" "cannot open 'oracle/reference.tsv'"
sed 6d saved >oracle/reference.tsv
refused "a reference without a row" "row 5 of 13"
sed '6s/0\.[0-9]*/nan/' saved >oracle/reference.tsv
refused "a reference with a NaN" "row 5 of 13"
{ cat saved; tail -n 1 saved; } >oracle/reference.tsv
refused "a reference with a row too many" "row 14 of 13"
mv saved oracle/reference.tsv
cp oracle/points.tsv saved
sed 6d saved >oracle/points.tsv
refused "a list of points without one" "points.tsv"
mv saved oracle/points.tsv

install_stage explicit
refused "the explicit solver, which gives up" "500000 steps used up" ./solver
install_stage sdirk && judge && worst y1 1e-2 && ! worst y1 1e-3
result $? "SDIRK2 arrives, between 1e-3 and 1e-2"
install_stage kvaerno5 && judge && worst y1 1e-5 && worst y2 1e-5 &&
    worst y3 1e-5
result $? "Kvaerno5 arrives below 1e-5"
judge ./solver 1e-4 && worst y1 1e-4 && worst y2 1e-4 && worst y3 1e-4
result $? "and below 1e-4 with a hundred times the tolerance"
echo "1..$count"
exit $((failures > 0))

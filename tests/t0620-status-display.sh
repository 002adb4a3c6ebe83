#!/usr/bin/env bash
# git agent status for the eyes: hostile text, widths, colours, output that
# fails.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/status.sh"

origin r.git
rec r.git w1 60 run 'run started' "Agent-Run: $run1" 'Agent-Event: start' >id
git clone -q r.git rc

t 'hostile text is cleaned, in the text and on a terminal' <<'EOF'
	origin h.git
	evil=$(printf 'evil \033[2J\033]0;title\007 \302\233 \342\200\256 \201 end')
	for kind in brief status failed limit next milestone 'done' steer; do
		rec h.git w1 60 $kind "$evil" "Agent-Instead: $evil" "Agent-At: $evil"
	done
	rec h.git w1 60 check "$evil" 'Agent-State: FAIL' "Agent-Commit: $evil" "Agent-Oracle-Id: $evil" "Agent-Metric: ${evil// /_} 1 at=${evil// /_} unit=${evil// /_} state=FAIL"
	rec h.git w1 60 run "$evil" "Agent-Run: $run1" 'Agent-Event: start' "Agent-Agent: $evil" "Agent-Outcome: $evil"
	rec h.git w1 60 beat "$evil" "Agent-Run: $run1"
	rec h.git w1 60 run "$evil" "Agent-Run: $run2" 'Agent-Event: end' "Agent-Outcome: $evil"
	git clone -q h.git hc
	git -C hc agent status >out 2>&1
	test_grep -F 'evil ^[[2J^[]0;title^G' out
	test_no_grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae' out
	iconv -f UTF-8 -t UTF-8 out >/dev/null
	GIT_PAGER=cat on_tty 'git -C hc agent status' >tty
	sed 's/\x1b\[[0-9;]*m//g; s/\r$//' tty >left
	test_no_grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' left
	test_no_grep -aF "$(printf '\033[2J')" tty
	git -C hc agent status --json >out
	test_json '.goal | contains("evil")'
EOF

# width_of FILE: columns of the longest line, wide characters as two.
width_of() {
	python3 -c '
import sys, unicodedata
print(max(sum(2 if unicodedata.east_asian_width(c) in "WF" else
    0 if unicodedata.combining(c) else 1 for c in l.rstrip("\r\n"))
    for l in open(sys.argv[1], encoding="utf-8")))' "$1"
}

t 'lines fit a terminal of 40, 80 and 200 columns, wide characters too' <<'EOF'
	origin w.git
	cjk='刚性方程组需要隐式方法，因为显式方法的步长会缩小到十的负十二次方以下。' words=''
	for i in 1 2 3 4 5 6; do words="$words numerical experiments have shown that"; done
	for text in "$cjk$cjk$cjk" "$words" "mixed $cjk with words $cjk"; do
		for kind in brief status failed limit next milestone 'done' steer; do
			rec w.git w1 7200 $kind "$text" "Agent-Instead: $text"
		done
	done
	rec w.git w1 60 run "$cjk" "Agent-Run: $run1" 'Agent-Event: start' "Agent-Agent: ./agent $words"
	rec w.git w1 60 beat "$cjk$cjk" "Agent-Run: $run1"
	metrics=()
	for i in 精度 b c d e f g h i j k l m n o p q r; do
		metrics+=("Agent-Metric: metric.$i 0.00012345 unit=rel target<=0.001 at=l=$i state=PASS")
	done
	metrics+=('Agent-Metric: the.bad.one 1 target<=0.1 state=FAIL')
	rec w.git w1 60 check 'PASS' 'Agent-State: FAIL' "Agent-Commit: $(git -C w.git rev-parse main)" "${metrics[@]}"
	git clone -q w.git wc
	for columns in 40 80 200; do
		GIT_PAGER=cat NO_COLOR=1 COLUMNS=$columns on_tty 'git -C wc agent status' >tty
		sed 's/\x1b\[[0-9;]*m//g' tty | grep -v '^connected' >text
		test "$(width_of text)" -le $columns
		test_grep -E '^  checked .*the\.bad\.one' text
	done
	# no text was lost on the way
	test_no_grep 'metrics that do not fit' <(sed -n 1p text)
	for columns in 40 80; do
		COLUMNS=$columns git -C wc agent status >text
		tr -d ' \n' <text >squeezed
		test_grep -F "$cjk$cjk$cjk" squeezed
		test_grep -F "${words// /}" squeezed
	done
EOF

t 'columns line up behind wide characters' <<'EOF'
	GIT_PAGER=cat NO_COLOR=1 COLUMNS=200 on_tty 'git -C wc agent status' | tr -d '\r' >text
	python3 - text <<-'END'
	import sys, unicodedata
	w = lambda s: sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in s)
	lines = open(sys.argv[1], encoding="utf-8").read().split("\n")
	at = lines.index("Accuracy at checkpoints")
	head, row = lines[at + 1], lines[at + 2]
	assert w(head[:head.index("metric.精度") + len("metric.精度")]) == \
	    w(row[:row.index("0.0001234") + len("0.0001234")]), (head, row)
	END
EOF

t 'colours on a terminal only, and not with NO_COLOR' <<'EOF'
	git -C rc agent status >out
	test_no_grep -P '\x1b' out
	GIT_PAGER=cat on_tty 'git -C rc agent status' >tty
	test_grep -P '\x1b\[32mlive' tty
	GIT_PAGER=cat NO_COLOR=1 on_tty 'git -C rc agent status' >tty
	test_no_grep -P '\x1b' tty
	git -C rc -c color.ui=always agent status >out
	test_grep -P '\x1b\[32mlive' out
	GIT_PAGER='sed s/^/paged:/' on_tty 'git -C rc agent status' >tty
	test_grep '^paged:.*Run' tty
EOF

t 'a full disk is an error, a closed pipe is not' <<'EOF'
	test_exit 128 git -C rc agent status --offline >/dev/full 2>err
	test_grep 'cannot write the output' err
	git -C rc agent status --offline | head -c 1 >/dev/null
	test "${PIPESTATUS[0]}" = 0
EOF

finish

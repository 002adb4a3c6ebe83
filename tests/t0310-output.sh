#!/usr/bin/env bash
# What people see: widths, colours, the pager; and outputs that break.
. "${0%/*}/lib.sh"

ESC=$(printf '\033')
new_repo project
cd project || exit 1
git agent log failed '広い文字の記録 wide characters, followed by enough words to need a second line, or even three' \
	--because 'Ελληνικά and 漢字漢字漢字 漢字漢字漢字漢 字漢字漢字漢 字漢字漢字漢字 漢字漢字漢字漢 字漢字漢字 漢字漢字漢字 漢字 then blanks again and again and again' \
	--instead 'émile' 2>/dev/null
git agent log 'done' "a record" 2>/dev/null
git agent steer 'an instruction that is long enough to be broken when the terminal is as narrow as forty columns' 2>/dev/null
cd ..

# widest FILE: columns of its widest line.
widest() {
	python3 -c '
import sys, unicodedata
print(max(sum(2 if unicodedata.east_asian_width(c) in "WF" else
    0 if unicodedata.combining(c) else 1 for c in line.rstrip("\r\n"))
    for line in open(sys.argv[1], encoding="utf-8")))' "$1"
}

if have python3; then
	t 'lines fit COLUMNS, wide characters counted as two' <<-'EOF'
	cd project
	for n in 40 60 80; do
		COLUMNS=$n git agent log >out
		test "$(widest out)" -le $n
		test "$(widest out)" -gt $((n - 16))
	done
	# Prose is not stretched over a very wide terminal.
	COLUMNS=250 git agent log >out
	test "$(widest out)" -le 100
	for n in 0 -5 x 99999999; do
		COLUMNS=$n git agent log >out
		test "$(widest out)" -le 80
	done
	COLUMNS=1 git agent log >out
	EOF

	t 'the width is that of the terminal' <<-'EOF'
	cd project
	on_tty 'stty cols 50; git -c core.pager=cat agent log' >raw
	tr -d '\r' <raw | sed "s/$ESC\[[0-9;]*m//g" >out
	test "$(widest out)" -le 50
	test "$(widest out)" -gt 40
	EOF
fi

t 'nothing is lost by breaking lines' <<'EOF'
	cd project
	for n in 20 40 77; do
		COLUMNS=$n git agent log failed | tr -d ' \n' >out
		test_grep '広い文字の記録widecharacters,followedbyenoughwordstoneedasecondline,oreventhree' out
		test_grep '漢字漢字漢字漢字thenblanksagain' out
	done
EOF

t 'a table of refs is aligned' <<'EOF'
	git init -q --bare origin.git
	git -C project remote add origin "$PWD/origin.git"
	cd project
	git agent sync >out
	test_grep '^push  log/[a-z0-9-]*  new$' out
	git remote remove origin
EOF

t 'no colour off a terminal' <<'EOF'
	cd project
	git agent log >out
	git agent steer >>out
	git agent log show "$(git agent log --json -n 1 | jq -r '.[0].id')" >>out
	test_no_grep "$ESC" out
EOF

t 'colour on a terminal, and each sequence is ended' <<'EOF'
	cd project
	on_tty 'git -c core.pager=cat agent log' >out
	test_grep "$ESC\[33m[0-9a-f]*$ESC\[m " out
	test_grep "$ESC\[31mfailed$ESC\[m" out
	test_grep "$ESC\[32mdone$ESC\[m" out
	on_tty 'git -c core.pager=cat agent steer' >>out
	test "$(grep -o "$ESC\[[1-9][0-9;]*m" out | wc -l)" = "$(grep -o "$ESC\[m" out | wc -l)"
EOF

t 'JSON on a terminal has no control characters, DEL neither' <<'EOF'
	cd project
	git -c agent.push=false agent log done "$(printf 'DEL \177 and CSI \302\233')"
	on_tty 'git agent log --json -n 1' >out
	test_grep -F 'DEL \u007F and CSI \u009B' out
	test_no_grep -aP '\x7f' out
	tr -d '\r' <out | jq -r '.[0].subject' | od -c >chars
	test_grep 177 chars
	git agent log --json -n 1 >out
	test_grep -aP '\x7f' out
EOF

t 'NO_COLOR, TERM=dumb and color.ui are honoured' <<'EOF'
	cd project
	on_tty 'NO_COLOR=1 git -c core.pager=cat agent log' >out
	test_no_grep "$ESC\[" out
	on_tty 'TERM=dumb git -c core.pager=cat agent log' >out
	test_no_grep "$ESC\[" out
	on_tty 'git -c core.pager=cat -c color.ui=never agent log' >out
	test_no_grep "$ESC\[" out
	on_tty 'git -c core.pager=cat -c color.ui=false agent log' >out
	test_no_grep "$ESC\[" out
	on_tty 'NO_COLOR= git -c core.pager=cat agent log' >out
	test_grep "$ESC\[33m" out
	git -c color.ui=always agent log >out
	test_grep "$ESC\[33m" out
	NO_COLOR=1 git -c color.ui=always agent log --json >out
	jq . out
EOF

t "git's pager is used on a terminal, and only there" <<'EOF'
	cd project
	git config core.pager "sed 's/^/paged: /'"
	on_tty 'git agent log' >out
	test_grep '^paged: ' out
	on_tty 'git agent steer' >out
	test_grep '^paged: ' out
	git agent log >out
	test_no_grep '^paged' out
	on_tty 'git agent log --json' >out
	test_no_grep '^paged' out
	on_tty 'GIT_PAGER="sed s/^/other:/" git agent log' >out
	test_grep '^other:' out
	on_tty 'GIT_PAGER="echo \$LESS \$LV" git agent log' >out
	test_grep '^FRX -c' out
	git config --unset core.pager
EOF

t 'a pager that is not there, or that leaves early' <<'EOF'
	cd project
	on_tty 'GIT_PAGER=false git agent log; echo "status $?"' >out
	test_grep '^status 0' out
	on_tty 'GIT_PAGER="head -n 1" git agent log; echo "status $?"' >out
	test_grep '^status 0' out
	on_tty 'GIT_PAGER=no-such-pager git agent log; echo "status $?"' >out
	test_grep 'no-such-pager' out
EOF

t 'an output that is full is an error' <<'EOF'
	cd project
	for args in log 'log --json' 'log --render -o -' 'steer --list' \
	    'steer --json' 'sync --json' 'log -h'; do
		test_exit 128 git agent $args >/dev/full 2>err
		test_grep '^fatal: cannot write the output: No space left' err
	done
	# (git itself would open what is closed.)
	test_exit 128 git-agent-log >&- 2>err
	test_grep '^fatal: cannot write the output' err
EOF

t 'a reader that goes away is none' <<'EOF'
	cd project
	for i in $(seq 30); do
		head -c 20000 /dev/urandom | base64 | git agent log done - 2>err
	done
	for args in log 'log --json' 'log --render -o -' 'steer --list'; do
		{ git agent $args 2>err; echo $? >status; } | head -n 1 >out
		test_lines 1 out
		test_empty err
		test_grep '^0$' status
	done
EOF

t 'chatter goes to stderr, results to stdout' <<'EOF'
	cd project
	git agent log done quiet >out 2>err
	test_empty out
	test_grep recorded err
	git agent steer quiet >out 2>err
	test_empty out
	git agent log -n 1 >out 2>err
	test_empty err
EOF

t 'relative times are in the words of git' <<'EOF'
	cd project
	when=$(git agent log --json -n 1 | jq -r '.[0].clock' | cut -c 1-19)
	git agent log -n 1 >out
	test_grep -E ', [0-9]+ seconds? ago' out
	git update-ref refs/agent/log/old "$(printf 'done: long ago\n\nAgent-Kind: done\nAgent-Clock: 2020-01-01T00:00:00.000000Z\n' |
		git commit-tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904)"
	git agent log --grep 'long ago' >out
	test_grep -E ', [0-9]+ years(, [0-9]+ months?)? ago' out
	git update-ref -d refs/agent/log/old
EOF

t 'ids are abbreviated as git abbreviates them' <<'EOF'
	cd project
	id=$(git agent log --json -n 1 | jq -r '.[0].id')
	git agent log -n 1 >out
	test_grep "^$(git rev-parse --short "$id") " out
	git config core.abbrev 12
	git agent log -n 1 >out
	test_grep "^$(printf %.12s "$id") " out
	git config core.abbrev no
	git agent log -n 1 >out
	test_grep "^$id " out
	git config --unset core.abbrev
	# As long as it takes, where some begin with the same digits.
	new_repo many
	cd many
	seq 1500 | sed 's/.*/{"kind": "done", "subject": "&"}/' |
		git agent log --batch
	git config core.abbrev 4
	git log --glob=refs/agent/log --format=%h | sort >expected
	grep '.....' expected
	git agent log -n 2000 | sed -En 's/^([0-9a-f]{4,}) .*/\1/p' |
		sort >out
	test_cmp expected out
	# One that is not here is not taken for another.
	id=$(git for-each-ref --format='%(objectname)' refs/agent/log)
	git update-ref refs/agent/log/w1 "$(printf 'check: x\n\nAgent-Kind: check\nAgent-State: PASS\nAgent-Commit: %.4s%s\nAgent-Writer: w1\nAgent-Clock: 2024-01-01T00:00:00.000000Z\n' \
		"$id" ffffffffffffffffffffffffffffffffffff | git commit-tree "$(git mktree </dev/null)")"
	git agent status >out
	test_grep "^  [^ ].* ${id:0:4}ffffffff  *PASS" out
	# Other ways to say how many.
	for n in 0xa 012 auto off 9x 3; do
		git config core.abbrev $n
		git agent log -n 1 | sed -n '1s/ .*//p' | tr -d '\n' | wc -c
	done >lengths
	test "$(echo $(cat lengths))" = '10 10 7 40 7 7'
EOF

finish

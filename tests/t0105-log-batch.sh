#!/usr/bin/env bash
# git agent log --batch: many records at once, all or none.
. "${0%/*}/lib.sh"

new_repo project
git config --global agent.fsync false

# records N [WORD]: JSON lines, and among them every field and kind.
records() {
	jq -nc --arg word "${2:-record}" --argjson n "$1" '
		["done", "failed", "status", "limit", "next", "milestone"]
		as $kinds | range($n) | {
			kind: $kinds[. % 6],
			subject: "\($word) \(.) – π",
			body: (if . % 4 == 0 then "" else
				"first line \(.)\n\n  second: \"line\"" end),
			instead: (if . % 6 == 1 then "way \(.)" else null end),
			author: "passed over", trailers: [{key: "X"}], id: "no"
		}'
}

# texts: what --json says, oldest first, reduced to what was written.
texts() {
	git agent log --json "$@" |
		jq -c 'reverse[] | {kind, subject, body, instead}'
}

# count: the records of this repository, seen with plain git.
count() {
	git rev-list --count --glob='refs/agent/log/*'
}

t 'a hundred records, with all their fields, in their order' <<'EOF'
	cd project
	records 100 >in
	git agent log --batch <in 2>err
	test_grep -x 'recorded 100 records in this clone (it has no remote)' err
	jq -c '{kind, subject, body, instead}' in >expected
	texts >out
	test_cmp expected out
	git agent log --json >out
	test_json 'all(.author == "Ada Lovelace" and .email == "ada@example.org")'
	head=$(git rev-parse HEAD)
	test_json "all(.at == \"$head\" and .run == null)"
	test_json '[.[].clock] | . == (unique | reverse)'
	test_json '[.[].writer] | unique | length == 1'
EOF

t 'plain git reads them; they are one chain in one pack' <<'EOF'
	cd project
	git fsck --strict
	test "$(count)" = 100
	ref=$(git for-each-ref --format='%(refname)' refs/agent/log/)
	test "$(git rev-list --first-parent --count "$ref")" = 100
	git log --format=%s --reverse "$ref" | sed 's/^[a-z]*: //' >out
	jq -r .subject in >expected
	test_cmp expected out
	git ls-tree "$ref" >out
	test_empty out
	test "$(ls .git/objects/pack/*.pack | wc -l)" = 1
	ls .git/objects/pack >out
	test_no_grep -E 'keep|git2' out
EOF

t 'a batch goes on where the log is, and single records after it' <<'EOF'
	cd project
	git agent log done between
	records 2 more | git agent log --batch
	git agent log done after
	git agent log --json -n 4 | jq -r '.[].subject' >out
	printf '%s\n' after 'more 1 – π' 'more 0 – π' between >expected
	test_cmp expected out
	git agent log --json >out
	test_json '[.[].clock] | . == (unique | reverse)'
EOF

t 'what --json prints gives the same texts in another repository' <<'EOF'
	new_repo other
	git -C project agent log --json | jq -c 'reverse[]' >lines
	cd other
	git agent log --batch <../lines
	texts >out
	cd ../project
	texts >expected
	test_cmp expected ../other/out
	git -C ../other agent log --json >a
	git agent log --json >b
	test "$(jq -c '[.[].at]' a)" = "$(jq -c '[.[].at]' b)"
EOF

t 'because, at, supersedes; blank lines and a missing line end' <<'EOF'
	new_repo fields
	cd fields
	git agent log limit 'wrong below l = 30'
	old=$(git agent log --json | jq -r '.[0].id')
	at=0123456789012345678901234567890123456789
	printf '\n  \n{"kind":"failed","subject":"Tsit5","because":"too stiff",
		"instead":"Kvaerno5"}' | tr -d '\n\t' >in
	printf '\n\r\n{"kind":"done","subject":"a\\nb","body":"c","because":"d",' >>in
	printf '"at":"%s","supersedes":"%s"}' $at "${old:0:8}" >>in
	git agent log --batch <in 2>err
	test_grep '^recorded 2 records ' err
	git agent log --json >out
	test_json '.[1] | .subject == "Tsit5" and .body == "too stiff" and
		.instead == "Kvaerno5"'
	test_json '.[0] | .subject == "a" and .body == "b\n\nc\n\nd"'
	test_json ".[0].at == \"$at\""
	test_json ".[0].trailers | any(.key == \"Agent-Supersedes\" and .value == \"$old\")"
EOF

# refused LINE EXPECTED: as the third of four lines; nothing is written.
refused() {
	local - && set +x
	{ records 2; printf '%s\n' "$1"; records 1; } >in
	git for-each-ref >before
	test_exit 128 git agent log --batch <in 2>err || return 1
	test_grep -F 'nothing was recorded; line 3: ' err || return 1
	test_grep -F -e "$2" err || return 1
	git for-each-ref >after
	test_cmp before after
}

t 'a bad line is named, with what was expected; nothing is written' <<'EOF'
	cd project
	refused 'done: x' 'expected one JSON object on each line'
	refused '[{"kind":"done"}]' "'jq -c \".[]\"' makes lines of an array"
	refused '{"kind":"done","subject":"x"' 'not JSON at column'
	refused '{"subject":"x"}' "it has no 'kind'; expected done, failed, "
	refused '{"kind":"check","subject":"x"}' "'check' is no kind of record"
	refused '{"kind":1,"subject":"x"}' "'kind' has to be a string"
	refused '{"kind":"done"}' "it has no 'subject'"
	refused '{"kind":"done","subject":null}' "it has no 'subject'"
	refused '{"kind":"done","subject":" \n ","body":"b"}' "its 'subject' is empty"
	refused '{"kind":"done","subject":"x","body":[]}' "'body' has to be a string"
	refused '{"kind":"done","subject":"a\u0000b"}' "'subject' has a NUL byte"
	refused '{"kind":"done","subject":"x","at":"HEAD"}' '40 hexadecimal digits'
	refused '{"kind":"done","subject":"x","supersedes":"ffff"}' "no record 'ffff'"
	refused '{"kind":"done","subject":"x","supersedes":7}' 'has to be a string'
	big=$(head -c 1100000 /dev/zero | tr '\0' x)
	refused "{\"kind\":\"done\",\"subject\":\"$big\"}" 'at most 1 MiB'
	refused '{"kind":"\u001b[2J","subject":"x"}' 'is no kind of record'
	test_no_grep -F "$(printf '\033')" err
	ls .git/objects/pack >out
	test_no_grep -E 'keep|git2' out
EOF

t 'nothing on standard input is nothing to record' <<'EOF'
	cd project
	git for-each-ref >before
	git agent log --batch </dev/null 2>err
	test_grep 'nothing was recorded' err
	printf '\n \n' | git agent log --batch 2>err
	test_grep 'nothing was recorded' err
	git for-each-ref >after
	test_cmp before after
EOF

t 'what else would be recorded is not taken together with --batch' <<'EOF'
	cd project
	for args in 'done x' '--because x' '--instead x' '--edit' \
	    '--supersedes ffff' '--retract ffff'; do
		test_exit 129 git agent log --batch $args </dev/null 2>err
		test_grep 'from standard input alone' err
	done
EOF

t 'without an author nothing is recorded' <<'EOF'
	new_repo nobody
	cd nobody
	records 3 >in
	HOME=$SCRATCH/none test_exit 128 git agent log --batch <in 2>err
	test_grep 'a record needs an author' err
	test "$(count)" = 0
EOF

t 'with a remote: one push at the end, or none' <<'EOF'
	git init -q --bare hub.git
	new_repo pushed
	cd pushed
	git remote add origin ../hub.git
	records 60 | GIT_TRACE=$SCRATCH/trace git agent log --batch 2>err
	test_grep -x "recorded 60 records, pushed to 'origin'" err
	test "$(git -C ../hub.git rev-list --count --glob='refs/agent/*')" = 60
	test "$(grep -c 'built-in: git push' ../trace)" = 1
	records 60 | git agent log --batch --no-push 2>err
	test_grep -x "recorded 60 records in this clone; 'git agent sync' pushes them" err
	test "$(git -C ../hub.git rev-list --count --glob='refs/agent/*')" = 60
	records 1 | git agent log --batch 2>err
	test_grep -x "recorded 1 record, pushed to 'origin'" err
	test "$(git -C ../hub.git rev-list --count --glob='refs/agent/*')" = 121
EOF

t 'ten thousand records: each is there once, and git finds no fault' <<'EOF'
	new_repo many
	cd many
	records 10000 >in
	git agent log --batch <in
	test "$(count)" = 10000
	git fsck --strict >out 2>&1
	test_no_grep -E 'error|warning|missing|corrupt' out
	git agent log --json | jq -r 'reverse[].subject' >out
	jq -r .subject in >expected
	test_cmp expected out
	git gc --quiet --prune=now
	test "$(count)" = 10000
EOF

t 'batches and single records at once: none is lost or comes twice' <<'EOF'
	new_repo busy
	cd busy
	records 1000 left >left
	records 1000 right >right
	git agent log --batch <left &
	git agent log --batch <right &
	for i in 1 2 3 4 5 6; do
		git agent log done "single $i" &
	done
	wait
	git agent log --json >out
	test_json '[.[].subject] | length == 2006 and (unique | length == 2006)'
	test_json '[.[].clock] | . == (unique | reverse)'
	test_json 'map(.subject | split(" ")[0]) | [., .[1:]] | transpose |
		map(select(.[0] == "left" and .[1] == "right" or
		.[0] == "right" and .[1] == "left")) | length <= 1'
	git fsck --strict
EOF

# keeps: how many packs are kept from `git gc`.
keeps() {
	find .git/objects/pack -name '*.keep*' | wc -l
}

# went_wrong FAULT K: a batch of 60 in which the Kth write does; in the log
# are then all of them, if that is what it says, or none, and one after it.
went_wrong() {
	local - && set +x
	local before status=0 got
	before=$(count)
	"$B/fault/inject" "$SCRATCH/killed" ../point "$1" "$2" \
		git-agent-log --batch <in 2>err || status=$?
	got=$(($(count) - before))
	test "$got" = 60 || test "$status,$got" != 0,0 || status=lost
	test "$status" != 128 || test "$got" = 0 || status=there
	test "$got" = 0 || test "$got" = 60 || status=part
	git agent log --batch <two 2>>err || status=stuck
	test "$(($(count) - before))" = "$((got + 2))" || status=stuck
	test "$(keeps)" = 0 || status=kept
	case $status in
	lost | there | part | stuck | kept)
		echo "$1 at $(cat ../point): $status: $(cat err)"
		return 1 ;;
	esac
}

title='killed, or the disk full, at each of its writes: all or nothing'
# The tracer and the sanitizer's own do not go together.
sanitized() { ldd "$B/bin/git-agent-log" | grep -q libasan; }
traced() { test -x "$B/fault/inject" && "$B/fault/inject" . /dev/null count true; }
if ! sanitized && traced; then
	t "$title" <<'EOF'
		mkdir killed
		new_repo killed/work
		cd killed/work
		records 60 >in
		records 2 two >two
		git agent log done first
		"$B/fault/inject" "$SCRATCH/killed" ../points count git-agent-log --batch <in
		test_grep 'pack-.*\.keep' ../points
		test_grep 'refs/agent/log/' ../points
		points=$(wc -l <../points)
		for k in $(seq "$points"); do
			went_wrong kill "$k"
			went_wrong ENOSPC "$k"
		done
		went_wrong killed "$points"
		git fsck --strict
EOF
else
	skip "$title" 'no system call can be made to fail here'
fi

t 'what a killed batch left standing is cleared; what others keep is not' <<'EOF'
	cd project
	name=.git/objects/pack/pack-0123456789012345678901234567890123456789.keep
	other=.git/objects/pack/pack-1123456789012345678901234567890123456789.keep
	echo 'git agent log --batch' >$name
	echo 'fetch-pack 17 on ada' >$other
	touch -t 202001010000 .git/objects/pack/pack_git2_old
	touch .git/objects/pack/pack_git2_new
	# Of an hour ago, unless a git is at work here.
	mkfifo ../pipe
	git cat-file --batch <../pipe >/dev/null &
	exec 7>../pipe
	touch -d '2 hours ago' .git/objects/pack/pack_git2_hours
	echo '{"kind": "done", "subject": "beside a git"}' |
		git agent log --batch
	test -e .git/objects/pack/pack_git2_hours
	exec 7>&-
	wait $!
	git fsck --strict
	records 2 | git agent log --batch
	test_exit 1 test -e $name
	test -e $other
	test_exit 1 test -e .git/objects/pack/pack_git2_old
	test_exit 1 test -e .git/objects/pack/pack_git2_hours
	test -e .git/objects/pack/pack_git2_new
	rm $other .git/objects/pack/pack_git2_new
EOF

# packed: a batch has written its pack and waits for the lock.
packed() {
	test "$(find .git/objects/pack -name '*.pack' | wc -l)" -gt "$1"
}

title='a git gc between the pack and the ref deletes nothing'
if have flock; then
	t "$title" <<'EOF'
		new_repo waits
		cd waits
		records 60 >in
		git agent log --batch <in
		git gc --quiet --prune=now
		exec 9>>.git/agent/git.lock
		flock 9
		git-agent-log --batch <in 9>&- &
		wait_until 20 packed 1
		git gc --quiet --prune=now 9>&-
		exec 9>&-
		wait $!
		test "$(count)" = 120
		git fsck --strict
		test "$(keeps)" = 0
EOF
else
	skip "$title" 'no flock(1)'
fi

t 'beside a git gc --prune=now that never stops' <<'EOF'
	new_repo swept
	cd swept
	while :; do
		git -c gc.autoPackLimit=1 gc --quiet --prune=now 2>>../gc.err || :
		test ! -e ../enough || break
	done &
	records 2000 >in
	for i in 1 2 3 4 5 6 7 8; do
		git agent log --batch <in
	done
	touch ../enough
	wait
	test "$(count)" = 16000
	git fsck --strict
	test "$(keeps)" = 0
EOF

t 'each record of a batch is signed, or none is written' <<'EOF'
	new_repo signed
	cd signed
	ssh-keygen -q -t ed25519 -N '' -f key
	git config gpg.format ssh
	git config user.signingKey "$PWD/key.pub"
	git config agent.sign true
	echo "ada@example.org $(cat key.pub)" >allowed
	git config gpg.ssh.allowedSignersFile "$PWD/allowed"
	records 5 | git agent log --batch
	git log --format=%G? --glob='refs/agent/log/*' >out
	test_lines 5 out
	test_no_grep -v G out
	mv key away
	records 5 >in
	test_exit 128 git agent log --batch <in 2>err
	test_grep 'nothing was recorded; line 1: cannot sign the record' err
	test "$(count)" = 5
EOF

finish

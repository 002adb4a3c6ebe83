#!/usr/bin/env bash
# `git agent sync --check` and `--repair`: records and remotes.  Each thing
# that can be wrong is found, mended, and no clone has a record less after.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"
. "$ROOT/tests/fixtures/doctor.sh"

# pair NAME: a project on the server, with records of `NAME-a` and `NAME-b`,
# which both have seen.
pair() {
	new_origin "$1"
	new_clone "$1" "$1-a"
	new_clone "$1" "$1-b"
	(cd "$SCRATCH/$1-a" && git agent log done 'a one')
	(cd "$SCRATCH/$1-a" && git agent log done 'a two')
	(cd "$SCRATCH/$1-b" && git agent log done 'b one')
	git -C "$SCRATCH/$1-a" agent sync -q
	git -C "$SCRATCH/$1-b" agent sync -q
}

t 'nothing found: in clones that write, that only read, that never did' <<'EOF'
	pair clean
	new_clone clean clean-c
	(cd clean-c && git agent log)
	for c in a b c; do
		cd "$SCRATCH/clean-$c"
		nothing_found
		test_exit 0 git agent sync --repair >out 2>err
		test "$(cat out)" = 'nothing found'
		test_exit 0 git agent sync --check --json >out
		test_json '.asked and .reached and .findings == [] and .left == null'
		test_json '.remote == "origin" and .prefix == "refs/agent"'
	done
	new_origin bare
	new_clone bare bare-a
	cd "$SCRATCH/bare-a"
	nothing_found
	new_repo "$SCRATCH/lonely"
	cd "$SCRATCH/lonely"
	git agent log done 'no remote'
	nothing_found
EOF

t 'the check changes nothing, neither here nor there' <<'EOF'
	pair still
	cd still-a
	git agent log done 'not pushed' --no-push
	(cd ../still-b && git agent log done 'b two')
	snapshot still >../before
	test_exit 1 git agent sync --check
	test_exit 1 git agent sync --repair --dry-run
	snapshot still >../after
	test_cmp ../before ../after
EOF

t 'unpushed: how many, and pushed' <<'EOF'
	pair push
	cd push-a
	git agent log done 'a three' --no-push
	git agent log done 'a four' --no-push
	found unpushed "refs/agent/log/$(writer)" 'git agent sync --push'
	test "$(jq '.findings[0].count' out)" = 2
	test_exit 1 git agent sync --check --offline >out 2>err
	test_grep '^unpushed: ' out
	test_grep "'origin' was not asked" err
	test_exit 1 git agent sync --repair --dry-run >out
	test_grep '^repair: unpushed: .*: push$' out
	test_no_grep '^done' out
	repaired push
	test "$(server_log push .)" = "$(git rev-parse "refs/agent/log/$(writer)")"
EOF

t 'as JSON: the plan with --dry-run, or with what came of it at the end' <<'EOF'
	cd push-a
	git agent log done 'a five' --no-push
	git for-each-ref >before
	test_exit 1 git agent sync --repair --dry-run --json >plan
	git for-each-ref >after
	test_cmp before after
	test_json '.done == [] and .left == null' plan
	test_json '[.findings[] | [.code, .repair]] == [["unpushed", "push"]]' plan
	test_exit 0 git agent sync --repair --json >out
	test "$(jq -s length out)" = 1
	test_json '(.done | length) > 0 and .left == []'
	test_cmp <(jq .findings plan) <(jq .findings out)
EOF

t '… and what was done before an error stopped it' <<'EOF'
	cd push-a
	for json in '' --json; do
		(cd ../push-b && git agent log done "b more $json")
		cat >.git/hooks/reference-transaction <<-'END'
		#!/bin/sh
		cp .git/agent/writer .git/kept
		rm .git/agent/writer
		mkdir .git/agent/writer
		END
		chmod +x .git/hooks/reference-transaction
		test_exit 128 git agent sync --repair $json >out 2>err
		test_grep '^fatal: .*writer' err
		rm .git/hooks/reference-transaction
		rmdir .git/agent/writer
		mv .git/kept .git/agent/writer
		test -n "$json" || test_grep '^done: fetched' out
		test_no_grep '^nothing is left' out
	done
	test_json '(.findings | length) > 0 and (.done | length) > 0 and .left == null'
	test_exit 0 git agent sync --repair
EOF

t 'unfetched: new, moved, and in a clone that never fetched' <<'EOF'
	pair news
	(cd news-b && git agent log done 'b two')
	new_clone news news-c
	cd news-c
	found unfetched 'refs/agent/log/.*' 'git agent sync --fetch'
	test "$(jq '.findings|map(select(.code=="unfetched"))|length' out)" = 2
	repaired news
	cd ../news-a
	found unfetched "refs/agent/log/$(cd ../news-b && writer)" \
		'git agent sync --fetch'
	repaired news
	subjects --offline >out
	test_grep 'b two' out
EOF

t 'rewound, one of ours: put back by a push' <<'EOF'
	pair mine
	cd mine-a
	ref=refs/agent/log/$(writer)
	git -C ../srv/mine.git update-ref "$ref" "$ref~1"
	found rewound "$ref" 'git agent sync --push'
	repaired mine
	test "$(server_log mine .)" = "$(git rev-parse "$ref")"
EOF

t 'rewound, of a clone that is lost: put back by any other' <<'EOF'
	pair theirs
	cd theirs-b
	ref=refs/agent/log/$(cd ../theirs-a && writer)
	rm -rf ../theirs-a
	git -C ../srv/theirs.git update-ref "$ref" "$ref~1"
	found rewound "$ref" \
		"git push origin refs/agent-remotes/origin/${ref#refs/agent/}:$ref"
	repaired theirs
	test "$(git -C ../srv/theirs.git rev-parse "$ref")" = \
		"$(git rev-parse "refs/agent-remotes/origin/${ref#refs/agent/}")"
	test_exit 0 git agent log >out 2>err
	test_empty err
EOF

t '… also if another log there has its records, as every sync warns' <<'EOF'
	new_origin twice
	new_clone twice twice-a
	(cd twice-a && git agent log 'done' one && git agent log 'done' two)
	(cd twice-a && git agent sync)
	new_clone twice twice-b
	cd twice-b
	git agent sync
	ref=refs/agent/log/$(cd ../twice-a && writer)
	tip=$(git -C ../srv/twice.git rev-parse "$ref")
	git -C ../srv/twice.git update-ref refs/agent/log/w-keep-000001 "$tip"
	git -C ../srv/twice.git update-ref "$ref" "$tip~1"
	test_exit 3 git agent sync
	found rewound "$ref" 'git push origin .*'
	repaired twice
	test_exit 0 git agent sync
EOF

t 'deleted on the remote, and the tracking ref pruned here' <<'EOF'
	pair gone
	cd gone-b
	ref=refs/agent/log/$(cd ../gone-a && writer)
	own=refs/agent/log/$(writer)
	git -C ../srv/gone.git update-ref -d "$ref"
	git -C ../srv/gone.git update-ref -d "$own"
	found deleted "$ref" "git push origin .*:$ref"
	found deleted "$own" 'git agent sync --push'
	git fetch -q --prune
	tracking=refs/agent-remotes/origin/${ref#refs/agent/}
	found pruned "$tracking" "git update-ref $tracking [0-9a-f]*"
	rm -rf ../gone-a
	repaired gone 1
	git -C ../srv/gone.git rev-parse "$ref" "$own"
EOF

t 'rolled up into another log: not lost, not deleted, not pruned' <<'EOF'
	pair rolled
	cd rolled-b
	git agent sync -q
	sleep 1.1
	test_exit 0 git agent sync --roll-up --older-than 1s
	nothing_found
	cd ../rolled-a
	test_exit 1 git agent sync --check >out
	test_grep '^unfetched: ' out
	git fetch -q --prune
	nothing_found
	repaired_not_needed rolled
	git agent log done 'a three' --no-push
	found unpushed "refs/agent/log/$(writer)" 'git agent sync --push'
	repaired rolled
EOF

t 'replaced by another history: adopted when nothing can get lost' <<'EOF'
	pair forged
	cd forged-b
	name=$(cd ../forged-a && writer)
	tip=$(git rev-parse "refs/agent-remotes/origin/log/$name")
	rm -rf ../forged-a
	forge forged "$name"
	git agent sync || test $? = 3
	found replaced "refs/agent/log/$name" \
		'git agent sync --repair'
	test_exit 1 git pull
	repaired forged
	test "$(git -C ../srv/forged.git rev-parse "refs/agent/log/$name-${tip:0:7}")" = "$tip"
	test "$(git rev-parse "refs/agent-remotes/origin/log/$name")" = "$(git -C ../srv/forged.git rev-parse "refs/agent/log/$name")"
	git pull
	test_exit 0 git agent log >out
	test_grep 'a two' out
	new_clone forged forged-c
	cd "$SCRATCH/forged-c"
	subjects >out
	test_grep 'a two' out
EOF

t '… and its owner has gone on already: git pull works again' <<'EOF'
	pair anew
	name=$(cd anew-a && writer)
	git -C anew-a push -q --force origin "main:refs/agent/log/$name"
	(cd anew-a && git agent sync) || test $? = 3
	cd anew-b
	test_exit 3 git agent sync
	test_exit 1 git pull
	before=$(git -C ../srv/anew.git for-each-ref)
	test_exit 1 git agent sync --repair >out
	test_grep "^done: took 'refs/agent/log/$name' as 'origin' has it" out
	test_grep '^left: unparseable' out
	test_no_grep '^left: replaced' out
	test "$(git -C ../srv/anew.git for-each-ref)" = "$before"
	git pull
	test_exit 0 git agent sync
	subjects >out
	test_grep 'a two' out
EOF

t 'a pushurl that is another repository is named, and nothing is lost' <<'EOF'
	pair apart
	git clone -q --bare srv/apart.git srv/fork.git
	cd apart-a
	git config remote.origin.pushurl "$DAEMON_URL/fork.git"
	git agent log done 'a three'
	test_exit 0 git agent sync >out 2>err
	test_empty err
	test_no_grep 'restored\|rewound' out
	found bad-setting remote.origin.pushurl ''
	git agent sync --check >out || :
	test_grep "pushed to '$DAEMON_URL/fork.git', and '$DAEMON_URL/apart.git'" out
	test_lines 1 out
EOF

t 'a ref where the folder of the records is to be' <<'EOF'
	new_origin way
	new_clone way way-a
	cd way-a
	for ref in refs/agent refs/agent-remotes; do
		git update-ref $ref HEAD
		found blocked $ref "git update-ref refs/moved/.*"
		test_exit 1 git agent sync --repair
		test_exit 1 git agent sync --check >out
		eval "$(sed -n 's/^blocked.*; run: //p' out)"
		nothing_found
	done
	git agent log 'done' 'a one'
EOF

t 'diverged: another copy wrote under our name; ours goes on' <<'EOF'
	pair split
	cd split-a
	old=$(writer)
	forge split "$old" "$(git rev-parse "refs/agent/log/$old")"
	git agent log done 'a three' --no-push
	found diverged "refs/agent/log/$old" 'git agent sync'
	repaired split
	test "$(writer)" != "$old"
	subjects >out
	test_grep '^forged$' out
	test_grep '^a three$' out
EOF

t 'behind: a backup was put back; the log is moved forward' <<'EOF'
	pair backup
	cd backup-a
	ref=refs/agent/log/$(writer)
	tip=$(git rev-parse "$ref")
	git update-ref "$ref" "$ref~1"
	found behind "$ref" 'git agent sync --repair'
	repaired backup
	test "$(git rev-parse "$ref")" = "$tip"
	# And where the newer records are not even here.
	git update-ref "$ref" "$ref~1"
	git update-ref "refs/agent-remotes/origin/${ref#refs/agent/}" "$ref"
	git reflog expire --expire=now --all
	git gc -q --prune=now
	test_exit 1 git cat-file -e "$tip"
	found diverged "$ref" 'git agent sync'
	repaired backup
	test "$(git rev-parse "$ref")" = "$tip"
EOF

t 'refused by the host: what the last push was told; no remedy by itself' <<'EOF'
	pair house
	cd house-a
	printf '#!/bin/sh\necho branches only >&2\nexit 1\n' \
		>../srv/house.git/hooks/pre-receive
	chmod +x ../srv/house.git/hooks/pre-receive
	nothing_found
	git agent log done 'kept here'
	found refused "refs/agent/log/$(writer)" \
		'git config agent.prefix refs/heads/agent && git agent sync'
	found unpushed "refs/agent/log/$(writer)" 'git agent sync --push'
	test_exit 1 git agent sync --repair >out 2>err
	test_grep '^left: refused: .*pre-receive hook declined' out
	test -z "$(git config agent.prefix)"
	rm ../srv/house.git/hooks/pre-receive
	found refused "refs/agent/log/$(writer)" 'git config .*'
	repaired house
EOF

t 'the project has moved its records: followed' <<'EOF'
	pair moving
	cd moving-a
	git config agent.prefix refs/heads/agent
	found moved refs/heads/agent 'git agent sync'
	repaired moving
	git -C ../srv/moving.git rev-parse "refs/heads/agent/log/$(writer)"
EOF

t 'a remote that does not answer: said; 3 if nothing else is found' <<'EOF'
	pair mute
	cd mute-a
	url=$(git config remote.origin.url)
	git config remote.origin.url git://127.0.0.1:1/mute.git
	test_exit 3 git agent sync --check >out 2>err
	test_grep '^nothing found$' out
	test_grep "^warning: 'origin': .*; what it has is not known$" err
	test_exit 3 git agent sync --check --json >out
	test_json '.asked and (.reached|not) and .problem != null'
	test_exit 0 git agent sync --check --offline >out 2>err
	test_grep "^'origin' was not asked (--offline)$" err
	git agent log done 'a three' --no-push
	test_exit 1 git agent sync --check >out 2>err
	test_grep '^unpushed: ' out
	test_grep 'what it has is not known' err
	test_exit 1 git agent sync --repair >out 2>err
	test_grep "^done: could not ask 'origin'" out
	test_grep '^left: unpushed' out
	git config remote.origin.url "$url"
	repaired mute
	new_clone mute mute-c
	cd "$SCRATCH/mute-c"
	test_exit 3 git agent sync --check --offline
EOF

t 'what cannot be combined' <<'EOF'
	cd mute-a
	for a in '--check --fetch' '--repair --push' '--check --inbox' \
	    '--dry-run' '--check --dry-run' '--offline' '--check --if-stale'; do
		test_exit 129 git agent sync $a
	done
EOF

finish

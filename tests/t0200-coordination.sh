#!/usr/bin/env bash
# Clones, a git server between them, and whatever git does in the meantime:
# no record is lost, doubled or invented.
. "${0%/*}/lib.sh"

PER_WRITER=${PER_WRITER:-25}

start_git_daemon "$SCRATCH/srv"

# new_origin NAME: a project on the server, with one commit.
new_origin() {
	git init -q --bare "$SCRATCH/srv/$1.git"
	new_repo "$SCRATCH/$1-seed"
	git -C "$SCRATCH/$1-seed" push -q "$SCRATCH/srv/$1.git" main
}

# new_clone ORIGIN NAME
new_clone() {
	git clone -q "$DAEMON_URL/$1.git" "$SCRATCH/$2"
}

# Subjects of all records that a clone sees, with duplicates, sorted.
subjects() {
	git agent log --all --json "$@" | jq -r '.[].subject' | sort
}

count() {
	git agent log --all --json --offline | jq length
}

writer() {
	head -n 1 "$(git rev-parse --git-common-dir)/agent/writer"
}

# The ref of this clone's log on the server ORIGIN: server_log ORIGIN DIR
server_log() {
	git -C "$SCRATCH/srv/$1.git" rev-parse "refs/agent/log/$(cd "$2" && writer)"
}

t 'three clones, two processes each, all at once: each record everywhere, once' <<'EOF'
	new_origin storm
	for c in one two three; do
		new_clone storm $c
	done
	storm() {
		cd "$1"
		for i in $(seq "$PER_WRITER"); do
			git agent log done "$1 $2 $i" 2>>"err.$2"
		done
	}
	for c in one two three; do
		storm $c a &
		storm $c b &
	done
	wait
	for c in one two three; do
		for p in a b; do
			for i in $(seq "$PER_WRITER"); do
				echo "$c $p $i"
			done
		done
	done | sort >expected
	for c in one two three; do
		cat $c/err.*
		git -C $c agent sync
	done
	for c in one two three; do
		git -C $c agent sync
		(cd $c && subjects) >actual
		test_cmp expected actual
	done
	git clone -q "$DAEMON_URL/storm.git" fresh
	(cd fresh && subjects) >actual
	test_cmp expected actual
	# One log for each clone, and one chain in each.
	git -C srv/storm.git for-each-ref refs/agent/log/ >refs
	test_lines 3 refs
	git -C srv/storm.git log --glob='refs/agent/log/*' --format=%H >all
	test_lines $((PER_WRITER * 6)) all
	test -z "$(git -C srv/storm.git rev-list --min-parents=2 --glob='refs/agent/*')"
	git -C srv/storm.git fsck --strict
EOF

t 'clocks of one writer only grow, and effects sort behind their causes' <<'EOF'
	cd one
	git agent log --all --json |
		jq -r --arg w "$(writer)" '.[]|select(.writer==$w).clock' >clocks
	sort -ru clocks >sorted
	test_cmp sorted clocks
EOF

t 'what the processes of one clone write is pushed or said not to be' <<'EOF'
	cd one
	for i in 1 2 3 4 5 6; do
		git agent log done "together $i" 2>"together.$i" &
	done
	wait
	cat together.* >errs
	cat errs
	test "$(grep -c "^recorded .*, pushed to 'origin'$" errs)" = 6
	test "$(git rev-parse "refs/agent/log/$(writer)")" = \
		"$(server_log storm "$SCRATCH/one")"
EOF

t 'a fresh plain clone is connected by its first reading' <<'EOF'
	new_clone storm plain
	cd plain
	test -z "$(git for-each-ref 'refs/agent*')"
	git agent log -n 1 >out 2>err
	test_lines 2 out
	test_grep "connected: from now on 'git fetch' brings" err
	git config --get-all remote.origin.fetch >specs
	test_grep '^refs/agent/log/\*:refs/agent-remotes/origin/log/\*$' specs
	test_no_grep '^+refs/agent/log' specs
	git agent sync
	git config --get-all remote.origin.fetch >again
	test_cmp specs again
	# Nothing of ours is the destination of a fetch.
	test_no_grep ':refs/agent/' specs
EOF

t 'a clone that only wrote still fetches before its first reading' <<'EOF'
	new_clone storm shy
	cd shy
	git agent log done 'from the shy one'
	subjects >out
	test_grep 'from the shy one' out
	test_grep 'one a 1' out
EOF

t 'from then on a plain git fetch brings news' <<'EOF'
	cd two
	git agent log done 'by plain fetch'
	cd ../plain
	git fetch -q
	subjects --offline >out
	test_grep '^by plain fetch$' out
EOF

t 'looking at a project without records changes nothing in it' <<'EOF'
	new_origin bare-bones
	new_clone bare-bones looker
	cd looker
	cp .git/config before
	git agent log >out
	git agent sync
	test_cmp before .git/config
	test -z "$(git for-each-ref 'refs/agent*')"
EOF

t 'fetch --prune, gc, pack-refs, repack and fsck lose and confuse nothing' <<'EOF'
	cd one
	git agent log done 'not pushed' --no-push
	git agent sync --fetch
	subjects >before
	git fetch -q --prune
	git fetch -q --prune --all --force
	git remote prune origin
	git pack-refs --all --prune
	git gc -q --prune=now
	git repack -adfq
	git prune --expire=now
	git fsck --strict
	subjects --offline >after
	test_cmp before after
	git agent log done 'after the cleaning'
	git pack-refs --all
	git agent log done 'after the packing'
	git agent sync
	cd ../two
	git agent sync
	subjects >out
	test_grep '^not pushed$' out
	test_grep '^after the cleaning$' out
	test_grep '^after the packing$' out
EOF

t 'writers go on while git packs refs and collects' <<'EOF'
	cd two
	# Without --prune=now, which loses what any git command writes meanwhile.
	(while test ! -e stop; do git pack-refs --all; git gc -q; done) &
	for i in $(seq 40); do
		git agent log done "beside gc $i" --no-push
	done
	touch stop
	wait
	subjects --offline >out
	test "$(grep -c '^beside gc ' out)" = 40
	git fsck --strict
EOF

t 'written without a network, it arrives with a later sync' <<'EOF'
	cd three
	git config remote.origin.url "$DAEMON_URL/nowhere.git"
	for i in 1 2 3; do
		git agent log done "offline $i" 2>err
		test_grep "recorded in this clone, but not pushed to 'origin'" err
	done
	test_exit 1 git agent sync 2>err
	test_grep '3 records of this clone are not at' err
	git config remote.origin.url "$DAEMON_URL/storm.git"
	git agent sync
	cd ../one
	git agent sync
	test "$(subjects | grep -c '^offline')" = 3
EOF

t 'a copy by cp -r writes on under its own name; nothing is lost or doubled' <<'EOF'
	new_origin copy
	new_clone copy original
	cd original
	git agent log done 'before, pushed'
	git agent log done 'before, not pushed' --no-push
	old=$(writer)
	cd ..
	cp -r original copied
	(cd original && git agent log done 'in the original' --no-push)
	(cd copied && git agent log done 'in the copy' --no-push)
	test "$(cd original && writer)" = "$old"
	test "$(cd copied && writer)" != "$old"
	(cd copied && git agent sync)
	(cd original && git agent sync)
	printf '%s\n' 'before, not pushed' 'before, pushed' 'in the copy' \
		'in the original' >expected
	new_clone copy reader
	for c in reader original copied; do
		git -C $c agent sync
		(cd $c && subjects) >actual
		test_cmp expected actual
	done
	test "$(git -C reader agent log --json | jq -r '.[].id' | sort -u | wc -l)" = 4
EOF

t 'a copy that never writes pushes what it brought along' <<'EOF'
	new_origin rescue
	new_clone rescue dying
	(cd dying && git agent log done 'on the dying disk' --no-push)
	cp -r dying rescued
	rm -rf dying
	cd rescued
	test_exit 0 git agent steer --list
	git agent sync
	new_clone rescue after
	cd ../after
	subjects >out
	test_grep '^on the dying disk$' out
EOF

t 'before that, the copy does not claim that they are pushed' <<'EOF'
	new_clone rescue sender
	cd sender
	git agent steer 'not yet away' --no-push || test $? = 1
	cd ..
	cp -r sender sender2
	cd sender2
	git agent steer --list --all --json --offline |
		jq -r '.[]|select(.subject=="not yet away").state' >state
	test "$(cat state)" = queued
EOF

t 'a snapshot with the same inodes is found out at the push' <<'EOF'
	new_origin twin
	new_clone twin left
	(cd left && git agent log done common)
	cp -r left right
	# As if the file system had copied the inode numbers too.
	twin() {
		common=$(stat -c %i .git)
		agent=$(stat -c %i .git/agent)
		file=$(stat -c %i .git/agent/writer)
		printf '%s\n%s %s %s\n' "$1" "$common" "$agent" "$file" >new
		cat new >.git/agent/writer
	}
	name=$(cd left && writer)
	(cd right && twin "$name")
	test "$(cd right && writer)" = "$name"
	(cd left && git agent log done 'left only')
	(cd right && git agent log done 'right only' --no-push)
	test "$(cd right && writer)" = "$name"
	cd right
	git agent sync >out 2>err
	test_grep 'another copy of this clone had written to the same log' err
	test_grep "goes on as '$(writer)'" err
	test "$(writer)" != "$name"
	git agent sync
	printf '%s\n' common 'left only' 'right only' >../expected
	subjects >actual
	test_cmp ../expected actual
	cd ../left
	git agent sync
	subjects >actual
	test_cmp ../expected actual
EOF

t 'mv of a clone keeps its writer' <<'EOF'
	cd "$SCRATCH"
	name=$(cd left && writer)
	mv left moved
	cd moved
	git agent log done 'after the move'
	test "$(writer)" = "$name"
EOF

t 'linked worktrees share the writer, also when they write at once' <<'EOF'
	cd moved
	git worktree add -q ../wt1
	git worktree add -q ../wt2
	before=$(git rev-list --count "refs/agent/log/$(writer)")
	for d in moved wt1 wt2; do
		(cd "../$d" && for i in 1 2 3 4 5; do
			git agent log done "$d $i" --no-push
		done) &
	done
	wait
	test "$(git rev-list --count "refs/agent/log/$(writer)")" = $((before + 15))
	test "$(git for-each-ref refs/agent/log/ | wc -l)" = 1
EOF

t 'plain git may append to the same log meanwhile' <<'EOF'
	new_repo shared-log
	cd shared-log
	git agent log done first
	ref=refs/agent/log/$(writer)
	git_appends() {
		local i tip new
		for i in $(seq 40); do
			until
				tip=$(git rev-parse "$ref")
				new=$(printf 'done: git %d\n\nAgent-Kind: done\nAgent-Clock: 2026-01-01T00:00:%02d.000000Z\n' "$i" "$i" |
					git commit-tree -p "$tip" "$tip^{tree}")
				git update-ref "$ref" "$new" "$tip" 2>/dev/null
			do
				sleep 0.01
			done
		done
	}
	git_appends &
	for i in $(seq 40); do
		git agent log done "ours $i"
	done
	wait
	test "$(count)" = 81
EOF

t 'a rewound log on the server is said, and not adopted' <<'EOF'
	new_origin rewind
	new_clone rewind victim
	new_clone rewind witness
	(cd victim && for i in 1 2 3; do git agent log done "r$i"; done)
	(cd witness && git agent sync)
	ref=refs/agent/log/$(cd victim && writer)
	git -C srv/rewind.git update-ref "$ref" "$ref~2"
	cd witness
	test_exit 3 git agent sync >out 2>err
	test_grep 'rewound' out
	test_grep "has lost records that were fetched before; they are kept here" err
	test "$(subjects 2>/dev/null)" = "$(printf 'r1\nr2\nr3')"
	# Every reader says so, until it is healed.
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'has lost records' err
	test_exit 3 git agent sync --json >out
	test "$(jq -r '.refs[]|select(.fate=="rewound").direction' out)" = fetch
	# Nor by a plain fetch.
	test_exit 1 git fetch -q
	test "$(subjects 2>/dev/null | wc -l)" = 3
EOF

t "the writer's own next sync heals it" <<'EOF'
	cd victim
	test_exit 0 git agent sync >out 2>err
	test_grep 'restored' out
	test_grep 'had lost records of this clone; they are there again' err
	test "$(server_log rewind "$SCRATCH/victim")" = \
		"$(git rev-parse "refs/agent/log/$(writer)")"
	test_exit 0 git agent log >out 2>err
	test_empty err
	cd ../witness
	test_exit 0 git agent sync
	test_exit 0 git agent log >out 2>err
	test_empty err
EOF

t 'its next record heals it too' <<'EOF'
	ref=refs/agent/log/$(cd victim && writer)
	git -C srv/rewind.git update-ref "$ref" "$ref~2"
	cd witness
	test_exit 3 git agent sync
	cd ../victim
	test_exit 3 git agent sync --fetch
	git agent log done r4
	test_exit 0 git agent log >out 2>err
	test_empty err
	cd ../witness
	git agent sync
	test "$(subjects | wc -l)" = 4
EOF

t 'a log replaced by a forced push is not adopted; its writer goes on' <<'EOF'
	ref=refs/agent/log/$(cd victim && writer)
	git clone -q "$DAEMON_URL/rewind.git" forger
	cd forger
	tree=$(git mktree </dev/null)
	forged=$(printf 'done: forged\n\nAgent-Kind: done\nAgent-Clock: 2026-01-01T00:00:00.000000Z\n' |
		git commit-tree "$tree")
	git push -q --force origin "$forged:$ref"
	cd ../witness
	test_exit 3 git agent sync
	test_no_grep forged <(subjects 2>/dev/null)
	cd ../victim
	git agent log done r5 2>err
	git agent sync || test $? = 3
	cd ../witness
	git agent sync || test $? = 3
	subjects 2>/dev/null >out
	test "$(grep -c '^r[1-5]$' out)" = 5
EOF

t 'a log deleted on the server comes back' <<'EOF'
	new_origin deleted
	new_clone deleted keeper
	cd keeper
	git agent log done precious
	git -C ../srv/deleted.git update-ref -d "refs/agent/log/$(writer)"
	git fetch -q --prune
	git agent sync
	new_clone deleted late
	cd "$SCRATCH/late"
	test "$(subjects)" = precious
EOF

t 'readers notice it, and pruning takes nothing from them' <<'EOF'
	new_origin vanish
	for c in v1 v2; do
		new_clone vanish $c
	done
	(cd v1 && git agent log done 'seen by all')
	name=$(cd v1 && writer)
	cd v2
	git agent sync
	git -C ../srv/vanish.git update-ref -d "refs/agent/log/$name"
	test_exit 3 git agent sync 2>err
	test_grep "log/$name.*has lost records" err
	git fetch -q --prune
	test -z "$(git for-each-ref "refs/agent-remotes/origin/log/$name")"
	test_exit 3 git agent log --offline >out 2>err
	test_grep 'seen by all' out
	test_grep 'has lost records' err
	git for-each-ref >refs
	test_grep "refs/agent-remotes/origin/log/$name" refs
	(cd ../v1 && git agent sync)
	git agent sync
	git agent log >out
	test_grep 'seen by all' out
EOF

t 'without its file a writer goes on, and what it had not pushed arrives' <<'EOF'
	new_origin lostfile
	for c in l1 l2; do
		new_clone lostfile $c
	done
	cd l1
	git agent log done 'before the loss' --no-push
	rm .git/agent/writer
	git agent log done 'after the loss' --no-push
	git agent sync
	cd ../l2
	git agent sync
	test "$(subjects)" = 'after the loss
before the loss'
EOF

t 'agent.prefix moves the records below another name' <<'EOF'
	new_origin prefix
	git -C srv/prefix.git config receive.fsckObjects true
	for c in p1 p2; do
		new_clone prefix $c
		git -C $c config agent.prefix refs/heads/agent
	done
	(cd p1 && git agent log failed 'below heads' --because prefix)
	git -C srv/prefix.git for-each-ref --format='%(refname)' >refs
	test_grep '^refs/heads/agent/log/' refs
	test_no_grep '^refs/agent/' refs
	cd p2
	test "$(subjects)" = 'below heads'
	git agent steer 'and back'
	cd ../p1
	git agent sync --inbox
	ls .git/agent/inbox >inbox
	test_lines 1 inbox
	test_exit 0 git fetch -q --prune
	git agent log >out
	test_grep 'and back' out
EOF

t 'a server that refuses the records takes the code, and it is said' <<'EOF'
	new_origin strict
	cat >srv/strict.git/hooks/update <<-'END'
	#!/bin/sh
	case $1 in refs/agent/*|refs/notes/agent/*) echo "only branches here" >&2; exit 1 ;; esac
	END
	chmod +x srv/strict.git/hooks/update
	new_clone strict obedient
	cd obedient
	git agent log done 'kept here' 2>err
	test_grep "'origin' refused 'log/$(writer)': hook declined" err
	test_grep 'not pushed' err
	new_commit . change
	git push -q origin main
	test_exit 1 git agent sync >out 2>err
	test_grep refused out
	test_grep '1 record of this clone is not at' err
	test_exit 1 git agent sync --json >out
	test "$(jq .unpushed out)" = 1
	test "$(jq -r '.refs[0].fate' out)" = refused
	rm ../srv/strict.git/hooks/update
	test_exit 0 git agent sync
EOF

t 'a copied-back config, a pre-push hook and push defaults do no harm' <<'EOF'
	new_origin odd
	new_clone odd odd
	cd odd
	printf '#!/bin/sh\nexit 1\n' >.git/hooks/pre-push
	chmod +x .git/hooks/pre-push
	git config push.default nothing
	git config push.followTags true
	git config fetch.prune true
	git config fetch.output compact
	git config color.ui always
	git config remote.origin.tagOpt --tags
	git config core.logAllRefUpdates always
	git tag v1
	git agent log done 'despite all' 2>err
	test_grep "pushed to 'origin'" err
	git -C ../srv/odd.git tag >tags
	test_empty tags
	git agent sync
	test "$(subjects)" = 'despite all'
EOF

t 'the remote: of the branch, by agent.remote, or the only one' <<'EOF'
	new_origin r1
	new_origin r2
	new_repo multi
	cd multi
	git remote add r1 "$DAEMON_URL/r1.git"
	git agent log done first 2>err
	test_grep "pushed to 'r1'" err
	git remote add r2 "$DAEMON_URL/r2.git"
	git config branch.main.remote r2
	git agent log done second 2>err
	test_grep "pushed to 'r2'" err
	git config agent.remote r1
	git agent log done third 2>err
	test_grep "pushed to 'r1'" err
	git config --unset agent.remote
	# A path in a remote's place (git push -u PATH), and this repository.
	git remote add origin "$DAEMON_URL/r1.git"
	for odd in ../srv/r1.git . "$DAEMON_URL/r1.git" -x; do
		git config branch.main.remote "$odd"
		git agent log done "beside $odd" 2>err
		test_grep "pushed to 'origin'" err
	done
EOF

t 'killed at any instant, a writer loses nothing that it said' <<'EOF'
	new_repo killed
	cd killed
	git agent log done start
	: >said
	# Somewhere within twice the time that one takes here, in ms.
	span=$(($(date +%s%N) / 1000000))
	git-agent-log done timed
	span=$((2 * ($(date +%s%N) / 1000000 - span) + 2))
	for i in $(seq 100); do
		timeout -s KILL "$(printf 0.%03d $((RANDOM % span + 1)))" \
			git-agent-log done "k$i" 2>err || true
		if grep -q '^recorded' err; then echo "k$i" >>said; fi
		# What SIGKILL may leave behind, see t0300.
		rm -f .git/refs/agent/log/*.lock
	done
	# Some got through, and some did not.
	test -s said
	test "$(wc -l <said)" -lt 100
	git agent log done after
	git fsck --strict
	subjects >out
	test_grep '^after$' out
	sort said >expected
	comm -23 expected out >lost
	test_empty lost
	test "$(subjects | uniq -d)" = ''
EOF

# Over http: the same, by git's own CGI program behind a small server.
cat >backend.py <<'END_OF_SERVER'
import http.server, os, subprocess, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def serve(self):
        path, _, query = self.path.partition('?')
        n = int(self.headers.get('Content-Length') or 0)
        env = dict(os.environ, GIT_PROJECT_ROOT=sys.argv[1],
            GIT_HTTP_EXPORT_ALL='1', PATH_INFO=path, QUERY_STRING=query,
            REQUEST_METHOD=self.command, REMOTE_USER='tester',
            REMOTE_ADDR='127.0.0.1', CONTENT_LENGTH=str(n),
            CONTENT_TYPE=self.headers.get('Content-Type') or '',
            HTTP_CONTENT_ENCODING=self.headers.get('Content-Encoding') or '',
            GIT_PROTOCOL=self.headers.get('Git-Protocol') or '')
        out = subprocess.run(['git', 'http-backend'], env=env,
            input=self.rfile.read(n), stdout=subprocess.PIPE).stdout
        head, _, body = out.partition(b'\r\n\r\n')
        fields = [l.split(': ', 1) for l in head.decode().split('\r\n')]
        status = [v for k, v in fields if k == 'Status']
        self.send_response(int(status[0].split()[0]) if status else 200)
        for k, v in fields:
            if k != 'Status':
                self.send_header(k, v)
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = serve
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
END_OF_SERVER
if have python3 && test -x "$(git --exec-path)/git-http-backend"; then
	python3 backend.py "$SCRATCH/srv" >http.port 2>http.err &
	wait_until 10 test -s http.port
	export HTTP_URL
	HTTP_URL=http://127.0.0.1:$(cat http.port)

	t 'over http: two clones write at once, and read each other' <<-'EOF'
	new_origin web
	git -C srv/web.git config http.receivepack true
	for c in w1 w2; do
		git clone -q "$HTTP_URL/web.git" $c
	done
	web() {
		cd "$1"
		for i in 1 2 3 4 5 6 7 8; do
			git agent log done "$1 $i"
		done
	}
	web w1 &
	web w2 &
	wait
	for c in w1 w2; do
		git -C $c agent sync
		test "$(cd $c && subjects | wc -l)" = 16
	done
	git clone -q "$HTTP_URL/web.git" w3
	test "$(cd w3 && subjects | wc -l)" = 16
	EOF

	t 'over http: a password that is wanted is not waited for' <<-'EOF'
	cd w1
	git config remote.origin.url "${HTTP_URL%:*}:1/web.git"
	timeout 20 git agent log done 'unreachable' 2>err </dev/null
	test_grep 'not pushed' err
	EOF
else
	skip 'over http' 'no python3 or no git-http-backend'
fi

finish

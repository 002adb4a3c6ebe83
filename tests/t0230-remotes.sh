#!/usr/bin/env bash
# Remotes of all kinds: which one is taken, below which name, one that refuses,
# and git over http.
. "${0%/*}/lib.sh"
. "$ROOT/tests/fixtures/coordination.sh"

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

t 'what is pushed below a prefix with a name of ours in it is known' <<'EOF'
	for prefix in refs/heads/beat/agent refs/heads/notes/agent \
	    refs/heads/log/agent; do
		rm -rf within srv/within.git within-seed
		new_origin within
		new_clone within within
		cd within
		git config agent.prefix $prefix
		git agent log 'done' 'below it' 2>err
		test_grep "^recorded [0-9a-f]*, pushed to 'origin'\$" err
		git notes --ref="agent/$(writer)" add -m measured
		git update-ref "refs/agent/beat/$(writer)" "refs/agent/log/$(writer)"
		git agent sync
		test -f ".git/agent/pushed-notes/origin/$(writer)"
		git rev-parse --verify "refs/agent-remotes/origin/beat/$(writer)"
		cd ..
	done
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
	test_grep "'origin' refused 'refs/agent/log/$(writer)': hook declined" err
	test_grep "'origin' says: only branches here" err
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
	# Where code is pushed to, in a fork say, says nothing of records.
	git config remote.pushDefault r1
	git config branch.main.pushRemote r1
	git agent log done 'beside a fork' 2>err
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

t 'a remote may be called as what is fetched from it, or with one letter' <<'EOF'
	new_origin names
	new_clone names namer
	cd namer
	git agent log done 'read by all'
	run=01JDD0000000000000000000A1
	printf 'run: started\n\nAgent-Kind: run\nAgent-Event: start\nAgent-Run: %s\nAgent-Clock: 2026-01-01T00:00:00.000000Z\n' $run |
		git commit-tree 'HEAD^{tree}' >id
	git push -q origin "$(cat id):refs/agent/log/eve-node-000000"
	printf 'beat: alive\n\nAgent-Kind: beat\nAgent-Run: %s\nAgent-Clock: %s\n' \
		$run "$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)" |
		git commit-tree 'HEAD^{tree}' >id
	git push -q origin "$(cat id):refs/agent/beat/eve-node-000000"
	for name in beat log b; do
		git clone -q --origin $name "$DAEMON_URL/names.git" ../of-$name
		cd ../of-$name
		test_exit 0 git agent log >out
		test_grep 'read by all' out
		test "$(git agent status --json | jq -r '.runs[0].state')" = live
	done
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

t 'a remote whose name is one of our folders: refused, and nothing written' <<'EOF'
	new_origin named
	for name in lab/beat lab/log lab/beat/two lab/former lab/elsewhere \
	    lab/kept; do
		rm -rf named
		git clone -q -o "$name" "$DAEMON_URL/named.git" named
		cd named
		test_exit 1 git agent sync 2>err
		test_grep "as '[a-z]*' in the remote's name is a folder of ours" err
		test_grep "git remote rename $name <new name>" err
		test_exit 3 git agent log 2>err
		test_grep "git remote rename $name" err
		test_exit 1 git agent sync --check >out
		test_grep "^bad-setting: '$name': .*git remote rename" out
		git for-each-ref refs/agent-remotes refs/notes >refs
		test_empty refs
		test -z "$(git config --get-all "remote.$name.fetch" agent)"
		test ! -e .git/agent
		git agent log 'done' "kept, $name" 2>err
		test_grep 'recorded in this clone, but not pushed' err
		git remote rename "$name" other
		git agent sync
		git agent log >out
		test_grep "kept, $name" out
		cd ..
	done
EOF

t 'other names with slashes are none of them' <<'EOF'
	for name in log beat a/logs/beats; do
		rm -rf named
		git clone -q -o "$name" "$DAEMON_URL/named.git" named
		cd named
		test_exit 0 git agent log >out
		test_grep 'kept, lab/log' out
		git agent log 'done' "of $name"
		git fetch -q --prune
		git for-each-ref --format='delete %(refname)' \
			refs/agent-remotes | git update-ref --stdin
		test_exit 3 git agent log --offline >out
		test_grep 'kept, lab/beat' out
		test_grep "of $name" out
		test_no_grep -v "^refs/agent-remotes/$name/log/[^/]*\$" .git/agent/rewound
		test_exit 0 git agent sync
		test_exit 0 git agent log --offline
		cd ..
	done
EOF

t 'a clone of a bundle: what git says of the push' <<'EOF'
	new_repo bundled
	git -C bundled bundle create -q ../one.bundle HEAD main
	git clone -q one.bundle of-bundle
	cd of-bundle
	git agent log done kept 2>err
	test_grep "not pushed to 'origin': failed to push some refs to .*one.bundle" err
EOF

t 'several remotes, and nobody knows which: said, until one is chosen' <<'EOF'
	new_origin several
	new_clone several unsure
	cd unsure
	git remote rename origin lab
	git remote add mine "$DAEMON_URL/nowhere.git"
	git checkout -q --detach
	names="'lab' and 'mine' are its remotes; 'git config agent.remote NAME'"
	git agent log done one 2>err
	test_grep "$names" err
	test_grep '^recorded [0-9a-f]* in this clone$' err
	test_exit 1 git agent sync 2>err
	test_grep "$names" err
	test_exit 1 git agent sync --quiet
	test_exit 3 git agent log 2>err
	test_grep "$names" err
	test_exit 3 git agent status --offline
	test_exit 1 git agent sync --check >out
	test_grep "^bad-setting: 'agent.remote': $names" out
	git config agent.remote lab
	git agent sync
	# Then it is the one that brings records.
	git config --unset agent.remote
	git agent log done two 2>err
	test_grep "pushed to 'lab'" err
	test_exit 0 git agent log
EOF

t "git's negative refspecs, which libgit2 does not know" <<'EOF'
	new_origin negative
	new_clone negative negative-a
	new_clone negative negative-b
	(cd negative-a; git agent log 'done' one)
	cd negative-b
	git config --add remote.origin.fetch '^refs/heads/dependabot/*'
	git agent sync
	git config --get-all remote.origin.fetch >specs
	test_grep '^^refs/heads/dependabot/\*$' specs
	test_grep '^refs/agent/log/' specs
	git fetch
	git agent log 'done' two
	git agent sync --check
	test "$(subjects | tr '\n' ' ')" = 'one two '
	cd ../negative-a
	git agent sync
	test "$(subjects | tr '\n' ' ')" = 'one two '
EOF

finish

#!/usr/bin/env bash
# The network is git's own: ssh with its configuration, http with passwords
# out of a credential helper, other names for addresses.  With real servers.
. "${0%/*}/lib.sh"

export PATH=$PATH:/usr/sbin:/usr/local/sbin

mkdir srv web keys
git init -q --bare srv/origin.git
new_repo seed
git -C seed push -q "$SCRATCH/srv/origin.git" main
git clone -q srv/origin.git peer
(cd peer && git agent init --goal 'by all ways') >init.out 2>&1 ||
	bail 'no brief'

subjects() {
	git agent log --all --json --offline | jq -r '.[].subject'
}

# exchange HOW: in the current folder; a record each way, and the dashboard.
exchange() {
	git agent log done "from $1" 2>"$SCRATCH/err"
	test_grep "pushed to 'origin'" "$SCRATCH/err"
	git -C "$SCRATCH/peer" agent sync
	(cd "$SCRATCH/peer" && subjects) >"$SCRATCH/out"
	test_grep -x "from $1" "$SCRATCH/out"
	git -C "$SCRATCH/peer" agent log done "to $1"
	git agent sync
	subjects >"$SCRATCH/out"
	test_grep -x "to $1" "$SCRATCH/out"
	git agent status --json >"$SCRATCH/out"
	test "$(jq -r .goal "$SCRATCH/out")" = 'by all ways'
	test "$(jq -r .stats.unpushed "$SCRATCH/out")" = 0
	test "$(jq -r .stats.partial "$SCRATCH/out")" = false
}

# kept SENTENCE: a record stays here, and why is said; nobody is waited for.
kept() {
	timeout 60 git agent log done 'kept here' 2>"$SCRATCH/err" </dev/null
	test_grep "recorded in this clone, but not pushed to 'origin': .*$1" \
		"$SCRATCH/err"
	test_exit 1 timeout 60 git agent sync 2>"$SCRATCH/err" </dev/null
	test_grep "$1" "$SCRATCH/err"
	test_exit 1 timeout 60 git agent sync -q --background </dev/null \
		2>"$SCRATCH/err"
	test_grep "$1" "$SCRATCH/err"
	test_exit 3 timeout 60 git agent status >"$SCRATCH/out" \
		2>"$SCRATCH/err" </dev/null
	test_grep "could not ask 'origin' for news: .*$1" "$SCRATCH/err"
	test_grep 'kept here' "$SCRATCH/out"
}

# serve NAME COMMAND…: start a server that prints its own log to NAME.log;
# it is there when `answers PORT` says so.  PORT is tried until one is free.
answers() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

serve() {
	local name=$1 i pid
	shift
	for ((i = 0; i < 20; i++)); do
		PORT=$((RANDOM % 20000 + 20000))
		! answers "$PORT" || continue
		"${name}_config"
		"$@" </dev/null >"$name.log" 2>&1 &
		pid=$!
		wait_until 10 decided "$pid"
		! kill -0 "$pid" 2>/dev/null || return 0
	done
	return 1
}

decided() {
	answers "$PORT" || ! kill -0 "$1" 2>/dev/null
}

# ---- ssh ---------------------------------------------------------------------

# Our own server: its keys, its users, this user's home instead of the real.
sshd_config() {
	cat >sshd.conf <<-EOF
	ListenAddress 127.0.0.1
	Port $PORT
	HostKey $SCRATCH/keys/host
	PidFile $SCRATCH/sshd.pid
	AuthorizedKeysFile $SCRATCH/keys/authorized
	AuthenticationMethods publickey
	PermitRootLogin yes
	StrictModes no
	UsePAM no
	SetEnv HOME=$HOME GIT_CONFIG_NOSYSTEM=1
	EOF
}

# ssh takes the home from the password file, not from $HOME: the file has to
# be named, by core.sshCommand or GIT_SSH_COMMAND.
ssh_config() {
	mkdir -p "$HOME/.ssh"
	cat >"$HOME/.ssh/config" <<-EOF
	Host lab
		HostName 127.0.0.1
		Port $PORT
		User $(id -un)
		IdentityFile $SCRATCH/keys/user
	Host stranger
		HostName 127.0.0.1
		Port $PORT
		User $(id -un)
		IdentityFile $SCRATCH/keys/stranger
	Host locked
		HostName 127.0.0.1
		Port $PORT
		User $(id -un)
		IdentityFile $SCRATCH/keys/locked
	Host swapped
		HostName 127.0.0.1
		HostKeyAlias swapped
		Port $PORT
		User $(id -un)
		IdentityFile $SCRATCH/keys/user
	Host *
		IdentitiesOnly yes
		IdentityAgent none
		UserKnownHostsFile $SCRATCH/keys/known
		GlobalKnownHostsFile /dev/null
		StrictHostKeyChecking yes
	EOF
}

start_sshd() {
	have sshd && have ssh && have ssh-keygen || return 1
	for k in host user stranger; do
		ssh-keygen -q -t ed25519 -N '' -f keys/$k
	done
	ssh-keygen -q -t ed25519 -N 'a passphrase' -f keys/locked
	cat keys/user.pub keys/locked.pub >keys/authorized
	# What sshd insists on when root starts it.
	test "$(id -u)" != 0 || mkdir -p /run/sshd
	serve sshd "$(command -v sshd)" -D -e -f "$SCRATCH/sshd.conf" ||
		return 1
	{
		echo "[127.0.0.1]:$PORT $(cut -d ' ' -f 1,2 keys/host.pub)"
		echo "swapped $(cut -d ' ' -f 1,2 keys/stranger.pub)"
	} >keys/known
	ssh_config
	ssh -F "$HOME/.ssh/config" -o BatchMode=yes lab true 2>>sshd.log
}

if start_sshd; then
	t 'ssh: a host alias, core.sshCommand' <<-'EOF'
	git config --global core.sshCommand "ssh -F '$HOME/.ssh/config'"
	git clone -q "lab:$SCRATCH/srv/origin.git" by-ssh
	cd by-ssh
	exchange ssh
	EOF

	t 'ssh: GIT_SSH_COMMAND, the address with a scheme, a fresh clone' <<-'EOF'
	git config --global --unset core.sshCommand
	export GIT_SSH_COMMAND="ssh -F '$HOME/.ssh/config'"
	git clone -q "ssh://lab$SCRATCH/srv/origin.git" by-ssh2
	cd by-ssh2
	git agent status >out 2>err
	test_grep 'by all ways' out
	test_grep 'from ssh' out
	exchange 'ssh by the environment'
	git worktree add -q ../by-ssh3
	cd ../by-ssh3
	exchange 'ssh from a worktree'
	EOF

	t 'ssh: the loop and the hooks are not asked for a passphrase' <<-'EOF'
	export GIT_SSH_COMMAND="ssh -F '$HOME/.ssh/config'"
	git clone -q "lab:$SCRATCH/srv/origin.git" locked
	cd locked
	git agent log done first
	git config remote.origin.url "locked:$SCRATCH/srv/origin.git"
	kept 'Permission denied\|Could not read from remote'
	EOF

	t 'ssh: a key that is not known there' <<-'EOF'
	export GIT_SSH_COMMAND="ssh -F '$HOME/.ssh/config'"
	cd by-ssh
	git config remote.origin.url "stranger:$SCRATCH/srv/origin.git"
	kept 'Permission denied (publickey)'
	git config remote.origin.url "lab:$SCRATCH/srv/origin.git"
	test_exit 0 git agent sync
	EOF

	t 'ssh: another host than before' <<-'EOF'
	export GIT_SSH_COMMAND="ssh -F '$HOME/.ssh/config'"
	cd by-ssh
	git config remote.origin.url "swapped:$SCRATCH/srv/origin.git"
	kept 'Host key verification failed'
	EOF

	t 'insteadOf and pushInsteadOf: read here, written there' <<-'EOF'
	export GIT_SSH_COMMAND="ssh -F '$HOME/.ssh/config'"
	git config --global "url.lab:$SCRATCH/srv/.insteadOf" lab-git:
	git clone -q lab-git:origin.git instead
	cd instead
	exchange insteadOf
	git config --global "url.$SCRATCH/srv/.insteadOf" mixed:
	git config --global "url.lab:$SCRATCH/srv/.pushInsteadOf" mixed:
	git config remote.origin.url mixed:origin.git
	before=$(grep -c 'Accepted publickey' ../sshd.log)
	exchange pushInsteadOf
	test "$(grep -c 'Accepted publickey' ../sshd.log)" -gt "$before"
	git config remote.origin.pushurl "stranger:$SCRATCH/srv/origin.git"
	git agent log done 'by a push address' 2>err
	test_grep "not pushed to 'origin': .*Permission denied" err
	git agent sync --fetch
	EOF
else
	skip 'over ssh' "no sshd, or none that lets $(id -un) in: $(
		tail -n 1 sshd.log 2>/dev/null | tr -d '#\r')"
fi

# ---- http --------------------------------------------------------------------

lighttpd_config() {
	cat >lighttpd.conf <<-EOF
	server.modules = ("mod_setenv", "mod_auth", "mod_authn_file",
		"mod_alias", "mod_cgi")
	server.bind = "127.0.0.1"
	server.port = $PORT
	server.document-root = "$SCRATCH/web"
	server.upload-dirs = ("$TMPDIR")
	alias.url = ("/git" => "$(git --exec-path)/git-http-backend")
	cgi.assign = ("" => "")
	setenv.add-environment = (
		"GIT_PROJECT_ROOT" => "$SCRATCH/srv",
		"GIT_HTTP_EXPORT_ALL" => "1",
		"HOME" => "$HOME",
		"PATH" => "$PATH",
	)
	auth.backend = "plain"
	auth.backend.plain.userfile = "$SCRATCH/keys/passwords"
	auth.require = ("/git" => ("method" => "basic", "realm" => "git",
		"require" => "valid-user"))
	EOF
}

start_lighttpd() {
	have lighttpd && test -x "$(git --exec-path)/git-http-backend" ||
		return 1
	echo 'ada:lovelace-1815' >keys/passwords
	serve lighttpd "$(command -v lighttpd)" -D -f "$SCRATCH/lighttpd.conf" ||
		return 1
	export HTTP_HOST=127.0.0.1:$PORT HTTP_URL=http://127.0.0.1:$PORT/git
	echo "http://ada:lovelace-1815@$HTTP_HOST" >keys/credentials
	chmod 600 keys/credentials
}

if start_lighttpd; then
	t 'http: nobody gets in without a password' <<-'EOF'
	test_exit 128 env GIT_TERMINAL_PROMPT=0 git ls-remote \
		"$HTTP_URL/origin.git" </dev/null
	EOF

	t 'http: a password from a credential helper (store)' <<-'EOF'
	git config --global credential.helper \
		"store --file '$SCRATCH/keys/credentials'"
	git clone -q "$HTTP_URL/origin.git" by-http
	cd by-http
	exchange http
	timeout 60 git agent sync --background </dev/null
	EOF

	t 'http: a fresh clone, and a large record' <<-'EOF'
	git clone -q "$HTTP_URL/origin.git" by-http2
	cd by-http2
	git agent status >out
	test_grep 'by all ways' out
	test_grep 'from http' out
	head -c 700000 /dev/urandom | base64 -w 70 | git agent log done - 2>err
	test_grep pushed err
	exchange 'http again'
	EOF

	t 'http: a helper of the repository, for this address only' <<-'EOF'
	git config --global --unset credential.helper
	git clone -q srv/origin.git by-http3
	cd by-http3
	git config remote.origin.url "$HTTP_URL/origin.git"
	cat >"$HOME/helper" <<-'END'
	#!/bin/sh
	echo "$1" >>"$HOME/asked"
	test "$1" = get || exit 0
	echo username=ada
	echo password=lovelace-1815
	END
	chmod +x "$HOME/helper"
	git config "credential.http://$HTTP_HOST.helper" "$HOME/helper"
	exchange 'a helper'
	test_grep -x get "$HOME/asked"
	EOF

	t 'http: no password, and nobody is asked for one' <<-'EOF'
	cd by-http
	kept 'could not read Username\|Authentication failed'
	EOF

	t 'http: a wrong password; none is ever shown' <<-'EOF'
	cd by-http2
	# Not `store`, which forgets what was not accepted.
	printf '#!/bin/sh\necho username=ada\necho password=wrong-secret\n' \
		>"$HOME/wrong"
	chmod +x "$HOME/wrong"
	git config credential.helper "$HOME/wrong"
	kept 'Authentication failed'
	cat "$SCRATCH/err" "$SCRATCH/out" >said
	git config --unset credential.helper
	git config remote.origin.url \
		"http://ada:wrong-secret@$HTTP_HOST/git/origin.git"
	kept 'Authentication failed'
	cat "$SCRATCH/err" "$SCRATCH/out" >>said
	git agent sync --json >>said 2>&1 || test $? = 1
	git agent status --json >>said 2>&1 || test $? = 3
	test_no_grep wrong-secret said
	test_no_grep lovelace said
	EOF

	t 'http: the password in the address, insteadOf with a scheme' <<-'EOF'
	cd by-http2
	git config remote.origin.url web://origin.git
	git config "url.http://ada:lovelace-1815@$HTTP_HOST/git/.insteadOf" \
		web://
	exchange 'a password in the address'
	git for-each-ref --format='%(refname)' 'refs/agent*' >said
	git agent log --all --json --offline >>said
	test_no_grep lovelace-1815 said
	EOF

	t 'http: a repository that is not there' <<-'EOF'
	git config --global credential.helper \
		"store --file '$SCRATCH/keys/credentials'"
	cd by-http
	git config remote.origin.url "$HTTP_URL/nowhere.git"
	kept 'not found'
	EOF
else
	skip 'over http' "no lighttpd or no git-http-backend: $(
		tail -n 1 lighttpd.log 2>/dev/null | tr -d '#\r')"
fi

finish

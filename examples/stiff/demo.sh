#!/usr/bin/env bash
#
# A play: an agent works on the stiff problem in project/, claims to be done too
# early, is refused, is steered from another clone, and finishes.
#
# Usage: demo.sh [DIRECTORY]
# DIRECTORY must be new; without it one is made below $TMPDIR.  git-agent's
# executables must be on PATH.  Nothing outside the directory is touched.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
steering='switch to Kvaerno5'
patience=100		# seconds until the colleague gives up watching
watcher=''

die() {
	printf 'demo: %s\n' "$*" >&2
	exit 1
}

scene() {
	printf '\n== %s\n' "$*"
}

# Runs a command in one of the clones, shown as one would type it.
show() {	# CLONE COMMAND [ARG...]
	local clone=$1 line='' word

	shift
	for word; do
		[[ $word == *[[:space:]\*]* ]] && word="\"$word\""
		line+=" $word"
	done
	printf '%s$%s\n' "${clone:+$clone/ }" "$line"
	(cd "$root/$clone" && "$@")
}

# Whatever the user has set must not leak into the play, nor the play out.
isolate() {
	local name

	for name in $(git rev-parse --local-env-vars) \
	    "${!GIT_AUTHOR_@}" "${!GIT_COMMITTER_@}" "${!GIT_AGENT_@}"; do
		unset "$name"
	done
	mkdir "$root/home"
	export HOME=$root/home XDG_CONFIG_HOME=$root/home/.config
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
	export GIT_PAGER=cat PAGER=cat GIT_TERMINAL_PROMPT=0
}

new_directory() {
	if [[ -n ${1:-} ]]; then
		mkdir "$1" || die "'$1' must be a new directory"
	else
		set -- "$(mktemp -d "${TMPDIR:-/tmp}/git-agent-demo.XXXXXX")"
	fi
	root=$(cd "$1" && pwd -P)
}

clone() {	# NAME PERSON MAIL
	show '' git clone -q origin.git "$1"
	show "$1" git config user.name "$2"
	show "$1" git config user.email "$3"
}

make_repository() {
	scene "A repository with two clones: the agent's and a colleague's"
	show '' git init -q --bare -b main origin.git
	clone agent 'Claude (scripted)' agent@example.org 2>/dev/null
	git -C "$root/agent" symbolic-ref HEAD refs/heads/main
	cp -R "$here/project/." "$root/agent"
	show agent git add .
	show agent git commit -q -m 'Robertson: the problem and its reference'
	show agent git push -q -u origin main
	clone colleague 'Ada Lovelace' ada@example.org
}

# The settings that 'git agent init' wrote, with what this oracle needs.
configure() {
	local name

	awk '
	/^\[loop\]/ { print; print "    sync = 1s"; next }
	/^ *protect = / { print "    protect = oracle/ Makefile"; next }
	/^ *timeout = / { print "    timeout = 1m"; next }
	/^ *command = oracle/ {
		print "    build = make -s solver oracle/judge"
		print
		print "    sanity = ^comparison complete"
		next
	}
	{ print }'
	for name in y1 y2 y3; do
		cat <<-END

		[metric "$name"]
		    pattern = ^$name worst=(?<value>{num}) at=(?<at>{num})\$
		    unit = rel
		    direction = lower
		    target = 1e-4
		END
	done
}

brief() {
	local file=$root/agent/.gitagent

	scene "The brief, and the oracle that decides when it is met"
	show agent git agent init --oracle oracle/judge --goal "Integrate \
Robertson's problem to t = 1e11 in solver.c, in at most 500 steps: relative \
error below 1e-4 for all species at all 13 points."
	configure <"$file" >"$file.new"
	mv "$file.new" "$file"
	printf '(then edited: agent/.gitagent without its comments)\n'
	sed -e '/^#/d' -e '/./s/^/    /' "$file" | cat -s
	show agent git add -A
	show agent git commit -q -m 'Brief and oracle'
	show agent git push -q
}

refused() {
	[[ $(git agent status --json 2>/dev/null) =~ \"refusals\":\ *[1-9] ]]
}

# Ada, in her own clone: waits for a refused claim, then steers.
colleague() {
	cd "$root/colleague"
	while ((SECONDS < patience)); do
		git pull -q >/dev/null 2>&1 || true
		if refused; then
			printf '$ git pull -q; git agent status | grep …\n'
			git agent status | grep -E 'too early|FAIL'
			printf '$ git agent steer "%s"\n' "$steering"
			git agent steer "$steering"
			return
		fi
		sleep 0.5
	done
	printf 'no refusal seen; giving up\n'
	return 1
}

run_loop() {
	local agent

	scene "The loop: an agent in the foreground, Ada watching elsewhere"
	colleague > >(sed 's/^/[Ada, in colleague] /') 2>&1 &
	watcher=$!
	printf -v agent '%q' "$here/agent/scripted-agent"
	show agent git agent loop --max-iterations 6 --agent "$agent" ||
	    die "the loop ended with status $?"
	wait "$watcher" || die "the colleague did not steer"
	watcher=''
}

expect() {	# WHAT PATTERN
	if ! grep -Eq "$2" <<<"$status"; then
		die "the final status does not show $1 ($2)"
	fi
	printf 'it shows %s\n' "$1"
}

visit() {
	scene "A stranger's fresh clone shows it all"
	show '' git clone -q origin.git visitor
	status=$(show visitor git agent status) ||
	    die "the status is not complete"
	printf '%s\n\n' "$status"
	expect "the agreed end" 'DONE accepted at [0-9a-f]{7}'
	expect "the accuracy reached" 'PASS( +[0-9.]+e-0[5-9]){3}'
	expect "the failed approach" 'explicit Dormand-Prince'
	expect "and why it failed" 'because: Too stiff'
	expect "the steering" "done $steering"
	expect "who sent it" 'Ada Lovelace, sent'
	expect "that it was delivered" 'delivered .*[0-9]{4}-[0-9]{2}-[0-9]{2}'
	show visitor git log --oneline --notes='agent*' -2
}

farewell() {
	scene "All of it is in $root"
	cat <<-END
	    cd $root/visitor
	    git agent log
	    git agent steer --list
	    git agent log --render
	    git log --notes='agent*'
	    git log --glob='refs/agent*'
	END
}

clean_up() {
	if [[ -n $watcher ]]; then
		kill "$watcher" 2>/dev/null || true
		wait "$watcher" 2>/dev/null || true
	fi
}

command -v git-agent >/dev/null ||
    die "git-agent is not on PATH; run 'make' and add its build/bin"
(($# <= 1)) || die "usage: demo.sh [DIRECTORY]"
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
new_directory "$@"
isolate
make_repository
brief
run_loop
visit
farewell

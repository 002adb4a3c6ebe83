#!/usr/bin/env bash
# git agent: how a verb is found, and what all commands answer alike.
. "${0%/*}/lib.sh"

verbs='init log steer check loop status sync'

new_repo p

t 'git finds the command, and that finds the verb' <<'EOF'
	git -C p agent status --json >out
	jq -e '.stats.records == 0' out
	cd p
	git-agent status --json >../direct
	git-agent-status --json >../verb
	cd ..
	test_cmp out direct
	test_cmp out verb
EOF

t 'alone it shows the verbs, each of them' <<'EOF'
	git agent >out 2>err
	test_empty err
	for verb in $verbs; do
		test_grep -E "^   $verb +[a-z]" out
	done
EOF

t 'outside of a repository too, and from a subdirectory' <<'EOF'
	mkdir -p none p/deep
	git -C none agent >out
	test_grep '^usage: git agent <verb>' out
	git -C p/deep agent status 2>err
	test_grep 'no records' err
EOF

t 'arguments and the exit status pass through' <<'EOF'
	test_exit 129 git -C p agent log --no-such-option 2>err
	test_grep 'no-such-option' err
	test_exit 128 git -C none agent status 2>err
	test_exit 255 git -C p agent check 2>err
	git -C p agent log 'done' -- '--help is a word here' 2>err
	git -C p agent log >out
	test_grep -- '--help is a word here' out
EOF

t 'the verb beside the program wins over another on PATH' <<'EOF'
	mkdir other
	printf '#!/bin/sh\necho stranger\n' >other/git-agent-status
	printf '#!/bin/sh\necho "extra $*"\nexit 7\n' >other/git-agent-extra
	chmod +x other/*
	PATH=$PWD/other:$PATH
	git -C p agent status >out 2>err
	test_no_grep stranger out
	test_exit 7 git -C p agent extra one 'two three' >out
	test_grep '^extra one two three$' out
EOF

t 'it works by a link to it, and with a relative path' <<'EOF'
	mkdir linked
	ln -s "$B/bin/git-agent" linked/git-agent
	cd p
	PATH=/usr/bin:/bin ../linked/git-agent status 2>err
	test_grep 'no record\|records' err || true
	../linked/git-agent status --json >out
	jq -e .stats out
EOF

# The templates lie beside the program, which finds itself by /proc.
mkdir -p inst/bin inst/share/git-agent links
cp "$B"/bin/git-agent* inst/bin
cp -r "$ROOT/share/templates" inst/share/git-agent
echo 'from beside the program' >>inst/share/git-agent/templates/CLAUDE.md
ln -s ../inst/bin/git-agent-init links/git-agent-init

# init_as PROGRAM: `git agent init`, called so, takes those templates.
init_as() {
	git init -q i
	(cd i && "$@" --goal 'reach 1e-4')
	grep '^from beside the program$' i/CLAUDE.md
	rm -rf i
}

# as_called: in each way.  On PATH a folder of that name comes first, and a
# file that cannot be executed.
as_called() {
	local at=$TEST_SCRATCH
	local other=$at/folder:$at/plain
	mkdir -p folder/git-agent-init plain
	echo stranger >plain/git-agent-init
	init_as "$at/inst/bin/git-agent-init"
	init_as ../inst/bin/git-agent-init
	init_as ../links/git-agent-init
	PATH=$other:$at/inst/bin:$PATH init_as git-agent-init
	PATH=$other:$at/links:$PATH init_as git-agent-init
	PATH=$at/inst/bin:$PATH init_as git agent init
	init_as ../inst/bin/git-agent init
}
export -f init_as as_called

t 'the templates beside the program are found however it is called' <<'EOF'
	as_called
EOF

# In a mount namespace of its own.
case $(ldd "$B/bin/git-agent-init" 2>/dev/null) in
*libasan*)
	skip 'also where there is no /proc' 'the sanitizers need it' ;;
*)
	if unshare -rm mount -t tmpfs none /proc 2>/dev/null; then
		t 'also where there is no /proc' <<-'EOF'
		unshare -rm bash -ec 'mount -t tmpfs none /proc
			test ! -e /proc/self/exe
			as_called'
		EOF
	else
		skip 'also where there is no /proc' \
			"'unshare -rm' cannot hide it here"
	fi ;;
esac

t 'an unknown verb: exit 1, and the one that was probably meant' <<'EOF'
	for pair in statsu:status lgo:log stear:steer chekc:check snyc:sync; do
		test_exit 1 git agent "${pair%:*}" >out 2>err
		test_empty out
		test_grep "'${pair%:*}' is not a git-agent verb; did you mean '${pair#*:}'?" err
	done
	test_exit 1 git agent frobnicate 2>err
	test_grep "'git agent' lists them" err
	test_exit 1 git agent '' 2>err
	test_exit 1 git agent ../p 2>err
	test_exit 1 git agent -- statsu 2>err
	test_grep "did you mean 'status'?" err
EOF

t 'an unknown verb with control bytes is shown cleaned' <<'EOF'
	test_exit 1 git agent "$(printf 'a\033[2Jb')" 2>err
	test_no_grep -P '\x1b' err
	test_grep -F 'a^[[2Jb' err
EOF

t 'a verb that is not installed is told from one that does not exist' <<'EOF'
	mkdir alone
	cp "$B/bin/git-agent" alone
	PATH=/usr/bin:/bin test_exit 1 alone/git-agent status 2>err
	test_grep "'git-agent-status' is not installed" err
EOF

t 'an option that is none: exit 129 and the usage' <<'EOF'
	test_exit 129 git-agent --frobnicate >out 2>err
	test_empty out
	test_grep "unknown option '--frobnicate'" err
	test_grep '^usage: git agent <verb>' err
EOF

t '-h of every command: usage and options, on standard output' <<'EOF'
	for verb in $verbs; do
		git agent $verb -h >out 2>err
		test_empty err
		test_grep "^usage: git agent $verb" out
		git-agent-$verb -h >direct
		test_cmp out direct
		# behind other arguments as well
		git agent $verb --no-such-option -h >late 2>err
		test_cmp out late
		awk 'length > 80 { print; exit 1 }' out
	done
	git-agent -h >out
	test_grep '^usage: git agent <verb>' out
	git-agent-hook -h >out
	test_grep -i usage out
EOF

t '--help opens the manual page, and without one does as -h' <<'EOF'
	mkdir man
	printf '#!/bin/sh\necho "man $*"\n' >man/man
	chmod +x man/man
	for verb in $verbs; do
		PATH=$PWD/man:$PATH git-agent-$verb --help >out
		test_grep "^man git-agent-$verb\$" out
		PATH=$PWD/man:$PATH git agent help $verb >out
		test_grep "^man git-agent-$verb\$" out
	done
	PATH=$PWD/man:$PATH git-agent --help >out
	test_grep '^man git-agent$' out
	PATH=$PWD/man:$PATH git agent help >out
	test_grep '^man git-agent$' out
	printf '#!/bin/sh\nexit 16\n' >man/man
	for verb in $verbs; do
		PATH=$PWD/man:$PATH git-agent-$verb --help >out
		test_grep "^usage: git agent $verb" out
	done
	PATH=$PWD/man:$PATH git agent help >out
	test_grep '^usage: git agent <verb>' out
	PATH=$PWD/man:$PATH test_exit 128 git agent help status 2>err
	test_grep "try 'git agent status -h'" err
	PATH=$PWD/man:$PATH test_exit 1 git agent help statsu 2>err
	test_grep "did you mean 'status'?" err
	test_exit 1 git agent help ../../etc/passwd 2>err
EOF

t '--version of every command' <<'EOF'
	git-agent --version >out
	test_grep -E '^git-agent version [0-9]+\.[0-9]+\.[0-9]+' out
	for verb in $verbs hook; do
		git-agent-$verb --version >version
		test_cmp out version
	done
EOF

t 'usage errors exit 129 everywhere, name what is wrong, and print nothing else' <<'EOF'
	for verb in $verbs; do
		test_exit 129 git -C p agent $verb --frobnicate >out 2>err
		test_empty out
		test_grep "^error: unknown option '--frobnicate'" err
		test_grep "^usage: git agent $verb" err
		test_exit 129 git -C p agent $verb -% 2>err
		test_grep "unknown option '-%'" err
	done
	test_exit 129 git -C p agent init --goal 2>err
	test_grep "'--goal' needs a value (TEXT)" err
	test_exit 129 git -C p agent status --jsn 2>err
	test_grep "did you mean '--json'?" err
	test_exit 129 git -C p agent status --json=yes 2>err
	test_grep "'--json' takes no value" err
	test_exit 129 git -C p agent check --no- 2>err
	test_grep 'ambiguous' err
EOF

t 'beginnings of long options, flags taken back' <<'EOF'
	git -C p agent status --js >out
	jq -e . out
	git -C p agent status --json --no-json >out 2>err
	test_no_grep '^{' out
EOF

t 'standard output closed or full is an error' <<'EOF'
	test_exit 128 git-agent >/dev/full 2>err
	test_grep 'cannot write' err
	test_exit 128 git-agent-status -h >&- 2>err
EOF

# libgit2 of Debian 12; another build may use other libraries.
if ! have ldd; then
	skip 'what the commands load' 'there is no ldd'
elif ldd "$B/bin/git-agent-log" | grep -q libgit2 && ! have nm; then
	skip 'what the commands load' 'there is no nm'
else
	t 'no command loads or starts the TLS and SSH that libgit2 would' <<'EOF'
		ldd "$B/bin/git-agent-log" >objects
		if ! grep libgit2 objects; then
			test_no_grep -E 'mbed|ssh|ssl|crypto|krb5|http' objects
			exit 0
		fi
		nm -D "$B/bin/git-agent-log" >symbols
		for f in mbedtls_x509_crt_parse_file mbedtls_ctr_drbg_seed \
			mbedtls_entropy_init mbedtls_entropy_free libssh2_init
		do
			test_grep " T $f\$" symbols
		done
EOF
fi

finish

#!/usr/bin/env bash
# bash, zsh and fish complete the commands, from the programs' own tables.
. "${0%/*}/lib.sh"

# What make install would put in place, found by the shells from there.
share=$SCRATCH/share
bash_dir=$share/bash-completion/completions
mkdir -p "$bash_dir" "$share/fish" "$HOME/.config/fish/conf.d"
cp "$ROOT/completions/bash/git-agent" "$bash_dir"
cp "$ROOT"/completions/fish/*.fish "$share/fish"
cp "$ROOT"/completions/fish/conf.d/* "$HOME/.config/fish/conf.d"
for verb in init log steer check loop status sync; do
	ln -s git-agent "$bash_dir/git-agent-$verb"
	ln -s git-agent.fish "$share/fish/git-agent-$verb.fish"
done
new_repo project
git -C project tag v7-milestone
cd project || bail 'no project'

# in_bash LINE: what bash offers at the end of the line, one a line.
in_bash() {
	local - && set +x
	XDG_DATA_HOME=$share BASH_COMPLETION_USER_DIR=$share/bash-completion \
	    bash --norc -c '
		. /usr/share/bash-completion/bash_completion
		COMP_LINE=$1
		COMP_POINT=${#COMP_LINE}
		read -ra COMP_WORDS <<<"$COMP_LINE"
		[[ $COMP_LINE != *" " ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		compopt() { :; }
		_completion_loader "${COMP_WORDS[0]}"
		how=$(complete -p "${COMP_WORDS[0]}") || exit
		how=${how#* -F }
		"${how%% *}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}"
		printf "%s\n" "${COMPREPLY[@]}"' bash "$1"
}

# in_zsh LINE: what zsh lists, in a pseudo-terminal.
in_zsh() {
	local - && set +x
	cat >"$SCRATCH/.zshrc" <<-END
		fpath=($ROOT/completions/zsh \$fpath)
		autoload -U compinit
		compinit -u -d $SCRATCH/.zcompdump
		LISTMAX=0
		list() { zle list-choices; zle -R; print -n '<end>'; }
		zle -N list
		bindkey '^I' list
		stty cols 200
		PS1='<ready>'
	END
	# shellcheck disable=SC2016 # zsh's own variables
	ZDOTDIR=$SCRATCH zsh -f -c '
		zmodload zsh/zpty
		zpty z zsh -i
		zpty -r -m z line "*<ready>*"
		zpty -w -n z "$1"$2
		zpty -r -m z line "*<end>*"
		print -r -- "$line"
		zpty -d z' zsh "$1" $'\t'
}

# in_fish LINE
in_fish() {
	local - && set +x
	# shellcheck disable=SC2016 # fish's own variables
	fish -i -c 'set -p fish_complete_path $argv[1]
		complete -C $argv[2]' "$share/fish" "$1" </dev/null
}

# offers SHELL LINE WORD…: each is offered, at the start of a word.
offers() {
	local shell=$1 line=$2 word
	shift 2
	"in_$shell" "$line" >offered 2>&1
	for word; do
		test_grep -E "(^|[[:blank:]])$word" offered
	done
}

for shell in bash zsh fish; do
	if ! have $shell; then
		skip "completion in $shell" "no $shell"
		continue
	fi
	export shell
	t "$shell: git agent VERB" <<'EOF'
		offers $shell 'git agent ' init log check
EOF
	t "$shell: git agent VERB OPTION" <<'EOF'
		offers $shell 'git agent log --' --grep --json
		offers $shell 'git agent status --' --json --offline
EOF
	t "$shell: git agent log KIND" <<'EOF'
		offers $shell 'git agent log ' 'done' failed milestone
		offers $shell 'git agent log f' failed
		test_no_grep milestone offered
EOF
	t "$shell: git-agent-VERB" <<'EOF'
		offers $shell 'git-agent-log --' --grep --json
		offers $shell 'git-agent-status --' --offline
		offers $shell 'git-agent ' init log check
EOF
	t "$shell: a beginning is completed" <<'EOF'
		in_$shell 'git agent stat' >offered
		test_grep status offered
		test_no_grep steer offered
EOF
done

for shell in bash zsh; do
	have $shell || continue
	export shell
	t "$shell: git agent check REVISION" <<'EOF'
		offers $shell 'git agent check v7' v7-milestone
EOF
done

t 'every command is completed in all three' <<'EOF'
	for program in "$B"/bin/git-agent*; do
		for dir in bash zsh fish; do
			grep -rqE "${program##*/}([^-a-z]|\$)" \
				"$ROOT/completions/$dir"
		done
	done
EOF

finish

# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for aclctl(8)

_aclctl_options() {
	case $1 in
	load) echo --inventory --interface --backend --dry-run --json ;;
	restore) echo --json ;;
	check) echo --inventory --print --json ;;
	test) echo --inventory --json ;;
	can) echo --policy --inventory --batch --json ;;
	trace)
		echo --policy --inventory --syn --ack --rst --fin --frag --sport --packet --pcap \
			--interface --direction --from --judged --json
		;;
	flows) echo --device --json ;;
	monitor) echo --device --count --json ;;
	devices) echo --json ;;
	approve) echo --inventory --name --json ;;
	status) echo --json ;;
	guard) echo --interface ;;
	unload) echo --open ;;
	esac
}

_aclctl_interfaces() {
	local path
	for path in /sys/class/net/*; do
		echo "${path##*/}"
	done
}

# What may stand behind an option, or nothing where anything may; fails behind what takes no value.
_aclctl_values() {
	case $1 in
	--interface) _aclctl_interfaces ;;
	--from) echo self && _aclctl_interfaces ;;
	--backend) echo auto bpf nft ;;
	--print) echo table nft ;;
	--direction) echo ingress egress ;;
	--frag) echo first later ;;
	--device | --count | --sport | --packet | --name) ;;
	*) return 1 ;;
	esac
}

_aclctl_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_aclctl_words() {
	mapfile -t COMPREPLY < <(compgen -W "$2" -- "$1")
}

_aclctl() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} values
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		_aclctl_words "$current" "load restore check test can trace flows monitor devices approve \
			status guard unload --help --version"
	elif [[ $previous == --inventory || $previous == --policy || $previous == --pcap ]]; then
		_aclctl_files "$current"
	elif values=$(_aclctl_values "$previous"); then
		_aclctl_words "$current" "$values"
	elif [[ $current == -* ]]; then
		_aclctl_words "$current" "$(_aclctl_options "$command") --help"
	elif [ "$command" = guard ]; then
		_aclctl_words "$current" "on off"
	elif [[ $command == load || $command == check || $command == test ]]; then
		_aclctl_files "$current"
	fi
}

complete -F _aclctl aclctl

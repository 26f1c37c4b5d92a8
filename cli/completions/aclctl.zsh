#compdef aclctl
# SPDX-License-Identifier: GPL-2.0-or-later
# zsh completion for aclctl(8)

_aclctl_commands() {
	local -a commands=(
		'load:check a policy, then enforce it'
		'restore:load what was loaded last again'
		'check:parse, resolve and compile a policy and run its tests'
		'test:run the tests of a policy and show each'
		'can:may one open a connection to another?'
		'trace:what the loaded programs would do with a packet'
		'flows:the connections that the gate knows'
		'monitor:what is opened and dropped, as it happens'
		'devices:the devices, and the peers that are pending'
		'approve:admit a pending WireGuard peer'
		'status:what is enforced, and what was dropped'
		'guard:keep shut what no program judges, or open it'
		'unload:detach the programs'
	)
	_describe command commands
}

_aclctl() {
	local curcontext=$curcontext state line
	local json='--json[print JSON]' help='(- *)--help[print usage]'
	local inventory='--inventory[devices and hosts]:file:_files'
	local policy='--policy[ask this policy]:file:_files'
	local interface='--interface[interface]:interface:_net_interfaces'
	local device='--device[only of this device]:device:'

	_arguments -C '(- *)--help[print usage]' '(- *)--version[print the version]' \
		'1:command:_aclctl_commands' '*::argument:->arguments'
	[[ $state == arguments ]] || return
	case $words[1] in
	load)
		_arguments $help $inventory $interface '--backend[who enforces]:backend:(auto bpf nft)' \
			'--dry-run[check only, change nothing]' $json '1:policy:_files'
		;;
	restore) _arguments $help $json ;;
	check)
		_arguments $help $inventory '--print[what the kernel would see]:what:(table nft)' $json \
			'1:policy:_files'
		;;
	test) _arguments $help $inventory $json '1:policy:_files' ;;
	can) _arguments $help $policy $inventory '--batch[read lines of standard input]' $json ;;
	trace)
		_arguments $help $policy $inventory $interface $json \
			'--syn[TCP that opens a connection]' '--ack[TCP that acknowledges]' \
			'--rst[TCP that resets]' '--fin[TCP that ends]' \
			'--frag[only a fragment]:which:(first later)' '--sport[source port]:port:' \
			'--packet[this packet]:hex:' '--pcap[these packets]:file:_files' \
			'--direction[seen from the interface]:way:(ingress egress)' \
			'--from[where it came in]:interface:{ compadd self; _net_interfaces }' \
			'--judged[a guarded interface let it in]'
		;;
	flows) _arguments $help $device $json ;;
	monitor) _arguments $help $device '--count[end after so many events]:number:' $json ;;
	devices) _arguments $help $json ;;
	approve) _arguments $help $inventory '--name[its name]:name:' $json '1:key:' ;;
	status) _arguments $help $json ;;
	guard) _arguments $help $interface '1:state:(on off)' ;;
	unload) _arguments $help '--open[open the gate]' ;;
	esac
}

_aclctl "$@"

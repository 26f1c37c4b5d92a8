# SPDX-License-Identifier: GPL-2.0-or-later
# fish completion for aclctl(8)

function __aclctl_interfaces
    for path in /sys/class/net/*
        string replace --regex '.*/' '' $path
    end
end

function __aclctl_begins
    test (count (commandline --tokenize --cut-at-cursor --current-process)) -eq 1
end

complete -c aclctl -f
complete -c aclctl -n __aclctl_begins -l help -d 'print usage'
complete -c aclctl -n __aclctl_begins -l version -d 'print the version'
complete -c aclctl -n __aclctl_begins -a load -d 'check a policy, then enforce it'
complete -c aclctl -n __aclctl_begins -a restore -d 'load what was loaded last again'
complete -c aclctl -n __aclctl_begins -a check -d 'parse, resolve and compile a policy and run its tests'
complete -c aclctl -n __aclctl_begins -a test -d 'run the tests of a policy and show each'
complete -c aclctl -n __aclctl_begins -a can -d 'may one open a connection to another?'
complete -c aclctl -n __aclctl_begins -a trace -d 'what the loaded programs would do with a packet'
complete -c aclctl -n __aclctl_begins -a flows -d 'the connections that the gate knows'
complete -c aclctl -n __aclctl_begins -a monitor -d 'what is opened and dropped, as it happens'
complete -c aclctl -n __aclctl_begins -a devices -d 'the devices, and the peers that are pending'
complete -c aclctl -n __aclctl_begins -a approve -d 'admit a pending WireGuard peer'
complete -c aclctl -n __aclctl_begins -a status -d 'what is enforced, and what was dropped'
complete -c aclctl -n __aclctl_begins -a guard -d 'keep shut what no program judges, or open it'
complete -c aclctl -n __aclctl_begins -a unload -d 'detach the programs'

complete -c aclctl -n 'not __aclctl_begins' -l help -d 'print usage'
complete -c aclctl -n '__fish_seen_subcommand_from load check test' -F
complete -c aclctl -n '__fish_seen_subcommand_from guard' -a 'on off'

complete -c aclctl -n '__fish_seen_subcommand_from load restore check test can trace flows monitor devices approve status' -l json -d 'print JSON'
complete -c aclctl -n '__fish_seen_subcommand_from load check test can trace approve' -l inventory -r -F -d 'devices and hosts'
complete -c aclctl -n '__fish_seen_subcommand_from load trace guard' -l interface -x -a '(__aclctl_interfaces)' -d interface
complete -c aclctl -n '__fish_seen_subcommand_from can trace' -l policy -r -F -d 'ask this policy'
complete -c aclctl -n '__fish_seen_subcommand_from flows monitor' -l device -x -d 'only of this device'

complete -c aclctl -n '__fish_seen_subcommand_from load' -l backend -x -a 'auto bpf nft' -d 'who enforces'
complete -c aclctl -n '__fish_seen_subcommand_from load' -l dry-run -d 'check only, change nothing'
complete -c aclctl -n '__fish_seen_subcommand_from check' -l print -x -a 'table nft' -d 'what the kernel would see'
complete -c aclctl -n '__fish_seen_subcommand_from can' -l batch -d 'read lines of standard input'
complete -c aclctl -n '__fish_seen_subcommand_from trace' -l syn -d 'TCP that opens a connection'
complete -c aclctl -n '__fish_seen_subcommand_from trace' -l ack -d 'TCP that acknowledges'
complete -c aclctl -n '__fish_seen_subcommand_from trace' -l rst -d 'TCP that resets'
complete -c aclctl -n '__fish_seen_subcommand_from trace' -l fin -d 'TCP that ends'
complete -c aclctl -n '__fish_seen_subcommand_from trace' -l frag -x -a 'first later' -d 'only a fragment'
complete -c aclctl -n '__fish_seen_subcommand_from trace' -l sport -x -d 'source port'
complete -c aclctl -n '__fish_seen_subcommand_from trace' -l packet -x -d 'this packet'
complete -c aclctl -n '__fish_seen_subcommand_from trace' -l pcap -r -F -d 'these packets'
complete -c aclctl -n '__fish_seen_subcommand_from trace' -l direction -x -a 'ingress egress' -d 'seen from the interface'
complete -c aclctl -n '__fish_seen_subcommand_from trace' -l from -x -a 'self (__aclctl_interfaces)' -d 'where it came in'
complete -c aclctl -n '__fish_seen_subcommand_from trace' -l judged -d 'a guarded interface let it in'
complete -c aclctl -n '__fish_seen_subcommand_from monitor' -l count -x -d 'end after so many events'
complete -c aclctl -n '__fish_seen_subcommand_from approve' -l name -x -d 'its name'
complete -c aclctl -n '__fish_seen_subcommand_from unload' -l open -d 'open the gate'

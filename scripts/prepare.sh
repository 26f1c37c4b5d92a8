# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# To be sourced by scripts/demo and scripts/test: what a fresh Debian 12 lacks, and the build.
# Expects REPOSITORY and `set -euo pipefail`.
# shellcheck disable=SC2034 # the lists are for the scripts that source this

# Each is PACKAGE, or PACKAGE=FILE where another package may provide the same: then the file, or
# the command of that name, is enough.
readonly BUILD_PACKAGES=(
	gcc libc6-dev pkg-config meson ninja-build
	clang=clang llvm=llvm-strip bpftool=bpftool
	libbpf-dev libelf-dev libmnl-dev libnftnl-dev libpcap-dev libcjson-dev libmd-dev
	libmicrohttpd-dev libsystemd-dev libseccomp-dev check
)
readonly NETWORK_PACKAGES=(
	iproute2=ip nftables=nft python3 wireguard-tools=wg curl=curl
)
readonly TEST_PACKAGES=(
	nmap=nmap tcpdump=tcpdump npm=npm python3-jsonschema libclang-rt-14-dev
	debhelper scdoc=scdoc git=git lintian=lintian man-db=man systemd=systemd-analyze fish=fish zsh=zsh
	qemu-system-x86=qemu-system-x86_64 busybox-static=busybox cpio=cpio kmod=depmod
)
readonly MACHINE_PACKAGES=(
	qemu-system-x86=qemu-system-x86_64 busybox-static=busybox cpio=cpio kmod=depmod
	mmdebstrap debian-archive-keyring e2fsprogs=mke2fs xz-utils=xz git=git debhelper scdoc=scdoc
)

die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

need_root() {
	[ "$(id -u)" -eq 0 ] || die "needs root: sudo $0"
}

has_package() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Prints those of the given packages that are missing.
missing_packages() {
	local entry
	for entry in "$@"; do
		case $entry in
		*=*) command -v "${entry#*=}" >/dev/null || echo "${entry%%=*}" ;;
		*) has_package "$entry" || echo "$entry" ;;
		esac
	done
}

apt_get() {
	local log=$REPOSITORY/build/apt.log
	mkdir -p "$REPOSITORY/build"
	DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >>"$log" 2>&1 </dev/null ||
		die "apt-get $1 failed; the end of $log: $(tail -n 3 "$log")"
}

install_missing() {
	local missing
	mapfile -t missing < <(missing_packages "$@")
	[ "${#missing[@]}" -gt 0 ] || return 0
	echo "installing: ${missing[*]}"
	apt_get update
	apt_get install --yes --no-install-recommends "${missing[@]}"
}

# wireguard-go only where the kernel cannot do it.
wireguard_packages() {
	if ip link add aclgate-probe type wireguard 2>/dev/null; then
		ip link delete aclgate-probe
	else
		echo wireguard-go=wireguard-go
	fi
}

# Programs and maps are kept here; systemd mounts it, a container may not.
mount_bpffs() {
	mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
}

# Options of meson are for a build/ that is new, and for one that exists.
configure_build() {
	local again=()
	if [ -e "$REPOSITORY/build/build.ninja" ]; then
		[ "$#" -gt 0 ] || return 0
		again=(--reconfigure)
	fi
	meson setup "${again[@]}" "$@" "$REPOSITORY/build" "$REPOSITORY"
}

build_programs() {
	local log=$REPOSITORY/build/build.log
	mkdir -p "$REPOSITORY/build"
	if ! { configure_build "$@" && ninja -C "$REPOSITORY/build"; } >"$log" 2>&1; then
		tail -n 40 "$log" >&2
		die "the build failed; all of it is in $log"
	fi
}

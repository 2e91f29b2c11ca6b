# First line of the scripts in this folder: a mount namespace of their own.
if [ "$(id -u)" = 0 ] && [ -z "${KILN_FAULT_NS:-}" ]; then
	KILN_FAULT_NS=1
	export KILN_FAULT_NS
	exec unshare -m -- sh "$0" "$@"
fi
[ -w /dev/shm ] && TMPDIR=${TMPDIR:-/dev/shm} && export TMPDIR

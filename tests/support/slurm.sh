# A Slurm of its own for a test: munge, slurmctld and three nodes, each in a
# network and a process namespace; everything but those as nobody.  Sourced
# inside `unshare -n`, after lib.sh; $work is a folder that nobody owns.
export SLURM_CONF=$work/slurm/slurm.conf
server=10.88.0.1
nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
as() { $nobody "$@"; } # not in the background: that pid would be a shell's

slurm_files() {
	host=$(hostname)
	as mkdir -p "$work/slurm/run" "$work/slurm/log" "$work/slurm/state" \
	    "$work/slurm/empty" "$work/slurm/key" &&
	    chmod 700 "$work/slurm/key" && chmod 711 "$work/slurm/run" &&
	    as sh -c 'umask 077; head -c 128 /dev/urandom >"$1"' sh \
		"$work/slurm/key/munge.key" &&
	    chmod 400 "$work/slurm/key/munge.key" &&
	    printf 'CgroupPlugin=cgroup/v1\nCgroupMountpoint=%s\n' \
		"$work/slurm/empty" >"$work/slurm/cgroup.conf" &&
	    cat >"$SLURM_CONF" <<-END
		ClusterName=kiln
		SlurmctldHost=$host($server)
		SlurmctldPort=16817
		SlurmUser=nobody
		SlurmdUser=nobody
		AuthType=auth/munge
		AuthInfo=socket=$work/slurm/run/munge.sock
		StateSaveLocation=$work/slurm/state
		SlurmdSpoolDir=$work/slurm/spool.%n
		SlurmctldPidFile=$work/slurm/ctld.pid
		SlurmdPidFile=$work/slurm/slurmd.%n.pid
		SlurmctldLogFile=$work/slurm/log/ctld.log
		SlurmdLogFile=$work/slurm/log/slurmd.%n.log
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/none
		MpiDefault=none
		JobAcctGatherType=jobacct_gather/linux
		JobAcctGatherFrequency=2
		JobAcctGatherParams=OverMemoryKill
		SelectType=select/cons_tres
		SelectTypeParameters=CR_CPU_Memory
		DefMemPerCPU=256
		SchedulerParameters=batch_sched_delay=0,sched_interval=1
		SlurmdParameters=config_overrides
		ReturnToService=2
		SlurmdTimeout=3
		MessageTimeout=2
		TCPTimeout=1
		KillWait=2
		MinJobAge=3600
		NodeName=DEFAULT CPUs=4 RealMemory=6000 State=UNKNOWN
		NodeName=n1 NodeAddr=10.88.0.11 NodeHostname=$host Port=16821 Feature=amd64,intel
		NodeName=n2 NodeAddr=10.88.0.12 NodeHostname=$host Port=16822 Feature=amd64,amd
		NodeName=n3 NodeAddr=10.88.0.13 NodeHostname=$host Port=16823 Feature=amd64,intel
		PartitionName=build Nodes=n1,n2,n3 Default=YES MaxTime=INFINITE State=UP
	END
}
slurm_network() {
	ip link set lo up && ip link add br0 type bridge &&
	    ip address add $server/24 dev br0 && ip link set br0 up || return 1
	for n in 1 2 3; do
		unshare -n sleep 100000 &
		pid=$!
		pids="$pids $pid"
		eval "net$n=$pid"
		for _ in $(seq 50); do
			[ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break
			sleep 0.1
		done
		ip link add v$n type veth peer name eth0 netns $pid &&
		    ip link set v$n master br0 up &&
		    nsenter -n -t $pid ip link set lo up &&
		    nsenter -n -t $pid ip address add 10.88.0.1$n/24 dev eth0 &&
		    nsenter -n -t $pid ip link set eth0 up || return 1
	done
}
munge_up() {
	$nobody munged --foreground --force --key-file="$work/slurm/key/munge.key" \
	    --socket="$work/slurm/run/munge.sock" --pid-file="$work/slurm/run/munge.pid" \
	    --log-file="$work/slurm/log/munge.log" --seed-file="$work/slurm/run/munge.seed" \
	    >>"$work/slurm/log/munge.out" 2>&1 &
	pids="$pids $!"
	until_ok 10 test -S "$work/slurm/run/munge.sock"
}
ctld_up() {
	$nobody slurmctld -D >>"$work/slurm/log/ctld.out" 2>&1 &
	ctld=$!
	pids="$pids $ctld"
}
ctld_kill() { kill -9 "$ctld"; }
# A node's slurmd is the first process of its pid namespace: killed, all of it
# is gone at once, as without power.
node_up() { # N
	eval "pid=\$net$1"
	# shellcheck disable=SC2086
	nsenter -n -t "$pid" unshare --pid --fork --mount-proc $nobody \
	    slurmd -D -N "n$1" >>"$work/slurm/log/n$1.out" 2>&1 &
	parent=$!
	child=
	for _ in $(seq 50); do
		child=$(cat "/proc/$parent/task/$parent/children" 2>/dev/null)
		[ -n "$child" ] && break
		sleep 0.1
	done
	child=${child%% *}
	eval "node$1=\$child"
	pids="$pids $child $parent"
	[ -n "$child" ]
}
node_power_loss() { eval "kill -9 \$node$1"; }
node_cut() { ip link set "v$1" down; }
node_join() { ip link set "v$1" up; }
idle() { [ "$(as sinfo -h -N -o %T 2>/dev/null | grep -cx idle)" = "$1" ]; }
slurm_up() {
	slurm_files && slurm_network && munge_up && ctld_up &&
	    node_up 1 && node_up 2 && node_up 3 && until_ok 15 idle 3
}

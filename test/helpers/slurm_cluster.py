"""A Slurm of its own on this machine: two nodes with one task each, in a temporary directory."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
START_SEC = 60
CONFIG = """
ClusterName=moeasr
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
AuthType=auth/none
CredType=cred/none
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
JobAcctGatherType=jobacct_gather/none
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
MinJobAge=30
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 GraceTime=90 MaxTime=60
PartitionName=high Nodes=ALL PriorityTier=10 MaxTime=60
"""


def why_not() -> str | None:
    """Return why this machine cannot run a Slurm; None if it can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=search_path()) is None]
    if missing:
        return f"Slurm is not installed: there is no {', '.join(missing)}"
    return None if os.geteuid() == 0 else "only root may run Slurm's daemons"


def search_path() -> str:
    """Return PATH with the directory of daemons."""
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


@contextmanager
def slurm_cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Start a cluster with the partitions `low` and `high`, whose jobs pre-empt those of `low`.

    At the end, all jobs and daemons are gone.

    Yields:
        The environment variables for Slurm's programs.

    Raises:
        RuntimeError: The cluster does not start.
    """
    (folder / "state").mkdir(parents=True)
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        ports = [listener.getsockname()[1] for listener in sockets]
    host = socket.gethostname().partition(".")[0]
    text = CONFIG.format(folder=folder, host=host, user="root", ports=ports)
    (folder / "slurm.conf").write_text(text)
    environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": search_path()}
    whole = {**os.environ, **environment}
    daemons = []
    try:
        for command in (
            ["slurmctld", "-D"],
            ["slurmd", "-D", "-N", "n1"],
            ["slurmd", "-D", "-N", "n2"],
        ):
            daemons.append(
                subprocess.Popen(
                    command,
                    env=whole,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
        _wait_until_idle(whole, folder)
        yield environment
    finally:
        _end(daemons, whole)


def _wait_until_idle(environment: dict[str, str], folder: Path) -> None:
    deadline = time.monotonic() + START_SEC
    while time.monotonic() < deadline:
        command = ["sinfo", "--noheader", "--partition", "low", "--format", "%D %T"]
        shown = subprocess.run(command, env=environment, capture_output=True, text=True)
        if shown.stdout.split() == ["2", "idle"]:
            return
        time.sleep(0.2)
    logs = "".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.log")))
    raise RuntimeError(f"Slurm does not start:\n{logs}")


def _end(daemons: list[subprocess.Popen], environment: dict[str, str]) -> None:
    """Cancel all jobs, and end the daemons with everything that they have started."""
    cancel = ["scancel", "--full", "--signal=KILL", "--state=RUNNING", "--user=root"]
    for command in (cancel, ["scancel", "--user=root"]):
        subprocess.run(command, env=environment, capture_output=True, timeout=60)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        shown = subprocess.run(["squeue", "-h"], env=environment, capture_output=True, timeout=60)
        if not shown.stdout.strip():
            break
        time.sleep(0.2)
    for daemon in reversed(daemons):
        daemon.send_signal(signal.SIGTERM)
    for daemon in daemons:
        try:
            daemon.wait(30)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
    for pid in _of_this_cluster(environment["SLURM_CONF"]):
        os.kill(pid, signal.SIGKILL)


def _of_this_cluster(config: str) -> Iterator[int]:
    """Yield the processes whose environment names the cluster, such as slurmstepd and its jobs."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = path.read_bytes().split(b"\0")
        except OSError:  # the process has just ended
            continue
        if f"SLURM_CONF={config}".encode() in variables and int(path.parent.name) != os.getpid():
            yield int(path.parent.name)

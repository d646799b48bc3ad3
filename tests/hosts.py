"""Hosts of a test: network namespaces with an address and an sshd each, joined by a bridge."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

SSHD = "/usr/sbin/sshd"
NETWORK = "10.213.77"


def command(line: str) -> str:
    return subprocess.run(line.split(), check=True, capture_output=True, text=True).stdout


class Hosts:
    """Hosts a, b ... whose programs reach each other by network and by ssh alone, though they have one disk."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self.names = folder, [f"ramo-{'abc'[i]}" for i in range(number)]
        self.addresses = [f"{NETWORK}.{i + 1}" for i in range(number)]
        self.identity = folder / "id"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.identity)], check=True)
        for private in (folder / "id", folder / "id.pub"):
            private.chmod(0o600)
        ssh = folder / "bin" / "ssh"  # horovodrun finds it first; it leaves the user's known hosts alone
        ssh.parent.mkdir()
        quiet = "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        noticing = "-o ConnectTimeout=5 -o ServerAliveInterval=5 -o ServerAliveCountMax=2"  # a link that is cut
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} {quiet} {noticing} -i {self.identity} "$@"\n')
        ssh.chmod(0o755)

    def start(self) -> None:
        """Raises CalledProcessError where this machine does not let namespaces be made."""
        command("ip link add ramo-br type bridge")
        command("ip link set ramo-br up")
        Path("/run/sshd").mkdir(exist_ok=True)
        names = [f"{address} {name}\n" for address, name in zip(self.addresses, self.names, strict=True)]
        (self.folder / "names").write_text("127.0.0.1 localhost\n" + "".join(names))
        for name, address in zip(self.names, self.addresses, strict=True):
            command(f"ip netns add {name}")
            command(f"ip link add {name} type veth peer name eth0 netns {name}")
            command(f"ip link set {name} master ramo-br up")
            command(f"ip -n {name} addr add {address}/24 dev eth0")
            command(f"ip -n {name} link set eth0 up")
            command(f"ip -n {name} link set lo up")
            self.serve(name, address)

    def serve(self, name: str, address: str) -> None:
        settings = self.folder / f"{name}.sshd"
        lines = [
            *(f"ListenAddress {address}", f"HostKey {self.identity}", f"AuthorizedKeysFile {self.identity}.pub"),
            *("PidFile none", "StrictModes no", "PermitRootLogin yes", "UsePAM no", "PasswordAuthentication no"),
        ]
        settings.write_text("\n".join(lines) + "\n")
        subprocess.run(self.on(self.names.index(name), [SSHD, "-f", str(settings)]), check=True)

    def on(self, host: int, words: list[str]) -> list[str]:
        """The command that runs `words` on a host."""
        inside = f'mount --bind {self.folder}/names /etc/hosts; hostname "$0"; exec "$@"'
        name = self.names[host]
        return ["ip", "netns", "exec", name, "unshare", "--uts", "--mount", "sh", "-c", inside, name, *words]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}

    def cut(self, host: int) -> None:
        """Cut the link of a host; its programs live on."""
        command(f"ip link set {self.names[host]} down")

    def kill(self, host: int) -> None:
        """End everything on a host at once."""
        for process in command(f"ip netns pids {self.names[host]}").split():
            try:
                os.kill(int(process), signal.SIGKILL)
            except ProcessLookupError:
                continue

    def stop(self) -> None:
        there = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False).stdout
        for host, name in enumerate(self.names):
            if name in there:
                self.kill(host)
                subprocess.run(["ip", "netns", "del", name], check=False)
            subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", "ramo-br"], check=False, capture_output=True)


def start_hosts(folder: Path, number: int) -> Hosts:
    """Start hosts; skips where that is not possible."""
    if os.geteuid() or not all(map(shutil.which, ("ip", "ssh", "ssh-keygen", "unshare"))) or not Path(SSHD).exists():
        pytest.skip("needs root, iproute2, openssh-client and openssh-server")
    hosts = Hosts(folder, number)
    try:
        hosts.start()
    except subprocess.CalledProcessError as error:
        hosts.stop()
        pytest.skip(f"network namespaces cannot be made here: {error.stderr}")
    return hosts

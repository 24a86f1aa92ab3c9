"""A container engine as small as the rehearsal needs: images from a Dockerfile, containers from namespaces. Needs root."""
import ctypes, fcntl, json, os, re, shlex, shutil, signal, socket, struct, subprocess, sys, tempfile, time
from pathlib import Path

NEWNS, NEWPID, NEWNET = 0x20000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
CAPABILITIES = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7, "NET_BIND_SERVICE": 10}
# What Docker and Podman leave to a container whose file says nothing.
DEFAULT_CAPABILITIES = list(CAPABILITIES)
libc = ctypes.CDLL(None, use_errno=True)
# The numbers of system calls, for x86-64 and arm64.
CALLS = {"statx": (332, 291), "clone3": (435, 435), "close_range": (436, 436), "openat2": (437, 437), "faccessat2": (439, 439),
         "copy_file_range": (326, 285), "preadv2": (327, 286), "pwritev2": (328, 287), "rseq": (334, 293), "membarrier": (324, 283),
         "io_uring_setup": (425, 425), "socket": (41, 198)}


def check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, options=None):
    text = [None if part is None else str(part).encode() for part in (source, target, kind)]
    check(libc.mount(text[0], text[1], text[2], flags, options.encode() if options else None), f"mount {source} {target}")


def forbid(names):
    """A filter as older engines set it: these calls fail with EPERM; "IPv6" fails as on a kernel without it."""
    steps = [(0x20, 0, 0, 0)]  # the number of the call
    for name in names:
        number = CALLS["socket" if name == "IPv6" else name][os.uname().machine == "aarch64"]
        if name == "IPv6":
            steps += [(0x15, 0, 4, number), (0x20, 0, 0, 16), (0x15, 0, 1, socket.AF_INET6), (0x06, 0, 0, 0x50000 | 97), (0x20, 0, 0, 0)]
        else:
            steps += [(0x15, 0, 1, number), (0x06, 0, 0, 0x50000 | 1)]
    steps.append((0x06, 0, 0, 0x7FFF0000))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    check(libc.prctl(22, 2, program, 0, 0), "seccomp")


class Image:
    """What a Dockerfile says about the last stage, and its files in a folder."""

    def __init__(self, dockerfile, folder, arguments):
        self.env, self.labels, self.volumes, self.exposed = {}, {}, [], []
        self.user, self.workdir, self.entrypoint, self.command, self.health, self.stop = "0:0", "/", [], [], None, "SIGTERM"
        self.folder, self.host = Path(folder), False
        self._context = Path(dockerfile).parent
        variables, stages, here = dict(arguments), {}, []
        text = re.sub(r"(?m)^\s*#.*\n", "", Path(dockerfile).read_text()).replace("\\\n", " ")
        for line in filter(None, map(str.strip, text.splitlines())):
            word, rest = line.split(None, 1)
            rest = re.sub(r"\$\{(\w+)\}", lambda name: variables[name[1]], rest)
            if word == "ARG":
                name, _, value = rest.partition("=")
                variables.setdefault(name, value)
            elif word == "FROM":
                base, _, name = rest.partition(" AS ")
                here = list(stages.get(base, [("FROM", base)]))
                stages[name] = here
            else:
                here.append((word, rest))
        for word, rest in here:
            getattr(self, "_" + word.lower())(rest)

    def _from(self, base):
        base = base.partition("@")[0]
        (self._distroless if "distroless" in base else self._debian)(base)
        self.base = set(self.folder.rglob("*"))

    def _distroless(self, base):
        """The files of distroless base-nossl: libc6, tzdata, the CA bundle, a list of three users, /tmp."""
        if "base-nossl-debian12" not in base:
            raise SystemExit(f"the rehearsal does not know the base {base}")
        packages = subprocess.run(["dpkg", "-L", "libc6", "tzdata"], capture_output=True, text=True, check=True).stdout.split()
        for name in packages:
            source = Path(name)
            if name.startswith(("/lib/", "/lib64/", "/usr/share/zoneinfo/")) and not source.is_dir():
                target = self.folder / name.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
        etc = self.folder / "etc"
        (etc / "ssl/certs").mkdir(parents=True)
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", etc / "ssl/certs")
        (etc / "passwd").write_text("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")
        (etc / "group").write_text("root:x:0:\nnonroot:x:65532:\n")
        (etc / "nsswitch.conf").write_text("hosts: files dns\n")
        self._common()
        if base.endswith(":nonroot"):
            self.user = "65532"

    def _debian(self, base):
        """This machine is Debian 12 as well: its programs, read-only, are the base's and those of the packages it installs."""
        if not base.endswith("debian:12-slim"):
            raise SystemExit(f"the rehearsal does not know the base {base}")
        self.host = True
        (self.folder / "usr").mkdir()
        for name in ("bin", "sbin", "lib", "lib64"):
            if Path("/" + name).is_symlink():
                (self.folder / name).symlink_to(os.readlink("/" + name))
        (self.folder / "etc/ssl").mkdir(parents=True)
        shutil.copytree("/etc/ssl/certs", self.folder / "etc/ssl/certs", symlinks=True)
        (self.folder / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
        self._common()

    def _common(self):
        for name, mode in (("dev", 0o755), ("proc", 0o555), ("sys", 0o555), ("tmp", 0o1777), ("etc", 0o755), ("home", 0o755)):
            (self.folder / name).mkdir(exist_ok=True)
            (self.folder / name).chmod(mode)
        (self.folder / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        self.env["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    def _run(self, rest):
        """Only the installation of packages, which have to be on this machine."""
        found = re.fullmatch(r"apt-get update && apt-get install -y --no-install-recommends ([a-z0-9 -]+) && rm -rf /var/lib/apt/lists/\*", rest)
        if not found:
            raise SystemExit(f"the rehearsal does not know RUN {rest}")
        subprocess.run(["dpkg", "-s", *found[1].split()], stdout=subprocess.DEVNULL, check=True)

    def _copy(self, rest):
        words = shlex.split(rest)
        flags = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
        source, target = [word for word in words if not word.startswith("--")]
        origin, place = self._context / source, self.folder / target.lstrip("/")
        if origin.is_dir():
            shutil.copytree(origin, place, dirs_exist_ok=True)
            copied = [place / path.relative_to(origin) for path in origin.rglob("*")]
        else:
            shutil.copy2(origin, place)
            copied = [place]
        user, _, group = flags.get("chown", "0:0").partition(":")
        for path in copied:
            os.chown(path, int(user), int(group or user))
            if "chmod" in flags:
                path.chmod(int(flags["chmod"], 8))

    def _env(self, rest):
        self.env.update(word.split("=", 1) for word in shlex.split(rest))

    def _label(self, rest):
        self.labels.update(word.split("=", 1) for word in shlex.split(rest))

    def _workdir(self, rest):
        self.workdir = rest
        (self.folder / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _volume(self, rest):
        self.volumes.append(rest)

    def _expose(self, rest):
        self.exposed.append(rest)

    def _user(self, rest):
        self.user = rest

    def _stopsignal(self, rest):
        self.stop = rest

    def _healthcheck(self, rest):
        self.health = json.loads(rest.split(" CMD ", 1)[1])

    def _entrypoint(self, rest):
        self.entrypoint = json.loads(rest)

    def _cmd(self, rest):
        self.command = json.loads(rest)

    def _arg(self, rest):
        pass


class Container:
    """One start of an image. Its options have the names that compose files give them."""

    def __init__(self, image, name, volumes=(), env=None, user=None, read_only=False, capabilities=None, groups=(), tmpfs=(),
                 new_privileges=True, own_network=True, command=None, stamp=False, forbidden=()):
        self.image, self.name = image, name
        self.env = {**image.env, **(env or {})}
        self.user = user or image.user
        self._log = tempfile.NamedTemporaryFile("r", prefix=f"{name}-", dir=image.folder.parent)
        numbers = self.user.split(":")
        spec = dict(
            root=str(image.folder), host=image.host, volumes=[(str(source), target) for source, target in volumes], tmpfs=list(tmpfs), read_only=read_only, workdir=image.workdir,
            user=int(numbers[0]), group=int(numbers[1] if len(numbers) > 1 else 0), groups=list(groups), env=self.env,
            capabilities=[CAPABILITIES[name] for name in (DEFAULT_CAPABILITIES if capabilities is None else capabilities)],
            new_privileges=new_privileges, own_network=own_network, stamp=stamp, forbidden=list(forbidden),
            command=command or image.entrypoint + image.command)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-B", __file__, "enter", json.dumps(spec)], stdin=subprocess.DEVNULL,
            stdout=open(self._log.name, "w"), stderr=subprocess.STDOUT)

    @property
    def output(self):
        return Path(self._log.name).read_text()

    @property
    def pid(self):
        """Of the container's first process, as this machine counts."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return until(lambda: path.exists() and path.read_text().split(), 5, self)[0]

    def status(self, field):
        return re.search(rf"(?m)^{field}:\s*(.*)$", Path(f"/proc/{self.pid}/status").read_text())[1].split()

    def said(self, text, seconds=10):
        """Waits until the container has printed this."""
        until(lambda: text in self.output, seconds, self)
        return time.monotonic() - self.started

    def execute(self, command, user=None, network_only=False):
        """As docker exec does; with network_only a program of this machine in the container's network."""
        numbers = (user or self.user).split(":")
        where = ["--net"] if network_only else [
            "--mount", "--net", "--pid", "--root", f"--wd=/proc/{self.pid}/cwd", "--setuid", numbers[0], "--setgid", numbers[-1]]
        env = dict(os.environ) if network_only else self.env
        return subprocess.run(["/usr/bin/nsenter", "-t", self.pid, *where, "--", *command], env=env, capture_output=True, text=True, timeout=60)

    def healthy(self, test=None):
        """Runs a health line: the image's own, or one as a compose file writes it."""
        command = test or ["CMD", *self.image.health]
        return self.execute(command[1:] if command[0] == "CMD" else ["/bin/sh", "-c", *command[1:]])

    def http(self, path, *arguments, port=None):
        """The status and the body."""
        done = self.execute(
            ["curl", "-s", "-m", "10", "-w", "\n%{http_code}", *arguments, f"http://127.0.0.1:{port or self.env.get('PORT', 8001)}{path}"],
            network_only=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    def ready(self, seconds=10):
        until(lambda: self.http("/api/settings/health")[0] == 200, seconds, self)

    def stop(self):
        """Sends the image's stop signal. Returns the exit code and the seconds it took."""
        began = time.monotonic()
        os.kill(int(self.pid), getattr(signal, self.image.stop))
        code = self.process.wait(30)
        return code, time.monotonic() - began

    def wait(self):
        return self.process.wait(30)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def until(condition, seconds, container=None):
    """Waits for a condition and returns its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if container is not None and container.process.poll() is not None:
            raise AssertionError(f"{container.name} ended with {container.process.returncode}:\n{container.output}")
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s" + (f"; {container.name} said:\n{container.output}" if container else ""))
        time.sleep(0.01)
    return value


def enter(spec):
    """Becomes the container: the first process waits, its child is number 1 of new namespaces."""
    check(libc.prctl(1, signal.SIGKILL), "prctl")  # ends with the rehearsal
    check(libc.unshare(NEWNS | NEWPID | (NEWNET if spec["own_network"] else 0)), "unshare")
    mount(None, "/", flags=REC | PRIVATE)
    if spec["own_network"]:
        with socket.socket() as any_socket:  # lo is down in a new network
            fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14s", b"lo", 0x41, b""))
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
    check(libc.prctl(1, signal.SIGKILL), "prctl")
    layer = tempfile.mkdtemp(dir=Path(spec["root"]).parent)
    mount("tmpfs", layer, "tmpfs")
    upper, work, merged = (os.path.join(layer, name) for name in ("upper", "work", "merged"))
    for folder in (upper, work, merged):
        os.mkdir(folder)
    mount("overlay", merged, "overlay", options=f"lowerdir={spec['root']},upperdir={upper},workdir={work}")
    if spec["host"]:
        mount("/usr", merged + "/usr", flags=BIND)
        mount(None, merged + "/usr", flags=REMOUNT | BIND | RDONLY)
    mount("proc", merged + "/proc", "proc", NOSUID | NODEV)
    mount("/dev", merged + "/dev", flags=BIND | REC)
    for source, target in spec["volumes"]:
        os.makedirs(merged + target, exist_ok=True)
        mount(source, merged + target, flags=BIND)
    for target in spec["tmpfs"]:
        os.makedirs(merged + target, exist_ok=True)
        mount("tmpfs", merged + target, "tmpfs", options="mode=1777")
    if spec["read_only"]:
        mount(None, merged, flags=REMOUNT | BIND | RDONLY)
    os.chdir(merged)
    check(libc.pivot_root(b".", b"."), "pivot_root")
    check(libc.umount2(b".", 2), "umount")
    os.chdir(spec["workdir"])
    for number in range(41):
        if number not in spec["capabilities"]:
            libc.prctl(24, number)  # PR_CAPBSET_DROP
    if not spec["new_privileges"]:
        check(libc.prctl(38, 1, 0, 0, 0), "no_new_privs")
    if spec["forbidden"]:
        forbid(spec["forbidden"])
    os.setgroups(spec["groups"])
    os.setresgid(spec["group"], spec["group"], spec["group"])
    os.setresuid(spec["user"], spec["user"], spec["user"])
    if spec["stamp"]:
        os.write(1, f"executed at {time.monotonic()}\n".encode())
    os.execve(spec["command"][0], spec["command"], spec["env"])


if __name__ == "__main__" and sys.argv[1] == "enter":
    enter(json.loads(sys.argv[2]))

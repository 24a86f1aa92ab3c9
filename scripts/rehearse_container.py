"""What scripts/rehearse-container runs; its head says what for."""
import hashlib, json, os, re, shutil, socket, subprocess, sys, tempfile, time, traceback
from pathlib import Path

import yaml

from container_engine import Container, Image, until

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "pw-CANARY-9z8y7x"
REFERENCE_HEALTH = ["CMD-SHELL", "curl -fsS http://localhost:8001/api/settings/health > /dev/null || exit 1"]
WGET_HEALTH = [
    ["CMD-SHELL", "wget --no-verbose --tries=1 --spider http://localhost:8001/api/health || exit 1"],
    ["CMD-SHELL", "wget -qO- http://localhost:8001/api/settings/health || exit 1"],
    ["CMD", "wget", "-q", "--spider", "http://127.0.0.1:8001/"],
    ["CMD", "curl", "-f", "http://localhost:8001/api/health"],
]


class Rehearsal:
    def __init__(self, home):
        self.home = Path(home)
        self.containers, self.count = [], 0

    def image(self, variant):
        folder = self.home / variant
        folder.mkdir()
        arch = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        return Image(ROOT / "Dockerfile", folder, {"VARIANT": variant, "TARGETARCH": arch})

    def folder(self, owner="0:0", mode=0o755, below="volumes"):
        """A folder on the host: as engines make them, of root, unless something else is said."""
        self.count += 1
        folder = self.home / below / f"v{self.count}"
        folder.mkdir(parents=True)
        folder.chmod(mode)
        os.chown(folder, *map(int, owner.split(":")))
        return folder

    def named_volume(self, image, target):
        """A new named volume: engines give it the owner and mode that the image's folder has."""
        found = (image.folder / target.lstrip("/")).stat()
        return self.folder(f"{found.st_uid}:{found.st_gid}", found.st_mode & 0o7777)

    def run(self, image, name, **options):
        container = Container(image, name, **options)
        self.containers.append(container)
        return container

    def end(self):
        for container in self.containers:
            container.end()
        self.containers.clear()


def register(container, name="owner"):
    """Makes the first account with the link that the log shows, and returns what a browser would send from then on."""
    code = re.search(r"#setup=(\S+)", container.output)[1]
    body = json.dumps({"username": name, "password": PASSWORD, "setupCode": code})
    status, answer = container.http("/api/auth/register", "-H", "Content-Type: application/json", "-d", body)
    assert status == 201, answer
    return login(container, name)


def login(container, name="owner"):
    body = json.dumps({"username": name, "password": PASSWORD})
    status, answer = container.http("/api/auth/token", "-H", "Content-Type: application/json", "-d", body)
    assert status == 200, answer
    return ["-H", "Authorization: Bearer " + json.loads(answer)["accessToken"]]


def notices(container):
    status, answer = container.http("/api/settings/app-info", *register(container))
    assert status == 200, answer
    return [(notice["kind"], notice["subject"]) for notice in json.loads(answer)["notices"]]


def stops_well(container, within=3):
    code, seconds = container.stop()
    assert code == 0 and seconds < within, f"ended with {code} after {seconds:.1f} s:\n{container.output}"


def is_unprivileged(container, user=65532):
    assert container.status("Uid") == [str(user)] * 4, container.status("Uid")
    assert set(container.status("CapEff") + container.status("CapPrm")) == {"0" * 16}, container.status("CapEff")


def refuses(container, *words):
    """Ends with 78 and a last line that holds these words; returns the line. Before it may stand that the folder is open to others."""
    code = container.wait()
    lines = [line for line in container.output.strip().splitlines() if "is open to other users" not in line]
    assert code == 78 and len(lines) == 1, f"ended with {code}:\n{container.output}"
    for word in words:
        assert word in lines[0], f"no {word!r} in: {lines[0]}"
    return lines[0]


def of_compose(rehearsal, images, path, volume=None):
    """The container that a compose file describes, on new volumes and folders."""
    document = yaml.safe_load((ROOT / path).read_text())
    [(name, service)] = document["services"].items()
    known = {"image", "container_name", "user", "environment", "volumes", "ports", "read_only", "cap_drop", "cap_add", "security_opt",
             "restart", "stop_grace_period", "healthcheck"}
    assert set(service) <= known, f"{path} has {set(service) - known}, which the rehearsal does not carry out"
    image = images["debian" if service["image"].endswith("-debian") else "plain"]
    given = service["environment"]
    env = dict(item.split("=", 1) for item in given) if isinstance(given, list) else given
    assert all(isinstance(value, str) for value in env.values()), f"{path}: values of variables are texts"
    mounts = []
    for item in service["volumes"]:
        source, target = item.split(":")[:2]
        if not source.startswith((".", "/")):
            assert source in document["volumes"], f"{path} does not declare the volume {source}"
            mounts.append((str(volume or rehearsal.named_volume(image, target)), target))
        else:
            mounts.append((str(volume or rehearsal.folder()), target))
    assert {item.split(":")[1] for item in service["ports"]} == {env.get("PORT", "8001")}, f"{path}: the ports are not PORT"
    dropped = "ALL" in service.get("cap_drop", [])
    options = dict(
        volumes=mounts, env=env, user=service.get("user"), read_only=service.get("read_only", False),
        capabilities=service.get("cap_add", []) if dropped else None,
        new_privileges="no-new-privileges:true" not in service.get("security_opt", []))
    grace = int(service["stop_grace_period"].removesuffix("s"))
    assert grace > int(env["SHUTDOWN_GRACE_SECONDS"]) + 4, f"{path}: the engine kills before running answers end"
    return image, name, options, service["healthcheck"]["test"]


# ---- the rehearsals; each is a name that its report shows ----


def the_image_is_one_file_on_its_base(rehearsal, images):
    image = images["plain"]
    added = {path for path in image.folder.rglob("*") if not path.is_dir() and path not in image.base}
    assert added == {image.folder / "aichat"}, added
    assert (image.folder / "aichat").stat().st_mode & 0o7777 == 0o755
    assert not [path for path in image.folder.rglob("*") if path.name in ("sh", "bash", "curl", "apt")]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", image.user), f"USER {image.user} is not a number that is not root"
    assert image.entrypoint == ["/aichat"] and image.stop == "SIGTERM" and image.volumes == ["/app/data"] and image.exposed == ["8001"]
    assert image.health == ["/aichat", "healthcheck"]
    assert {"title", "description", "licenses", "source", "version", "revision"} <= {name.rsplit(".", 1)[1] for name in image.labels}
    assert (image.folder / image.env["SSL_CERT_DIR"].lstrip("/") / "ca-certificates.crt").stat().st_size > 100_000
    assert (image.folder / "usr/share/zoneinfo/Asia/Shanghai").exists()
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    assert "*" in ignored and "!artifacts/image" in ignored


def a_named_volume_and_a_read_only_root_are_enough(rehearsal, images):
    image = images["plain"]
    volume = rehearsal.named_volume(image, "/app/data")
    container = rehearsal.run(
        image, "plain", volumes=[(volume, "/app/data")], read_only=True, capabilities=[], new_privileges=False,
        env={"TZ": "Asia/Shanghai"})
    container.ready()
    is_unprivileged(container)
    assert container.healthy().returncode == 0
    assert notices(container) == []
    assert '"level":"warn' not in container.output.lower(), container.output
    headers = login(container)
    status, answer = container.http("/api/sessions", *headers, "-H", "Content-Type: application/json", "-d", "{}")
    assert status == 201, answer
    question = json.dumps({"sessionId": json.loads(answer)["id"], "content": "Hello", "clientMessageId": "c-1"})
    status, answer = container.http("/api/chat/stream", *headers, "-H", "Content-Type: application/json", "-d", question)
    assert status == 200 and "event: done" in answer, answer
    picture = rehearsal.home / "dot.png"
    picture.write_bytes(bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"))
    status, answer = container.http("/api/images", *headers, "-F", f"file=@{picture};type=image/png")
    assert status == 201, answer
    stops_well(container)
    assert {path.stat().st_uid for path in volume.rglob("*")} == {65532}
    again = rehearsal.run(image, "again", volumes=[(volume, "/app/data")], read_only=True, capabilities=[], new_privileges=False)
    again.ready()
    login(again)
    stops_well(again)


def each_compose_file_works_as_it_is(rehearsal, images):
    for path in ["compose.yaml", *sorted(str(found.relative_to(ROOT)) for found in (ROOT / "deploy").glob("compose.*.yaml"))]:
        image, name, options, health = of_compose(rehearsal, images, path)
        container = rehearsal.run(image, name, **options)
        container.ready()
        is_unprivileged(container)
        checked = container.healthy(health)
        assert checked.returncode == 0, f"{path}: {checked.stdout}{checked.stderr}"
        assert container.healthy().returncode == 0
        assert notices(container) == [], path
        stops_well(container)
        again = rehearsal.run(image, name, **options)
        again.ready()
        login(again)
        stops_well(again)


def the_manifest_works_as_it_is(rehearsal, images):
    documents = {document["kind"]: document for document in yaml.safe_load_all((ROOT / "deploy/kubernetes.yaml").read_text())}
    assert set(documents) == {"Secret", "Service", "StatefulSet"}
    service, stateful = documents["Service"]["spec"], documents["StatefulSet"]["spec"]
    pod = stateful["template"]["spec"]
    [container_spec] = pod["containers"]
    labels = stateful["template"]["metadata"]["labels"]
    assert stateful["replicas"] == 1 and stateful["selector"]["matchLabels"].items() <= labels.items() and service["selector"].items() <= labels.items()
    assert stateful["serviceName"] == documents["Service"]["metadata"]["name"]
    ports = {port["name"]: port["containerPort"] for port in container_spec["ports"]}
    assert service["ports"][0]["targetPort"] in ports
    assert [source["secretRef"]["name"] for source in container_spec["envFrom"]] == [documents["Secret"]["metadata"]["name"]]
    env = {**documents["Secret"]["stringData"], **{item["name"]: item["value"] for item in container_spec["env"]}}
    assert all(isinstance(value, str) for value in env.values())
    security, user = container_spec["securityContext"], pod["securityContext"]
    assert user["runAsNonRoot"] and security["readOnlyRootFilesystem"] and security["capabilities"] == {"drop": ["ALL"]}
    [claim], [mounted] = stateful["volumeClaimTemplates"], container_spec["volumeMounts"]
    assert claim["metadata"]["name"] == mounted["name"] and claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert pod["terminationGracePeriodSeconds"] > int(env["SHUTDOWN_GRACE_SECONDS"]) + 4
    # What kubelet does to a new disk for fsGroup: its group, writable, setgid, with the lost+found of a file system.
    volume = rehearsal.folder(f"0:{user['fsGroup']}", 0o2775)
    (volume / "lost+found").mkdir(mode=0o700)
    container = rehearsal.run(
        images["plain"], "pod", volumes=[(volume, mounted["mountPath"])], env={**env, "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
        user=f"{user['runAsUser']}:{user['runAsGroup']}", groups=[user["fsGroup"]], read_only=True, capabilities=[],
        new_privileges=security["allowPrivilegeEscalation"])
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container_spec[probe]["httpGet"]
        until(lambda: container.http(asked["path"], "-H", "Host: 10.1.2.3:8001", port=ports[asked["port"]])[0] == 200, 5, container)
    assert notices(container) == []
    is_unprivileged(container, user["runAsUser"])
    stops_well(container)
    # With each mount kubelet may open every file to the group; a pod of another namespace then comes as another user.
    for number in (user["runAsUser"], 1000690000):
        for path in [volume, *volume.rglob("*")]:
            os.chown(path, -1, user["fsGroup"])
            path.chmod(path.stat().st_mode | (0o2770 if path.is_dir() else 0o660))
        again = rehearsal.run(
            images["plain"], "pod-again", volumes=[(volume, mounted["mountPath"])], env=env, user=f"{number}:0", groups=[user["fsGroup"]],
            read_only=True, capabilities=[], new_privileges=False)
        again.ready()
        login(again)
        stops_well(again)


def a_volume_that_another_image_filled_as_root_is_taken_over(rehearsal, images):
    volume = rehearsal.folder()
    (volume / "app.db").write_bytes(b"SQLite format 3\0 of another program")
    (volume / "uploads").mkdir(mode=0o700)
    (volume / "uploads/a.png").write_bytes(b"a")
    (volume / "link").symlink_to("/etc/passwd")
    before = hashlib.sha256((volume / "app.db").read_bytes()).hexdigest()
    image, name, options, _ = of_compose(rehearsal, images, "compose.yaml", volume)
    container = rehearsal.run(image, name, **options)
    container.ready()
    is_unprivileged(container)
    stops_well(container)
    assert hashlib.sha256((volume / "app.db").read_bytes()).hexdigest() == before
    assert {path.lstat().st_uid for path in volume.rglob("*")} == {65532}
    assert (image.folder / "etc/passwd").stat().st_uid == 0
    # A restore by root afterwards is taken over too.
    shutil.copy(volume / "aichat.db", volume / "copy")
    os.replace(volume / "copy", volume / "aichat.db")
    again = rehearsal.run(image, name, **options)
    again.ready()
    stops_well(again)


def a_folder_of_root_is_refused_with_the_command(rehearsal, images):
    folder = rehearsal.folder()
    options = dict(volumes=[(folder, "/app/data")], read_only=True)
    line = refuses(rehearsal.run(images["plain"], "refused", **options), "user 0:0", "user 65532:65532", 'user: "0:0"', "AICHAT_RUN_AS=65532:65532")
    command = re.search(r"chown -R \S+ \S+", line)[0]
    # In a chroot or a container of its own, this rehearsal sees the host's path without its beginning.
    assert re.fullmatch(rf"chown -R 65532:65532 \S*{folder}", command), command
    subprocess.run(["chown", "-R", "65532:65532", str(folder)], check=True)
    container = rehearsal.run(images["plain"], "mended", **options)
    container.ready()
    stops_well(container)


def other_folders_are_refused_with_what_to_do(rehearsal, images):
    plain = images["plain"]
    of_somebody = rehearsal.folder("1000:1000", 0o755)
    line = refuses(rehearsal.run(plain, "somebody", volumes=[(of_somebody, "/app/data")]), "belongs to user 1000:1000", "chown -R 65532:65532")
    owner = re.search(r'user: "(\S+)"', line)[1]
    container = rehearsal.run(plain, "as-owner", volumes=[(of_somebody, "/app/data")], user=owner)
    container.ready()
    is_unprivileged(container, 1000)
    stops_well(container)
    for name in ("app.db", "lock", "master.key", "images", "instance.json"):
        # chown without -R, or a restore by root.
        os.chown(of_somebody, 65532, 65532)
        subprocess.run(["chown", "-R", "65532:65532", str(of_somebody)], check=True)
        os.chown(of_somebody / name, 0, 0)
        (of_somebody / name).chmod(0o700 if name == "images" else 0o600)
        refuses(
            rehearsal.run(plain, f"of-root-{name}", volumes=[(of_somebody, "/app/data")]), name, "user 0:0",
            "chown -R 65532:65532 /", f"{of_somebody} ")
    refuses(rehearsal.run(plain, "no-volume", read_only=True), "read-only", "/app/data")
    tmp = rehearsal.folder("65532:65532", 0o500)
    refuses(rehearsal.run(plain, "mode", volumes=[(tmp, "/app/data")]), "chmod u+rwX /app/data")
    no_rights = rehearsal.folder("1000:1000", 0o700)
    refuses(
        rehearsal.run(plain, "powerless-root", volumes=[(no_rights, "/app/data")], user="0:0", capabilities=[]), "this process is user 0:0")
    stubborn = rehearsal.run(
        plain, "no-chown", volumes=[(no_rights, "/app/data")], user="0:0", capabilities=["SETUID", "SETGID"],
        env={"AICHAT_RUN_AS": "65532:65532"})
    assert stubborn.wait() == 78
    told, refused = stubborn.output.strip().splitlines()
    assert "CHOWN" in told and "user 65532:65532" in refused, stubborn.output
    # A disk that knows no owners (a NAS, a shared folder of a virtual machine) lets everybody write, and nobody give away.
    shared = rehearsal.folder("0:0", 0o777)
    container = rehearsal.run(
        plain, "no-owners", volumes=[(shared, "/app/data")], user="0:0", capabilities=["SETUID", "SETGID", "DAC_OVERRIDE"],
        env={"AICHAT_RUN_AS": "65532:65532"})
    container.ready()
    is_unprivileged(container)
    stops_well(container)
    mine = rehearsal.folder("65532:65532", 0o700)
    refuses(
        rehearsal.run(plain, "no-setuid", volumes=[(mine, "/app/data")], user="0:0", capabilities=["DAC_OVERRIDE"],
                      env={"AICHAT_RUN_AS": "65532:65532"}), "SETUID")
    for wrong in ("nobody", "0:0", "65532:", "-1:1", "1:2:3"):
        refuses(rehearsal.run(plain, "wrong", user="0:0", env={"AICHAT_RUN_AS": wrong}), "AICHAT_RUN_AS is wrong")
    refuses(rehearsal.run(plain, "system", user="0:0", env={"AICHAT_RUN_AS": "65532:65532", "DATA_DIR": "/etc"}), "/etc is a folder of the system")


def any_user_works_whose_folder_it_is(rehearsal, images):
    cases = {
        "openshift": dict(user="1000650000:0", folder=rehearsal.folder("0:0", 0o2775)),
        "group": dict(user="4711:4711", groups=[4242], folder=rehearsal.folder("0:4242", 0o2770)),
        "everybody": dict(user="99:100", folder=rehearsal.folder("0:0", 0o777)),
        "root": dict(user="0:0", folder=rehearsal.folder()),
    }
    for name, case in cases.items():
        container = rehearsal.run(
            images["plain"], name, volumes=[(case["folder"], "/app/data")], user=case["user"], groups=case.get("groups", ()),
            read_only=True, capabilities=[])
        container.ready()
        assert container.healthy().returncode == 0, name
        stops_well(container)


def data_that_will_be_lost_is_told(rehearsal, images):
    plain = images["plain"]
    nameless = rehearsal.home / "volumes" / ("ab12" * 16) / "_data"
    nameless.mkdir(parents=True)
    os.chown(nameless, 65532, 65532)
    pod = rehearsal.folder("65532:65532", below="kubernetes.io~empty-dir")
    cases = [
        ("layer", {}, "data_in_container"),
        ("memory", dict(tmpfs=["/app/data"]), "data_in_memory"),
        ("nameless", dict(volumes=[(nameless, "/app/data")]), "data_in_nameless_volume"),
        ("empty-dir", dict(volumes=[(pod, "/app/data")]), "data_in_pod"),
    ]
    for name, options, kind in cases:
        container = rehearsal.run(plain, name, **options)
        container.ready()
        assert "is lost" in container.output or "does not get" in container.output, container.output
        assert notices(container) == [(kind, "/app/data")], name
        stops_well(container)
    # The folder is mounted, but the database or the images are said to lie elsewhere.
    volume = rehearsal.named_volume(plain, "/app/data")
    elsewhere = rehearsal.run(
        plain, "elsewhere", volumes=[(volume, "/app/data")], env={"CHAT_IMAGE_DIR": "/app/images", "DATABASE_URL": "file:/app/data/app.db"})
    elsewhere.ready()
    assert notices(elsewhere) == [("data_in_container", "/app/images")]
    stops_well(elsewhere)


def health_lines_of_panels_succeed_in_the_second_image(rehearsal, images):
    image = images["debian"]
    volume = rehearsal.named_volume(image, "/app/data")
    # The backend of the older program's compose file, with nothing changed but the image's name.
    env = {
        "NODE_ENV": "production", "PORT": "8001", "DATABASE_URL": "file:./data/app.db", "JWT_SECRET": "q7Vd0w2mXk5Jr9TzB4nLc8Yf1GhS6pEa",
        "DEFAULT_REGISTRATION_ENABLED": "true", "DEFAULT_CONTEXT_TOKEN_LIMIT": "120000", "ENABLE_CORS": "true",
        "CORS_ORIGIN": "http://192.0.2.1:3555", "LOG_LEVEL": "info", "DB_INIT_ON_START": "true"}
    container = rehearsal.run(
        image, "backend", env=env,
        volumes=[(volume, "/app/data"), (rehearsal.folder(), "/app/logs"), (rehearsal.folder(), "/app/storage/chat-images")])
    container.ready()
    for line in [REFERENCE_HEALTH, *WGET_HEALTH]:
        done = container.healthy(line)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    assert container.execute(["/bin/sh", "-c", "aichat version"]).returncode == 0
    stops_well(container)
    empty = rehearsal.run(image, "waits", volumes=[(volume, "/app/data")], command=["/bin/sh", "-c", "sleep 30"])
    assert until(lambda: empty.healthy(REFERENCE_HEALTH), 5).returncode != 0, "the line must be able to fail"


def an_update_may_start_the_new_one_first(rehearsal, images):
    image = images["plain"]
    options = dict(volumes=[(rehearsal.named_volume(image, "/app/data"), "/app/data")], read_only=True)
    old = rehearsal.run(image, "old", **options)
    old.ready()
    register(old)
    new = rehearsal.run(image, "new", **options)
    until(lambda: new.http("/api/health")[0] == 200, 10, new)
    status, answer = new.http("/api/settings/health")
    assert (status, json.loads(answer)) == (503, {"status": "starting", "step": "waiting_for_folder"}), answer
    assert new.http("/api/auth/me")[0] == 503 and new.http("/", "-H", "Accept: text/html")[0] == 503
    assert new.healthy().returncode == 1 and new.healthy(["CMD", *image.health, "--alive"]).returncode == 0
    assert old.http("/api/settings/health")[0] == 200
    stops_well(old)
    ended = time.monotonic()
    new.ready(5)
    assert time.monotonic() - ended < 1, f"took over after {time.monotonic() - ended:.2f} s"
    login(new)
    # A third one that is stopped while it waits has done nothing.
    third = rehearsal.run(image, "third", **options)
    third.said("is in use")
    stops_well(third, within=1)
    impatient = rehearsal.run(image, "impatient", **options, env={"AICHAT_WAIT_FOR_FOLDER": "1"})
    assert impatient.wait() == 75 and "in use by another AiChat process" in impatient.output, impatient.output
    stops_well(new)


def older_engines_and_kernels_are_enough_or_named(rehearsal, images):
    image = images["plain"]
    options = dict(volumes=[(rehearsal.named_volume(image, "/app/data"), "/app/data")], read_only=True, capabilities=[], new_privileges=False)
    container = rehearsal.run(image, "old-engine", **options, env={"TZ": "Asia/Nowhere"}, forbidden=[
        "statx", "close_range", "openat2", "faccessat2", "copy_file_range", "preadv2", "pwritev2", "rseq", "membarrier", "io_uring_setup", "IPv6"])
    container.ready()
    assert "TZ=Asia/Nowhere is not known" in container.output, container.output
    register(container)
    assert container.healthy().returncode == 0
    stops_well(container)
    again = rehearsal.run(image, "old-engine-again", **options, forbidden=["statx", "IPv6"])
    again.ready()
    stops_well(again)
    refuses(rehearsal.run(image, "no-threads", **options, forbidden=["clone3"]), "Docker 20.10.10")


REHEARSALS = [
    the_image_is_one_file_on_its_base, a_named_volume_and_a_read_only_root_are_enough, each_compose_file_works_as_it_is,
    the_manifest_works_as_it_is, a_volume_that_another_image_filled_as_root_is_taken_over, a_folder_of_root_is_refused_with_the_command,
    other_folders_are_refused_with_what_to_do, any_user_works_whose_folder_it_is, data_that_will_be_lost_is_told,
    health_lines_of_panels_succeed_in_the_second_image, an_update_may_start_the_new_one_first,
    older_engines_and_kernels_are_enough_or_named,
]


def gigabyte(rehearsal, image):
    """Start to the first 200 and memory at rest, in the container, with a gigabyte of messages."""
    volume = rehearsal.named_volume(image, "/app/data")
    with socket.socket() as any_socket:
        any_socket.bind(("127.0.0.1", 0))
        port = any_socket.getsockname()[1]
    options = dict(volumes=[(volume, "/app/data")], read_only=True, capabilities=[], own_network=False, env={"PORT": str(port)}, stamp=True)

    def start():
        container = rehearsal.run(image, "large", **options)
        until(lambda: answers(port), 30, container)
        return container, (time.monotonic() - float(re.match(r"executed at (\S+)", container.output)[1])) * 1000

    first, _ = start()
    stops_well(first)
    sql = re.search(r"const sql = `(.*?)`", (ROOT / "scripts/bench-start.cjs").read_text(), re.S)[1]
    subprocess.run([os.environ["FILL"], str(volume / "app.db")], input=sql, text=True, check=True)
    megabytes = (volume / "app.db").stat().st_size / 1e6
    times = []
    for _ in range(6):
        container, ms = start()
        times.append(ms)
        if len(times) < 6:
            stops_well(container)
    time.sleep(15)
    idle = int(container.status("VmRSS")[0]) / 1000
    stops_well(container)
    start_ms = sorted(times[1:])[2]
    print(f"in the container with {megabytes:.0f} MB: start to first 200 {start_ms:.0f} ms (<= 150), memory when idle {idle:.1f} MB (<= 60)")
    return megabytes > 1000 and start_ms <= 150 and idle <= 60


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as asked:
            asked.sendall(b"GET /api/health HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return b" 200 " in asked.recv(64)
    except OSError:
        return False


def main():
    wanted = sys.argv[1:]
    if subprocess.run(["unshare", "--mount", "--pid", "--net", "--fork", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        print("This machine allows no namespaces (is it a container itself?); nothing was rehearsed.")
        with open(os.environ["TOTALS"], "a") as totals:
            totals.write(f"container 0 0 {len(REHEARSALS)}\n")
        return 0
    with tempfile.TemporaryDirectory(prefix="aichat-container-") as home:
        os.chmod(home, 0o755)
        rehearsal = Rehearsal(home)
        if wanted == ["gigabyte"]:
            try:
                return 0 if gigabyte(rehearsal, rehearsal.image("plain")) else 1
            finally:
                rehearsal.end()
        images = {variant: rehearsal.image(variant) for variant in ("plain", "debian")}
        passed = failed = 0
        for rehearse in REHEARSALS:
            name = rehearse.__name__.replace("_", " ")
            if wanted and not any(word in name for word in wanted):
                continue
            since = time.monotonic()
            try:
                rehearse(rehearsal, images)
                passed += 1
                print(f"  ok    {name} ({time.monotonic() - since:.1f} s)", flush=True)
            except Exception as error:
                failed += 1
                lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__]
                print(f"  FAIL  {name}\n        line {lines[1:]}: {type(error).__name__}: {error}", flush=True)
                with open(os.environ["FAILURES"], "a") as report:
                    report.write(f"  container: {name}\n    {error}\n    lines {lines[1:]}\n")
            finally:
                rehearsal.end()
        with open(os.environ["TOTALS"], "a") as totals:
            totals.write(f"container {passed} {failed} 0\n")
        return 1 if failed or not passed else 0


sys.exit(main())

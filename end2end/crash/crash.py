"""Ends the program at every point at which it can be ended while it deploys, and starts it again.

For each point: the simulator runs as a process of its own and outlives the program; a push to its forge becomes an
image that boards an automatic train; the program dies at the point, is started again and goes on. Then the simulator's
ledger, not the program, says how often a task definition was registered and a service updated.

`crash.py YARDMASTER SIM`: YARDMASTER is built with the feature `failpoints`.
"""

import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

# More than there are cores: a restarted program mostly waits out the lease of the one that died.
ABREAST = 6
# The longest that anything waited for may take; a healthy run needs a fraction of it.
PATIENCE = 90
SPEED = 60
SOURCES = Path(__file__).resolve().parents[2] / "server" / "src"
BRANCH = "feature/crash"
ALARM = "crash-5xx"

PLACES = ("journal.before", "journal.after", "call.before", "call.after")
# Steps that change nothing in AWS: their only places are around the journal.
QUIET = {"request", "preflight", "prepare", "follow", "bake", "undo", "return-follow"}


@dataclass(frozen=True)
class Scenario:
    """One way a deployment goes, and what the ledger must say of it however often the program died."""

    name: str
    service: str
    release: str
    steps: tuple
    ends: str
    effects: dict
    bake: int = 1
    deadline: int = 120
    alarm: bool = False
    # The revision that ran before is deregistered while the new one is watched.
    deregister: bool = False

    def points(self):
        return [point for step in self.steps for point in points_of(step)]


def points_of(step):
    places = PLACES[:2] if step in QUIET else PLACES
    return [f"deployment.{step}.{place}" for place in places]


FORWARD = ("request", "preflight", "register", "prepare", "update", "follow")
ONCE = {"RegisterTaskDefinition": 1, "UpdateService": 1}
SCENARIOS = (
    Scenario("succeeds", "web", "", (*FORWARD, "bake"), "succeeded", ONCE),
    # ECS's circuit breaker rolls it back by itself.
    Scenario("breaker", "cart", "exits", FORWARD, "rolled-back", ONCE),
    # It never becomes ready: at the deadline ECS is told to stop it. The deadline holds for the way back as well, and has
    # to leave room for the lease of the dead process (10 s).
    Scenario(
        "deadline", "search", "stuck", ("undo", "stop"), "rolled-back", ONCE | {"StopServiceDeployment": 1}, deadline=18
    ),
    # An alarm fires when ECS is done: the second UpdateService is the way back.
    Scenario(
        "alarm", "catalog", "", ("undo", "return", "return-follow"), "rolled-back", ONCE | {"UpdateService": 2},
        bake=60, alarm=True,
    ),
    # And what ran before is INACTIVE by then: its content is registered once more, and no more than once.
    Scenario(
        "restore", "catalog", "", ("restore",), "rolled-back",
        {"RegisterTaskDefinition": 2, "UpdateService": 2, "DeregisterTaskDefinition": 1},
        bake=60, alarm=True, deregister=True,
    ),
)


def known_points():
    """Every point there is, by the program's source. What is not understood is an error, not skipped."""
    hosts = [
        path.relative_to(SOURCES).as_posix()
        for path in sorted(SOURCES.rglob("*.rs"))
        if path.name != "failpoint.rs" and "failpoint(" in path.read_text()
    ]
    if hosts != ["deployment/engine.rs"]:
        raise SystemExit(f"points are expected in deployment/engine.rs alone, and found in {hosts}: cover them here")
    engine = (SOURCES / "deployment/engine.rs").read_text()
    places = set(re.findall(r'self\.point\([^"]*"([a-z.]+)"\)', engine))
    if places != set(PLACES) or engine.count("self.point(") != len(PLACES) or engine.count("failpoint(") != 1:
        raise SystemExit(f"the places in engine.rs are {sorted(places)}, covered here are {sorted(PLACES)}")
    state = (SOURCES / "deployment/state.rs").read_text()
    body = state[state.index("fn step(") :]
    steps = re.findall(r'\("([a-z-]+)", "', body[: body.index("\n    }\n")])
    return {point for step in steps for point in points_of(step)}


# Everything this check started and has not ended yet.
alive = set()
ports = set()
lock = threading.Lock()
stopping = threading.Event()


def start(command, log, **options):
    with lock:
        assert not stopping.is_set(), "the check was told to stop"
        process = subprocess.Popen(command, stderr=log, **options)
        alive.add(process)
    return process


def end(process, how=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(how)
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    with lock:
        alive.discard(process)
    return code


def free_port():
    """A port below those that connections are made from, so that it is still free when the program starts again."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        with lock:
            if port not in ports:
                ports.add(port)
                return port


def wait_for(what, holds, process=None):
    """Looks until `holds` answers something; `process` has to live meanwhile."""
    began = time.monotonic()
    while not (answer := holds()):
        if process is not None and process.poll() is not None:
            raise AssertionError(f"the program ended with {process.returncode} while waiting for {what}")
        if time.monotonic() - began > PATIENCE:
            raise AssertionError(f"waited {PATIENCE} s for {what}")
        time.sleep(0.05)
    return answer


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def post(url, body, headers={}):
    headers = {"content-type": "application/json"} | headers
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        urllib.request.urlopen(request, timeout=PATIENCE).close()
    except urllib.error.HTTPError as refusal:
        raise AssertionError(f"{url} refused {body}: {refusal.read().decode()}") from refusal


class Yard:
    """A simulator and one installation of the program beside it."""

    def __init__(self, binaries, scenario, folder):
        self.yardmaster, self.sim = binaries
        self.scenario = scenario
        self.folder = folder
        self.log = folder / "yardmaster.log"
        self.ledger = folder / "ledger.jsonl"
        self.url = f"http://127.0.0.1:{free_port()}"
        world = folder / "world"
        with open(folder / "sim.log", "wb") as log:
            self.world = start(
                [self.sim, "serve", "--data", world, "--speed", str(SPEED), "--ledger", self.ledger]
                + ["--addr-aws", "127.0.0.1:0", "--yardmaster-url", self.url],
                log,
                stdout=subprocess.PIPE,
                text=True,
            )
        self.at = json.loads(self.world.stdout.readline())
        self.config = folder / "yardmaster.toml"
        self.config.write_text(self.configuration(world))
        policy = folder / "policy.toml"
        policy.write_text(self.policy())
        self.command("policy", "apply", policy)
        if scenario.alarm:
            self.set_alarm("OK")

    def configuration(self, world):
        return f"""
listen = "{self.url.removeprefix("http://")}"
public_url = "{self.url}"
data = "{self.folder}/data"

[keys]
audit = "known to everybody: this is a check"
data = "known to everybody: this is a check"

[[login]]
name = "acme"
label = "Acme single sign-on"
issuer = "{self.at["issuer"]}"
client_id = "yardmaster"
client_secret = "known to everybody"

[[source]]
name = "github"
forge = "github"
secret = "demo-webhook-secret"
clone_prefixes = ["file://{world}/git/"]

[aws]
endpoint_url = "{self.at["aws"]}"
access_key_id = "ASIA111122223333SIMU"
secret_access_key = "known to everybody"
speed = {SPEED}

[[aws.account]]
id = "111122223333"
alias = "nonprod"
regions = ["eu-west-1"]
read_role = "arn:aws:iam::111122223333:role/yardmaster-read"
deploy_role = "arn:aws:iam::111122223333:role/yardmaster-deploy"
external_id = "acme-yardmaster"
"""

    def policy(self):
        service = self.scenario.service
        alarms = json.dumps([ALARM] if self.scenario.alarm else [])
        return f"""
[mapping]
tag = "yardmaster:service"

[[environment]]
name = "development"
account = "111122223333"
region = "eu-west-1"
cluster = "development"
sources = ["{BRANCH}"]
automatic = true
no_regress = false
required_stages = ["unit tests"]
alarms = {alarms}
bake_seconds = {self.scenario.bake}
deadline_seconds = {self.scenario.deadline}

[groups]
yardmaster-viewers = ["viewer"]

[[service]]
name = "{service}"
team = "check"
repository = "acme/{service}"
image_repository = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/{service}"
container = "{service}"
"""

    def command(self, *words):
        done = subprocess.run(
            [self.yardmaster, *words, "--config", self.config], capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, f"yardmaster {words[0]} {words[1]}: {done.stdout}{done.stderr}"

    def serve(self, failpoint=None):
        environment = {key: value for key, value in os.environ.items() if key != "YARDMASTER_FAILPOINT"}
        # No page is asked for, so no browser files are needed.
        environment["YARDMASTER_SITE"] = str(self.folder)
        if failpoint:
            environment["YARDMASTER_FAILPOINT"] = failpoint
        with open(self.log, "ab") as log:
            self.program = start([self.yardmaster, "serve", "--config", self.config], log, env=environment)
        wait_for("the program to be up", lambda: answers(f"{self.url}/livez"), self.program)

    def push(self):
        message = "Change something" + (f"\n\nrelease: {self.scenario.release}" if self.scenario.release else "")
        wanted = {"service": self.scenario.service, "branch": BRANCH, "author": "dana", "message": message}
        post(f"{self.at['forge']}/_forge/push", wanted)
        if self.scenario.alarm:
            wait_for("ECS to be done", lambda: self.on_step("bake"), self.program)
            if self.scenario.deregister:
                [(before,)] = self.rows("SELECT base_task_definition FROM deployment")
                self.ecs("DeregisterTaskDefinition", {"taskDefinition": before})
            self.set_alarm("ALARM")

    def ecs(self, operation, body):
        """Somebody else's call to ECS."""
        who = "AWS4-HMAC-SHA256 Credential=ASIA111122223333SIMU/20260101/eu-west-1/ecs/aws4_request"
        headers = {"x-amz-target": f"AmazonEC2ContainerServiceV20141113.{operation}", "authorization": who}
        post(self.at["aws"], body, headers)

    def set_alarm(self, state):
        wanted = {"account": "111122223333", "region": "eu-west-1", "name": ALARM, "state": state}
        post(f"{self.at['aws']}/_sim/alarm", wanted)

    def rows(self, query):
        """Reads the program's database beside it."""
        database = sqlite3.connect(f"file:{self.folder}/data/yardmaster.db?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()

    def at_rest(self):
        """The deployments' states, once there is one and none goes on."""
        found = self.rows("SELECT state, ended_at FROM deployment")
        return [state for state, _ in found] if found and all(ended for _, ended in found) else None

    def on_step(self, step):
        return self.rows(f"SELECT 1 FROM deployment_step WHERE step = '{step}' AND ended_at IS NULL")

    def effects(self):
        """How often AWS was changed, and how, by the simulator's word."""
        entries = [json.loads(line) for line in self.ledger.read_text().splitlines()]
        return Counter(entry["operation"] for entry in entries if entry["outcome"].startswith("ok"))

    def verdict(self):
        """Waits for the restarted program to come to rest, stops it, and judges."""
        states = wait_for("the deployment to come to rest", self.at_rest, self.program)
        code = end(self.program)
        assert code == 0, f"the restarted program ended with {code} when told to stop"
        effects = self.effects()
        assert states == [self.scenario.ends], f"deployments ended as {states}, expected {self.scenario.ends}"
        assert effects == Counter(self.scenario.effects), f"the ledger says {dict(effects)}"
        self.command("audit", "verify")
        assert "panicked at" not in self.log.read_text(), "the program panicked"
        counts = ", ".join(f"{word} {effects[operation]}" for operation, word in WORDS.items() if effects[operation])
        return f"{counts}, {states[0]}"

    def close(self):
        for process in (getattr(self, "program", None), self.world):
            if process is not None:
                end(process, signal.SIGKILL)


WORDS = {"RegisterTaskDefinition": "register", "UpdateService": "update", "StopServiceDeployment": "stop"}


def at_point(yard, point):
    """Dies at the point by itself."""
    yard.serve(point)
    yard.push()
    wait_for(f"the program to die at {point}", lambda: yard.program.poll() is not None)
    code = end(yard.program)
    assert code == -signal.SIGABRT, f"the program ended with {code}, not by SIGABRT"
    assert f"failpoint {point} reached" in yard.log.read_text(), "the program died, but not at the point"
    assert not yard.at_rest() or point.endswith("journal.after"), "it was at rest before it died"
    yard.serve()
    return yard.verdict()


def at_random(yard, _):
    """Killed from outside while a rollout is followed."""
    yard.serve()
    yard.push()
    wait_for("a rollout to be followed", lambda: yard.on_step("follow"), yard.program)
    # The moment is the one thing here that nothing tells: it is drawn.
    time.sleep(random.uniform(0, 0.5))
    code = end(yard.program, signal.SIGKILL)
    assert code == -signal.SIGKILL, f"the program ended with {code} before it was killed"
    yard.serve()
    return yard.verdict()


def run(binaries, scenario, name, play):
    """One point; answers whether all was well."""
    with tempfile.TemporaryDirectory(prefix="yardmaster-crash-") as folder:
        folder, yard, began = Path(folder), None, time.monotonic()
        try:
            yard = Yard(binaries, scenario, folder)
            said = play(yard, name)
            print(f"ok {scenario.name:9} {name:40} {said}  ({time.monotonic() - began:.0f} s)", flush=True)
            return True
        except Exception as cause:
            lines = [f"FAILED {scenario.name} {name}: {cause}"]
            if not isinstance(cause, AssertionError):
                lines.append(traceback.format_exc())
            for log in sorted(folder.glob("*.log")) + sorted(folder.glob("ledger.jsonl")):
                lines += [f"--- {log.name}", *log.read_text().splitlines()[-40:]]
            print("\n".join(lines), flush=True)
            return False
        finally:
            if yard is not None:
                yard.close()


def main(yardmaster, sim, wanted=""):
    covered = {point for scenario in SCENARIOS for point in scenario.points()}
    known = known_points()
    if covered != known:
        raise SystemExit(f"not covered: {sorted(known - covered)}; gone: {sorted(covered - known)}")
    jobs = [(scenario, point, at_point) for scenario in SCENARIOS for point in scenario.points()]
    jobs += [(scenario, "kill -9 from outside", at_random) for scenario in SCENARIOS if "follow" in scenario.steps]
    jobs = [job for job in jobs if wanted in f"{job[0].name} {job[1]}"]
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))
    with ThreadPoolExecutor(ABREAST) as pool:
        try:
            passed = list(pool.map(lambda job: run((yardmaster, sim), *job), jobs))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            with lock:
                stopping.set()
                for process in alive:
                    process.kill()
    print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed  ({time.monotonic() - began:.0f} s)")
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Jars: Apache Kafka from Maven Central, fetched once into a cache. Before the cluster can start."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from app.broker.lock import locked
from models.errors import Fatal

KAFKA_VERSION = "4.3.1"
DEFAULT_CACHE = Path(".sluice")
OLDEST_JAVA = 17

# Pinned: a newer plug-in would be one more thing that can differ between two machines.
_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_FETCH_TIMEOUT_S = 900  # 55 MB: about 60 kB/s is still enough
_JAVA_REMEDY = f"Java {OLDEST_JAVA} or newer is needed: apt-get install openjdk-17-jre-headless"
_MAVEN_REMEDY = "Maven is needed once, to fetch Apache Kafka: apt-get install maven"

Announce = Callable[[str], None]


def silent(_: str) -> None:
    """Announce to nobody."""


def ensure_jars(cache_dir: Path = DEFAULT_CACHE, announce: Announce = silent) -> Path:
    """The folder that holds Kafka's jars, `<cache_dir>/kafka-4.3.1/libs`; Maven fills it the first time only.

    Safe in two processes at once: the second waits and finds the folder full. A fetch that is cut off leaves
    nothing that looks whole.

    Raises:
        Fatal: no Java, a Java that is too old, no Maven, or a fetch that failed.
    """
    java_command()
    home = cache_dir.absolute() / f"kafka-{KAFKA_VERSION}"
    libs = home / "libs"
    if libs.is_dir():
        return libs
    with locked(home):
        if not libs.is_dir():
            announce(f"Fetching Apache Kafka {KAFKA_VERSION} from Maven Central (55 MB, once) …")
            _fetch(home, libs)
    return libs


def java_command() -> str:
    """The Java to run: that of JAVA_HOME, else the first on the PATH.

    Raises:
        Fatal: there is none, or it is older than 17.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else None
    java = found or shutil.which("java")
    if java is None:
        raise Fatal(_JAVA_REMEDY)
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = _major(answer.stderr + answer.stdout)
    if version is None or version < OLDEST_JAVA:
        raise Fatal(f"{_JAVA_REMEDY} (found {version or 'an unknown version'})")
    return java


def _major(answer: str) -> int | None:
    """17 from `openjdk version "17.0.15" 2025-04-15`, and 8 from the older `"1.8.0_412"`."""
    match = re.search(r'version "(?:1\.)?(\d+)', answer)
    return int(match[1]) if match else None


def _fetch(home: Path, libs: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Fatal(_MAVEN_REMEDY)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=home) as folder:
        pom = Path(folder, "pom.xml")
        pom.write_text(files("app.broker").joinpath("pom.xml").read_text(encoding="utf-8"), encoding="utf-8")
        fresh = Path(folder, "libs")
        command = [maven, "-B", "-q", "-f", str(pom), _GOAL]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_FETCH_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            raise Fatal(f"Maven did not fetch Apache Kafka within {_FETCH_TIMEOUT_S} s") from None
        if done.returncode != 0 or not any(fresh.glob("kafka_*.jar")):
            raise Fatal(f"Maven could not fetch Apache Kafka: {_first_error(done.stdout + done.stderr)}")
        fresh.rename(libs)


def _first_error(output: str) -> str:
    lines = [line.partition("[ERROR]")[2].strip() for line in output.splitlines() if "[ERROR]" in line]
    return next((line for line in lines if line), "it said nothing; run it again with the network at hand")

"""A real Mosquitto on this machine, with a password, which keeps what was not fetched also over its own end."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as mqtt

from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core.postgres import find_free_port

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
USER, PASSWORD = "winery", "broker-password"


@dataclass
class Broker:
    """The broker, and what a probe does there."""

    directory: Path
    port: int = field(default_factory=find_free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it lets somebody in."""
        assert MOSQUITTO is not None
        passwords = self.directory / "passwords"
        if not passwords.exists():
            maker = MOSQUITTO.replace("/sbin/", "/bin/") + "_passwd"
            subprocess.run([maker, "-b", "-c", passwords, USER, PASSWORD], check=True)
        settings = self.directory / "mosquitto.conf"
        settings.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
            f"persistence true\npersistence_location {self.directory}/\nautosave_interval 1\n"
            "autosave_on_changes true\n" + ("user root\n" if os.geteuid() == 0 else "")
            # As root it would become another user, who may not enter this directory.
        )
        with (self.directory / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen(
                [MOSQUITTO, "-c", str(settings)], stdout=log, stderr=log
            )
        wait_for(lambda: self._lets_in(), "the broker", timeout_s=20)

    def _lets_in(self) -> bool:
        try:
            self.publish("probe/test", "x")
        except OSError:
            return False
        return True

    def publish(self, topic: str, payload: str, *, qos: int = 1, retain: bool = False) -> None:
        """What a probe does: connect, say it, go."""
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.username_pw_set(USER, PASSWORD)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        sent = client.publish(topic, payload, qos=qos, retain=retain)
        sent.wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    def end(self) -> None:
        """End it in order: what it keeps for others is on the disk by then."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)
            self.process = None

"""Eclipse Paho for Python as a client of the end-to-end tests.

usage: agent.py HOST PORT VERSION [CAFILE]

Reads one command a line from standard input and writes one event a line to
standard output, both JSON; agent_test.go describes them. VERSION is 4 (MQTT
3.1.1) or 5.
"""

import json
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

HOST, PORT, VERSION = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
CAFILE = sys.argv[4] if len(sys.argv) > 4 else None

clients = {}
output = threading.Lock()


def tell(name, event, **more):
    with output:
        print(json.dumps({"as": name, "event": event, **more}), flush=True)


def number(code):
    return getattr(code, "value", code)


def new_client(name, command):
    options = {"client_id": command["id"], "protocol": VERSION, "reconnect_on_failure": False}
    if VERSION < 5:
        options["clean_session"] = command["clean"]
    if hasattr(mqtt, "CallbackAPIVersion"):  # Paho 2
        options["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION1
    client = mqtt.Client(**options)

    def on_connect(_client, _userdata, flags, code, _properties=None):
        if number(code) == 0:
            tell(name, "connected", present=bool(flags["session present"]))
        else:
            tell(name, "refused", code=number(code))

    def on_message(_client, _userdata, m):
        tell(name, "message", topic=m.topic, payload=m.payload.decode(), qos=m.qos, retain=bool(m.retain))

    client.on_connect = on_connect
    client.on_message = on_message
    client.on_subscribe = lambda *_: tell(name, "subscribed")
    client.on_disconnect = lambda _client, _userdata, code, *_: tell(name, "closed", code=number(code))
    if command.get("will"):
        w = command["will"]
        client.will_set(w["topic"], w["payload"], w["qos"], w["retain"])
    if CAFILE:
        client.tls_set(CAFILE)
    return client


def connect(name, command):
    client = clients[name] = new_client(name, command)
    if VERSION < 5:
        client.connect(HOST, PORT)
    else:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = command["expiry"]
        client.connect(HOST, PORT, clean_start=command["clean"], properties=properties)
    client.loop_start()


def publish(name, command):
    sent = clients[name].publish(command["topic"], command["payload"], command["qos"], command["retain"])
    sent.wait_for_publish()
    tell(name, "published")


for line in sys.stdin:
    command = json.loads(line)
    name = command["as"]
    try:
        if command["do"] == "connect":
            connect(name, command)
        elif command["do"] == "subscribe":
            clients[name].subscribe(command["filter"], command["qos"])
        elif command["do"] == "publish":
            publish(name, command)
        elif command["do"] == "disconnect":
            clients[name].disconnect()
    except Exception as e:
        tell(name, "failed", text=repr(e))

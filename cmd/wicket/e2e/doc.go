// Package e2e holds tests only: they build the real binary, start it with
// real files, and talk to it with real clients (mosquitto, Paho, MQTT.js,
// openssl). A test that needs a program which is not there is skipped on a
// contributor's machine and fails where CI=true.
package e2e

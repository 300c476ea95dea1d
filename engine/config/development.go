package config

// Development is the configuration of a broker started without a file: plain
// MQTT and MQTT over TLS on loopback, the TLS certificate from a development
// CA in the data directory, and users from a file there.
const Development = `listeners:
  tcp:
    default:
      bind: 127.0.0.1:1883
  tls:
    default:
      bind: 127.0.0.1:8883
plugins:
  password:
    file: builtin:password
    config:
      users_file: users
auth:
  chain: [password]
`

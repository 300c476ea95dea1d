// MQTT.js as a client of the end-to-end tests.
//
// usage: node agent.js HOST PORT VERSION [CAFILE]
//
// Reads one command a line from standard input and writes one event a line to
// standard output, both JSON; agent_test.go describes them. VERSION is 4 (MQTT
// 3.1.1) or 5.

const fs = require('node:fs')
const readline = require('node:readline')
const mqtt = require('mqtt')

const [host, port, version, cafile] = process.argv.slice(2)
const clients = new Map()

function tell(name, event, more) {
  process.stdout.write(JSON.stringify({ as: name, event, ...more }) + '\n')
}

function connect(name, command) {
  const five = version === '5'
  const client = mqtt.connect({
    protocol: cafile ? 'mqtts' : 'mqtt',
    host,
    port: Number(port),
    ca: cafile && fs.readFileSync(cafile),
    protocolVersion: Number(version),
    clientId: command.id,
    clean: command.clean,
    will: command.will,
    properties: five ? { sessionExpiryInterval: command.expiry } : undefined,
    reconnectPeriod: 0,
    resubscribe: false,
  })
  clients.set(name, client)
  let code = 0
  client.on('connect', (connack) => tell(name, 'connected', { present: connack.sessionPresent }))
  client.on('message', (topic, payload, p) =>
    tell(name, 'message', { topic, payload: payload.toString(), qos: p.qos, retain: p.retain }))
  client.on('disconnect', (p) => { code = p.reasonCode })
  client.on('close', () => tell(name, 'closed', { code }))
  client.on('error', (e) => tell(name, 'refused', { code: e.code, text: e.message }))
}

const does = {
  connect,
  subscribe: (name, c) => clients.get(name).subscribeAsync(c.filter, { qos: c.qos }).then(() => tell(name, 'subscribed')),
  publish: (name, c) => clients.get(name).publishAsync(c.topic, c.payload, { qos: c.qos, retain: c.retain }).then(() => tell(name, 'published')),
  disconnect: (name) => clients.get(name).endAsync(),
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const command = JSON.parse(line)
  try {
    await does[command.do](command.as, command)
  } catch (e) {
    tell(command.as, 'failed', { text: String(e) })
  }
}).on('close', () => process.exit(0))

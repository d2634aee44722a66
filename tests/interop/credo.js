/* An agent of credo-ts, led by lines of JSON.
 *
 *   node credo.js --name NAME [--port PORT] [--mediator INVITATION_URL] [--pickup v1|v2] [--serve]
 *
 * --port: where it can be reached; without it, it is behind the mediator. --serve: it is a mediator.
 *
 * in:  {"cmd": "invite", "kind": "c_i" | "connections" | "didexchange", "many": bool}   -> {"event": "invitation", "url"}
 *      {"cmd": "accept", "url"}, {"cmd": "ping", "id"}, {"cmd": "say", "id", "text"}
 * out: ready, invitation, connection (id, state, their label), pinged, ponged, message (id, content), error
 */
require('reflect-metadata')
const C = require('@credo-ts/core')
const { agentDependencies, HttpInboundTransport } = require('@credo-ts/node')
const readline = require('readline')
const memory = require('./memory.js')

const { parseArgs } = require('node:util')
const { values: options } = parseArgs({
  options: {
    name: { type: 'string' },
    port: { type: 'string' },
    mediator: { type: 'string' },
    pickup: { type: 'string', default: 'v2' },
    serve: { type: 'boolean', default: false },
  },
})

const tell = (event) => process.stdout.write(JSON.stringify(event) + '\n')
const endpoint = options.port ? `http://127.0.0.1:${options.port}` : undefined

function modules() {
  const set = {
    memory: memory.module,
    connections: new C.ConnectionsModule({ autoAcceptConnections: true }),
    messagePickup: new C.MessagePickupModule(),
  }
  if (options.serve) set.mediator = new C.MediatorModule({ autoAcceptMediationRequests: true })
  if (options.mediator)
    set.mediationRecipient = new C.MediationRecipientModule({
      mediatorInvitationUrl: options.mediator,
      mediatorPickupStrategy: options.pickup === 'v1' ? C.MediatorPickupStrategy.PickUpV1 : C.MediatorPickupStrategy.PickUpV2,
      mediatorPollingInterval: 500,
    })
  return set
}

const agent = new C.Agent({
  config: {
    label: options.name,
    walletConfig: { id: options.name, key: options.name },
    endpoints: endpoint ? [endpoint] : undefined,
    logger: new C.ConsoleLogger(process.env.CREDO_LOG ? C.LogLevel.debug : C.LogLevel.off),
  },
  dependencies: agentDependencies,
  modules: modules(),
})

const domain = endpoint || 'https://invitation.example'

async function invite({ kind, many }) {
  if (kind === 'c_i') {
    const { invitation } = await agent.oob.createLegacyInvitation({ autoAcceptConnection: true, multiUseInvitation: !!many })
    return invitation.toUrl({ domain })
  }
  const handshake = kind === 'didexchange' ? C.HandshakeProtocol.DidExchange : C.HandshakeProtocol.Connections
  const { outOfBandInvitation } = await agent.oob.createInvitation({
    autoAcceptConnection: true,
    multiUseInvitation: !!many,
    handshakeProtocols: [handshake],
  })
  return outOfBandInvitation.toUrl({ domain })
}

const commands = {
  invite: async (line) => tell({ event: 'invitation', url: await invite(line) }),
  accept: ({ url }) =>
    agent.oob.receiveInvitationFromUrl(url, { autoAcceptConnection: true, autoAcceptInvitation: true, label: options.name }),
  ping: ({ id }) => agent.connections.sendPing(id, { responseRequested: true }),
  say: ({ id, text }) => agent.basicMessages.sendMessage(id, text),
}

function listen() {
  agent.events.on(C.ConnectionEventTypes.ConnectionStateChanged, ({ payload: { connectionRecord: r } }) =>
    tell({ event: 'connection', id: r.id, state: r.state, theirLabel: r.theirLabel }))
  agent.events.on(C.TrustPingEventTypes.TrustPingReceivedEvent, () => tell({ event: 'pinged' }))
  agent.events.on(C.TrustPingEventTypes.TrustPingResponseReceivedEvent, () => tell({ event: 'ponged' }))
  agent.events.on(C.BasicMessageEventTypes.BasicMessageStateChanged, ({ payload: { basicMessageRecord: r } }) => {
    if (r.role === 'receiver') tell({ event: 'message', id: r.connectionId, content: r.content })
  })
}

async function main() {
  agent.registerOutboundTransport(new C.HttpOutboundTransport())
  agent.registerOutboundTransport(new C.WsOutboundTransport())
  if (options.port) agent.registerInboundTransport(new HttpInboundTransport({ port: Number(options.port) }))
  listen()
  await agent.initialize()
  tell({ event: 'ready' })
  const lines = readline.createInterface({ input: process.stdin })
  lines.on('line', (text) => {
    const line = JSON.parse(text)
    commands[line.cmd](line).catch((error) => tell({ event: 'error', message: error.message }))
  })
  lines.on('close', () => process.exit(0))
}

main().catch((error) => {
  tell({ event: 'error', message: error.stack })
  process.exit(1)
})

/* What credo-ts asks of a wallet and of a storage, in memory: its own ones are native modules. Keys are libsodium's, envelopes are
 * packed by encryption-envelope-js. */
const C = require('@credo-ts/core')
const sodium = require('libsodium-wrappers')
const { DIDComm } = require('encryption-envelope-js')
const crypto = require('crypto')

const envelopes = new DIDComm()

function matches(tags, query) {
  const { $and, $or, $not, ...rest } = query
  for (const [key, value] of Object.entries(rest)) {
    if (value === undefined) continue
    const tag = tags[key]
    if (Array.isArray(value) ? !Array.isArray(tag) || !value.every((one) => tag.includes(one)) : tag !== value) return false
  }
  if ($and && !$and.every((one) => matches(tags, one))) return false
  if ($or && !$or.some((one) => matches(tags, one))) return false
  return !$not || !matches(tags, $not)
}

class MemoryStorage {
  records = new Map()

  instance(stored, Class) {
    const record = C.JsonTransformer.fromJSON(stored.value, Class)
    record.id = stored.id
    record.replaceTags(stored.tags)
    return record
  }

  put(record) {
    record.updatedAt = new Date()
    const value = C.JsonTransformer.toJSON(record)
    delete value._tags
    this.records.set(record.id, { id: record.id, type: record.type, tags: record.getTags(), value })
  }

  async save(_context, record) {
    if (this.records.has(record.id)) throw new C.RecordDuplicateError('there already', { recordType: record.type })
    this.put(record)
  }

  async update(_context, record) {
    if (!this.records.has(record.id)) throw new C.RecordNotFoundError('not there', { recordType: record.type })
    this.put(record)
  }

  async delete(_context, record) {
    this.records.delete(record.id)
  }

  async deleteById(_context, _class, id) {
    this.records.delete(id)
  }

  async getById(_context, Class, id) {
    const stored = this.records.get(id)
    if (!stored) throw new C.RecordNotFoundError('not there', { recordType: Class.type })
    return this.instance(stored, Class)
  }

  all(Class) {
    return [...this.records.values()].filter((stored) => stored.type === Class.type)
  }

  async getAll(_context, Class) {
    return this.all(Class).map((stored) => this.instance(stored, Class))
  }

  async findByQuery(_context, Class, query, options = {}) {
    const offset = options.offset || 0
    const found = this.all(Class).filter((stored) => matches(stored.tags, query))
    const end = options.limit === undefined ? undefined : offset + options.limit
    return found.slice(offset, end).map((stored) => this.instance(stored, Class))
  }
}

class MemoryWallet {
  keys = {}
  supportedKeyTypes = [C.KeyType.Ed25519]
  isInitialized = false
  isProvisioned = false

  async create() {
    this.isProvisioned = true
  }

  async open() {
    if (!this.isProvisioned) throw new C.WalletNotFoundError('not there', { walletType: 'memory' })
    await sodium.ready
    await envelopes.Ready
    this.isInitialized = true
  }

  async createAndOpen(config) {
    await this.create(config)
    await this.open(config)
  }

  async close() {
    this.isInitialized = false
  }

  async dispose() {
    this.isInitialized = false
  }

  async createKey({ seed, privateKey, keyType }) {
    if (keyType !== C.KeyType.Ed25519) throw new C.WalletError(`no keys of type ${keyType}`)
    const given = seed || privateKey
    const pair = given ? sodium.crypto_sign_seed_keypair(given) : sodium.crypto_sign_keypair()
    this.keys[C.TypedArrayEncoder.toBase58(pair.publicKey)] = { publicKey: pair.publicKey, privateKey: pair.privateKey }
    return C.Key.fromPublicKey(pair.publicKey, keyType)
  }

  async sign({ data, key }) {
    return C.Buffer.from(sodium.crypto_sign_detached(data, this.keys[key.publicKeyBase58].privateKey))
  }

  async verify({ data, key, signature }) {
    return sodium.crypto_sign_verify_detached(signature, data, key.publicKey)
  }

  async pack(payload, recipients, sender) {
    const to = recipients.map((key) => C.TypedArrayEncoder.fromBase58(key))
    return JSON.parse(envelopes.packMessage(JSON.stringify(payload), to, sender ? { ...this.keys[sender] } : null))
  }

  /* The library looks at the first recipient only: it is given the one that is here. */
  async unpack(envelope) {
    const protectedHead = C.JsonEncoder.fromBase64(envelope.protected)
    const recipient = protectedHead.recipients.find((one) => this.keys[one.header.kid])
    if (!recipient) throw new C.WalletError('No corresponding recipient key found')
    const [cek, sender] = envelopes.locateRecKey([recipient], this.keys[recipient.header.kid])
    const text = envelopes.decryptPlaintext(
      envelopes.b64dec(envelope.ciphertext), envelopes.b64dec(envelope.tag), envelope.protected, envelopes.b64dec(envelope.iv), cek)
    return { plaintextMessage: JSON.parse(text), senderKey: sender || undefined, recipientKey: recipient.header.kid }
  }

  async generateNonce() {
    return BigInt('0x' + crypto.randomBytes(10).toString('hex')).toString()
  }

  getRandomValues(n) {
    return new Uint8Array(crypto.randomBytes(n))
  }

  async generateWalletKey() {
    return C.TypedArrayEncoder.toBase58(crypto.randomBytes(32))
  }
}

/* A module of credo's that has both. */
exports.module = {
  register(dependencies) {
    dependencies.registerInstance(C.InjectionSymbols.Wallet, new MemoryWallet())
    dependencies.registerInstance(C.InjectionSymbols.StorageService, new MemoryStorage())
  },
}

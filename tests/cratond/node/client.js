/* The daemon as a program on Node.js uses it; results are checked by node:crypto.
 *
 *     client.js PORT CA CERT KEY        CERT and KEY "-": none. The PIN is in PIN.
 *     client.js PORT CA CERT KEY probe  opens a session, and prints the status
 *
 * PROTO is the folder of craton_hsm.proto, MODULES the one with @grpc/grpc-js.
 * Prints "ok NAME" or "not ok NAME: WHY".
 * SPDX-License-Identifier: Apache-2.0 */
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');

const load = createRequire(path.join(process.env.MODULES, 'client.js'));
const grpc = load('@grpc/grpc-js');
const proto = load('@grpc/proto-loader');

const DEADLINE_MS = 60000;
const MESSAGE = Buffer.from('The quick brown fox jumps over the lazy dog');
const P256 = Buffer.from('06082a8648ce3d030107', 'hex');
const LABEL = Buffer.from('by-node');
const YES = Buffer.from([1]);
const NO = Buffer.from([0]);

function attribute(kind, value) {
    return { attr_type: kind, value };
}

function ulong(value) {
    const out = Buffer.alloc(8);
    out.writeBigUInt64LE(BigInt(value));
    return out;
}

function must(what, why) {
    if (!what)
        throw new Error(why);
}

function connect(port, ca, cert, key) {
    const [own, secret] = cert === '-' ? [null, null] : [fs.readFileSync(cert), fs.readFileSync(key)];
    const tls = grpc.credentials.createSsl(fs.readFileSync(ca), secret, own);
    const definition = proto.loadSync('craton_hsm.proto', {
        includeDirs: [process.env.PROTO], keepCase: true, longs: String, defaults: true });
    const { HsmService } = grpc.loadPackageDefinition(definition).craton_hsm;
    return new HsmService(`localhost:${port}`, tls);
}

class Client {
    constructor(stub) {
        this.stub = stub;
        this.session = '0';
    }

    call(method, request) {
        return new Promise((resolve, reject) => {
            this.stub[method](request, { deadline: Date.now() + DEADLINE_MS },
                (error, response) => (error ? reject(error) : resolve(response)));
        });
    }

    within(method, request) {
        return this.call(method, { session_handle: this.session, ...request });
    }

    async value(object, kind) {
        const got = await this.within('GetAttributeValue', { object_handle: object, attribute_types: [kind] });
        return got.attributes[0].value;
    }

    async login() {
        this.session = (await this.call('OpenSession', { read_write: true })).session_handle;
        await this.within('Login', { user_type: 1, pin: Buffer.from(process.env.PIN) });
    }

    async sign() {
        const label = attribute(0x3, LABEL);
        const made = await this.within('GenerateKeyPair', {
            mechanism: { mechanism_type: 0x1040 },
            public_template: [attribute(0x180, P256), attribute(0x10a, YES), label],
            private_template: [attribute(0x108, YES), label],
        });
        const point = await this.value(made.public_key_handle, 0x181);
        const mechanism = { mechanism_type: 0x1044 };
        const { signature } = await this.within('Sign', {
            mechanism, key_handle: made.private_key_handle, data: MESSAGE });
        const [x, y] = [point.subarray(3, 35), point.subarray(35, 67)].map((each) => each.toString('base64url'));
        const key = crypto.createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
        must(crypto.verify('sha256', MESSAGE, { key, dsaEncoding: 'ieee-p1363' }, signature),
            'node:crypto does not verify it');
        const checked = await this.within('Verify', {
            mechanism, key_handle: made.public_key_handle, data: MESSAGE, signature });
        must(checked.valid, 'the daemon does not verify it');
    }

    async encrypt() {
        const { key_handle: handle } = await this.within('GenerateKey', {
            mechanism: { mechanism_type: 0x1080 },
            template: [attribute(0x161, ulong(32)), attribute(0x104, YES), attribute(0x162, YES), attribute(0x103, NO)],
        });
        const [iv, aad] = [Buffer.alloc(12), Buffer.from('aad')];
        const { encrypted_data: sealed } = await this.within('Encrypt', {
            mechanism: { mechanism_type: 0x1087, gcm: { iv, aad } }, key_handle: handle, data: MESSAGE });
        const cipher = crypto.createDecipheriv('aes-256-gcm', await this.value(handle, 0x11), iv);
        cipher.setAAD(aad);
        cipher.setAuthTag(sealed.subarray(-16));
        const opened = Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
        must(opened.equals(MESSAGE), 'it is another message');
    }

    async find() {
        const { object_handles: handles } = await this.within('FindObjects', { template: [attribute(0x3, LABEL)] });
        must(handles.length === 2, `${handles.length} objects`);
    }

    async random() {
        const { random_data: data } = await this.within('GenerateRandom', { length: 32 });
        must(data.length === 32, `${data.length} bytes`);
    }
}

async function main([port, ca, cert, key, probe]) {
    const stub = connect(port, ca, cert, key);
    const client = new Client(stub);
    if (probe) {
        const status = await client.call('OpenSession', {}).then(() => grpc.status.OK, (error) => error.code);
        console.log(grpc.status[status]);
    } else {
        for (const step of ['login', 'sign', 'encrypt', 'find', 'random'])
            console.log(await client[step]().then(() => `ok ${step}`, (error) => `not ok ${step}: ${error.message}`));
    }
    stub.close();
}

main(process.argv.slice(2));

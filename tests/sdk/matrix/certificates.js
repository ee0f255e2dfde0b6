/*
 * Certificates of devices, made by openssl: self-signed ones, and those of a CA.
 */
'use strict';

const { execFileSync } = require('node:child_process');
const { X509Certificate } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(...args) {
  execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/* A directory of certificates. A credential is { cert, key }, PEM texts as the SDKs take them. */
class Certificates {
  constructor() {
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'devicebound-test-certificates-'));
    this.count = 0;
  }

  remove() {
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  file(name) {
    return path.join(this.directory, name);
  }

  read(name) {
    return fs.readFileSync(this.file(name), 'utf8');
  }

  /* Negative days: expired. */
  selfSigned(commonName, days = 2) {
    return this.issue(commonName, days, (name) => ['-signkey', this.file(`${name}.key`)], []);
  }

  /* A CA of that file name; under `issuer` where one is given. Gives the path of its certificate. */
  authority(name, issuer) {
    const by = issuer ? ['-CA', this.file(`${issuer}.pem`), '-CAkey', this.file(`${issuer}.key`)] : [];
    openssl('req', '-x509', ...NEW_KEY, '-subj', `/CN=${name}`, '-days', '2', ...by,
      '-addext', 'basicConstraints=critical,CA:true', '-addext', 'keyUsage=critical,keyCertSign,cRLSign',
      '-keyout', this.file(`${name}.key`), '-out', this.file(`${name}.pem`));
    return this.file(`${name}.pem`);
  }

  /* A device's certificate by that CA, with the CAs `chain` behind it; `name` for its files. */
  signedBy(authority, commonName, { days = 2, chain = [], name } = {}) {
    return this.issue(commonName, days, () => ['-CA', this.file(`${authority}.pem`),
      '-CAkey', this.file(`${authority}.key`), '-set_serial', String(1000 + this.count)], chain, name);
  }

  issue(commonName, days, signer, chain, name = `device${this.count++}`) {
    openssl('req', '-new', ...NEW_KEY, '-subj', `/CN=${commonName}`,
      '-keyout', this.file(`${name}.key`), '-out', this.file(`${name}.csr`));
    openssl('x509', '-req', '-in', this.file(`${name}.csr`), '-days', String(days), ...signer(name),
      '-out', this.file(`${name}.pem`));
    const cert = [name, ...chain].map((one) => this.read(`${one}.pem`)).join('');
    return { cert, key: this.read(`${name}.key`) };
  }
}

/* The hash of a credential's certificate, as the registry takes it. */
function thumbprint({ cert }, algorithm = 'sha1') {
  const certificate = new X509Certificate(cert);
  const hash = algorithm === 'sha1' ? certificate.fingerprint : certificate.fingerprint256;
  return hash.replaceAll(':', '');
}

module.exports = { Certificates, thumbprint };
